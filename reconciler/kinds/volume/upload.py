"""Fill a new volume with the content of a file.

The file goes into a volume with an unfinished name first, and libvirt copies that one, converting the format. So a
volume that bears its own name is whole, however the run ends; what a crashed run left is removed by the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader

from reconciler import markup
from reconciler.errors import trouble
from reconciler.kinds.volume.handles import Connection, Pool, Stream, Volume
from reconciler.markup import Element

SUFFIX = ".partial"
CHUNK = 1 << 20
END = 2


def check(path: str, sha256: str) -> None:
    """Raise R401 for a file that cannot be read, or is not what was said."""
    with _opened(path, sha256):
        pass


@contextmanager
def _opened(path: str, sha256: str) -> Iterator[BufferedReader]:
    try:
        # The core has no pathlib, and the path is a plain string of the document.
        with open(path, "rb") as file:  # noqa: PTH123
            _verify(file, path, sha256)
            yield file
    except OSError as error:
        raise trouble("R401", f"the source {path} cannot be read: {error.strerror}") from error


def fill(connection: Connection, pool: Pool, root: Element, path: str, sha256: str) -> None:
    """Make the volume that `root` defines with the content of a file. Raises R401 for a file that is not as said."""
    with _opened(path, sha256) as file:
        partial = _upload(connection, pool, root, file)
    try:
        _copy(pool, root, partial)
    finally:
        partial.delete(0)


def _verify(file: BufferedReader, path: str, sha256: str) -> None:
    if not sha256:
        return
    found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise trouble("R401", f"the source {path} has sha256 {found}, not {sha256}; correct one of them")


def _upload(connection: Connection, pool: Pool, root: Element, file: BufferedReader) -> Volume:
    length = file.seek(0, END)
    file.seek(0)
    name = (root.findtext("name") or "") + SUFFIX
    for stale in pool.listAllVolumes(0):
        if stale.name() == name:
            stale.delete(0)
    partial = pool.createXML(_raw(name, length), 0)
    stream = connection.newStream(0)
    partial.upload(stream, 0, length, 0)
    stream.sendAll(_next, file)
    stream.finish()
    # The pool looks at the content again and finds its format.
    pool.refresh(0)
    return partial


def _raw(name: str, length: int) -> str:
    root = markup.parse("<volume><name/><capacity unit='bytes'/><target><format type='raw'/></target></volume>")
    root[0].text = name
    root[1].text = str(length)
    return markup.serialise(root)


def _next(stream: Stream, count: int, file: BufferedReader) -> bytes:
    return file.read(min(count, CHUNK))


def _copy(pool: Pool, root: Element, partial: Volume) -> None:
    """The copy has at least the size of its source; it grows to the one that is asked for."""
    wanted = int(root.findtext("capacity") or "0")
    content = int(markup.parse(partial.XMLDesc(0)).findtext("capacity") or "0")
    if 0 < wanted < content:
        message = f"{root.findtext('name')} asks for {wanted} bytes, but its source has {content}; ask for more"
        raise trouble("R401", message)
    markup.graft(root, [("capacity", str(content)), ("capacity@unit", "bytes")], {})
    volume = pool.createXMLFrom(markup.serialise(root), partial, 0)
    if wanted > content:
        volume.resize(wanted, 0)
