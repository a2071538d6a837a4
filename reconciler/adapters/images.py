"""Content for volumes out of files and web pages: fetched once, found to be what was said, read piece by piece.

What is fetched is kept by its digest in a directory of its own, as it came. Content is unpacked twice, once to learn
its size and digest and once on its way to a host, so that neither memory nor disk has to hold it unpacked.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import BufferedReader
from pathlib import Path

from reconciler.adapters.image_download import Web, download, shown
from reconciler.adapters.image_streams import BROKEN, CHUNK, Hashed, unpacked
from reconciler.errors import ReconcilerError, trouble
from reconciler.model.disk_images import FORMATS, HEAD, Header, read_header
from reconciler.model.quantities import format_size
from reconciler.ports import Cache, ContentSource, Watch

# The cache's table of what files were found to hold.
TABLE = "images"
USUAL_LIMIT = 100 << 30
USUAL_ROOM = 20 << 30
DIGEST = "sha256"
DAY = 86400


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a file holds: the hex digests of it and of its content, the content's bytes and header, what is broken."""

    digest: str
    content: str
    length: int
    header: Header
    broken: str = ""


class LocalImages:
    """`ports.Images` of this machine. `base` is where relative paths begin, `directory` where fetched files are kept.

    `limit` is the most bytes that an image may have unless it says otherwise, `room` how many all kept files may take.
    """

    def __init__(
        self, directory: Path, base: Path, cache: Cache, web: Web, *, limit: int = USUAL_LIMIT, room: int = USUAL_ROOM
    ) -> None:
        self._directory, self._base, self._cache, self._web = directory, base, cache, web
        self._limit, self._room = limit, room

    @contextmanager
    def opened(self, source: ContentSource, watch: Watch) -> Iterator[FileContent]:
        """The content, from its beginning."""
        with self._file(source, watch) as file:
            found = self._measured(file, source, watch)
            _judge(found, source, source.limit or self._limit)
            file.seek(0)
            yield FileContent(file, source, found)

    def known_size(self, source: ContentSource) -> int:
        """How many bytes its file has: one that was fetched before, or one of this machine."""
        try:
            return self._place(source).stat().st_size
        except OSError:
            return 0

    def _place(self, source: ContentSource) -> Path:
        if source.url:
            return self._directory / source.digest.replace(":", "-")
        return self._base / source.path

    @contextmanager
    def _file(self, source: ContentSource, watch: Watch) -> Iterator[BufferedReader]:
        """The file as it is. What it is called later does not matter to who has it open."""
        place = self._place(source)
        try:
            if source.url and not place.exists():
                self._fetch(source, place, watch)
            file = place.open("rb")
        except OSError as error:
            what = f"the source {source.path}" if source.path else str(place)
            raise trouble("R401", f"{what} cannot be read: {error.strerror}") from error
        with file:
            if source.url:
                # Which was used last is kept longest.
                os.utime(place)
            yield file

    def _fetch(self, source: ContentSource, place: Path, watch: Watch) -> None:
        """Bring a file into our directory; it has its name only once it is found to be what was said."""
        from filelock import FileLock

        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = place.with_name(f"{place.name}.part")
        with FileLock(f"{place}.lock"):
            if place.exists():
                return
            limit = source.limit or self._limit
            resumed = download(source.url, part, limit, self._web, watch)
            if self._mismatch(part, source, watch) and resumed:
                # The pieces may be of two files.
                part.unlink()
                download(source.url, part, limit, self._web, watch)
            wrong = self._mismatch(part, source, watch)
            part.with_name(f"{part.name}.version").unlink(missing_ok=True)
            if wrong:
                part.unlink()
                raise trouble("R621", wrong)
            part.replace(place)
        self._make_room(place)

    def _mismatch(self, path: Path, source: ContentSource, watch: Watch) -> str:
        with path.open("rb") as file:
            return _wrong(self._measured(file, source, watch), source)

    def _make_room(self, keep: Path) -> None:
        """Remove what was not used for longest until the rest takes no more than `room`; never the newest one.

        Who reads a file goes on reading it. What another run may be fetching stays for a day.
        """
        now, taken = keep.stat().st_mtime, keep.stat().st_size
        others = [(path.stat(), path) for path in self._directory.iterdir() if path != keep and path.suffix != ".lock"]
        for about, path in sorted(others, key=lambda each: each[0].st_mtime, reverse=True):
            if ".part" in path.suffixes and now - about.st_mtime < DAY:
                continue
            taken += about.st_size
            if taken > self._room:
                path.unlink(missing_ok=True)

    def _measured(self, file: BufferedReader, source: ContentSource, watch: Watch) -> Measured:
        """What is in a file; remembered for as long as the file is the same."""
        known = os.fstat(file.fileno())
        about = [known.st_dev, known.st_ino, known.st_size, known.st_mtime_ns, source.compression, source.limit]
        about += [self._limit, _algorithm(source.digest), _algorithm(source.content_digest)]
        key = hashlib.sha256(json.dumps(about).encode()).hexdigest()
        row = self._cache.get(TABLE, (key,)).get(key)
        if row is not None:
            values = json.loads(row)
            return Measured(**{**values, "header": Header(**values["header"])})
        found = measure(file, known.st_size, source, source.limit or self._limit, watch)
        self._cache.put(TABLE, {key: json.dumps(asdict(found))})
        return found


def measure(file: BufferedReader, size: int, source: ContentSource, limit: int, watch: Watch) -> Measured:
    """Read a file to its end, unpacking as far as `limit` bytes."""
    file.seek(0)
    outer = Hashed(file, _algorithm(source.digest))
    inner = Hashed(unpacked(outer, source.compression), _algorithm(source.content_digest))
    head, broken = b"", ""
    try:
        while piece := inner.read(CHUNK):
            head += piece[: HEAD - len(head)]
            watch("checking", outer.count, size)
            if inner.count > limit:
                broken = f"it is larger than the {format_size(limit)} that it may have"
                break
    except BROKEN as error:
        broken = f"it cannot be unpacked: {error}"
    digest = outer.digest()
    content = inner.digest() if not broken else ""
    return Measured(digest=digest, content=content, length=inner.count, header=read_header(head), broken=broken)


def _algorithm(digest: str) -> str:
    return digest.partition(":")[0] or DIGEST


def _wrong(found: Measured, source: ContentSource) -> str:
    """Why a file is not the one that was meant, "" if it is; both digests are named."""
    what = shown(source.url) or source.path
    if source.digest not in ("", f"{_algorithm(source.digest)}:{found.digest}"):
        return f"{what} has {_algorithm(source.digest)}:{found.digest}, not {source.digest}; correct one of them"
    return ""


def _judge(found: Measured, source: ContentSource, limit: int) -> None:
    """Raise R621 for another file than was meant, R623 for one that no host may get."""
    if wrong := _wrong(found, source):
        raise trouble("R621", wrong)
    what, header = shown(source.url) or source.path, found.header
    inside = f"{_algorithm(source.content_digest)}:{found.content}"
    if found.broken:
        raise trouble("R623", f"{what} is refused: {found.broken}")
    if source.content_digest not in ("", inside):
        raise trouble("R621", f"inside of {what} is {inside}, not {source.content_digest}; correct one of them")
    if source.format and header.format != source.format:
        raise trouble("R623", f"{what} is {header.format}, not {source.format}; correct the format")
    if source.digest and header.format not in FORMATS:
        raise trouble("R623", f"{what} is {header.format}; an image is {' or '.join(FORMATS)}")
    if header.refused:
        raise trouble("R623", f"{what} is refused: {header.refused}; qemu-img convert makes one that stands alone")
    if header.size > limit:
        raise trouble("R623", f"{what} has {header.size} bytes inside, more than the {limit} that it may have")


class FileContent:
    """`ports.Content` of an open file. At its end it is known to be the file that was measured, to the last byte."""

    def __init__(self, file: BufferedReader, source: ContentSource, found: Measured) -> None:
        self._source, self._found = source, found
        self._outer = Hashed(file, _algorithm(source.digest))
        self._inner = unpacked(self._outer, source.compression)

    @property
    def length(self) -> int:
        return self._found.length

    def read(self, count: int, /) -> bytes:
        """The next bytes."""
        try:
            data = self._inner.read(count)
        except BROKEN as error:
            raise self._changed() from error
        if not data and self._outer.digest() != self._found.digest:
            raise self._changed()
        return data

    def _changed(self) -> ReconcilerError:
        what = shown(self._source.url) or self._source.path
        return trouble("R621", f"{what} has changed while it was read; run it again")
