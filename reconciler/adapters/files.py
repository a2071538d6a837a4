"""The desired state in a directory: its manifests as they are now."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from reconciler.adapters.ignore import IGNORE_NAME, SUFFIXES, Ignore
from reconciler.errors import ManifestError, Problem, ReconcilerError, trouble
from reconciler.ports import LIMIT_XML, LIMIT_YAML, SourceFile


class Identity(Protocol):
    """Which revision a directory holds, whose it is, and how far its repository reaches (None outside of one)."""

    def revision(self) -> str | None: ...
    def owners(self) -> Sequence[str]: ...
    def top(self) -> Path | None: ...
    def at(self, directory: Path) -> Identity: ...


class DirectorySource:
    """`ports.Source` of a directory. Nothing below the directories in `apart` is taken for a manifest."""

    def __init__(
        self, directory: Path, identity: Identity, apart: Iterable[Path] = (), way: tuple[str, ...] = ()
    ) -> None:
        """`way` are the directories that led here, of which this one must hold none."""
        self._root = str(directory)
        self._identity = identity
        self._apart = frozenset(os.path.realpath(each) for each in apart)
        self._way = (*way, os.path.realpath(directory))

    def revision(self) -> str | None:
        return self._identity.revision()

    def owners(self) -> Sequence[str]:
        return self._identity.owners()

    def content(self, path: str) -> bytes:
        """One file below the directory; a link must not lead out of it. Raises ManifestError."""
        found = os.path.realpath(f"{self._root}/{path}")
        real = os.path.realpath(self._root)
        if path.startswith("/") or os.path.commonpath((real, found)) != real:
            raise trouble("R109", "the path leaves the repository; name a file inside", path)
        content = _read(found, path)
        if isinstance(content, Problem):
            raise ManifestError((content,))
        return content

    def text(self, path: str) -> SourceFile | None:
        """One file, which may lie elsewhere in the repository. Raises ManifestError."""
        name = f"{self._root}/{path}"
        if not os.path.lexists(name):
            return None
        self._inside(path)
        content = _read(name, path)
        if isinstance(content, Problem):
            raise ManifestError((content,))
        return SourceFile(path, content)

    def at(self, path: str) -> DirectorySource:
        """Another directory of the repository. Raises R117."""
        found = self._inside(path)
        if not os.path.isdir(found):  # noqa: PTH112 - a Path is not needed for anything else
            raise trouble("R117", f"there is no directory {path}; correct the path")
        if any(os.path.commonpath((found, each)) == found for each in self._way):
            raise trouble("R117", f"the directory {path} holds the one that is based on it; move one of them elsewhere")
        return DirectorySource(Path(found), self._identity.at(Path(found)), map(Path, self._apart), self._way)

    def _inside(self, path: str) -> str:
        """The real path of something in the repository. Raises R117 where it leads out of it."""
        real, found = self._way[-1], os.path.realpath(f"{self._root}/{path}")
        if os.path.commonpath((real, found)) == real:
            return found
        top = self._identity.top()
        if top is None:
            raise trouble("R117", f"{path} leads out of the directory, and there is no git work tree around it")
        around = os.path.realpath(top)
        if os.path.commonpath((around, found)) != around:
            raise trouble("R117", f"{path} leads out of the repository; commit what it names")
        return found

    def files(self) -> Iterator[SourceFile]:
        """Every manifest by path. Raises ManifestError after the last one for all that could not be read."""
        problems: list[Problem] = []
        for path in sorted(self._manifests(problems)):
            content = _unusable_name(path) or _read(f"{self._root}/{path}", path)
            if isinstance(content, Problem):
                problems.append(content)
            else:
                yield SourceFile(path, content)
        if problems:
            raise ManifestError(sorted(problems, key=lambda problem: problem.where))

    def _manifests(self, problems: list[Problem]) -> Iterator[str]:
        """The paths of all manifests, in no order."""
        ignore = Ignore()
        waiting = [""]
        real = os.path.realpath(self._root)
        while waiting:
            directory = waiting.pop()
            entries = self._entries(directory, problems)
            if any(entry.name == IGNORE_NAME for entry in entries):
                self._heed(ignore, directory, problems)
            for entry in entries:
                path = f"{directory}/{entry.name}" if directory else entry.name
                if entry.is_dir(follow_symlinks=False):
                    if ignore.enters(path) and os.path.realpath(f"{self._root}/{path}") not in self._apart:
                        waiting.append(path)
                elif not entry.is_symlink():
                    if entry.name.endswith(SUFFIXES) and ignore.wanted(path) and entry.is_file():
                        yield path
                elif problem := _astray(entry, path, real, ignore):
                    problems.append(problem)
                elif ignore.wanted(path) and entry.is_file():
                    yield path

    def _entries(self, directory: str, problems: list[Problem]) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(f"{self._root}/{directory}") as found:
                return list(found)
        except OSError as error:
            where = directory or self._root
            problems.append(Problem("R112", f"the directory cannot be read: {error.strerror}", where))
            return []

    def _heed(self, ignore: Ignore, directory: str, problems: list[Problem]) -> None:
        """Take in the directory's own list of what to leave out."""
        path = f"{directory}/{IGNORE_NAME}" if directory else IGNORE_NAME
        content = _read(f"{self._root}/{path}", path)
        if isinstance(content, Problem):
            problems.append(content)
            return
        try:
            ignore.add(directory, content.decode())
        except UnicodeDecodeError:
            problems.append(Problem("R102", "the file is not UTF-8; save it as UTF-8", f"{path}:1:1"))
        except ReconcilerError as error:
            problems += error.problems


def _astray(entry: os.DirEntry[str], path: str, real: str, ignore: Ignore) -> Problem | None:
    """What is wrong with a link. One to a directory inside is not followed: its files are read where they are."""
    file, directory = _leads_to(entry)
    if not (ignore.wanted(path) or (directory and ignore.enters(path))):
        return None
    if not (file or directory):
        return Problem("R112", "the link points to nothing that can be read; mend or remove it", f"{path}:1:1")
    if os.path.commonpath((real, os.path.realpath(entry.path))) != real:
        return Problem("R109", "the link leaves the repository; commit what it points to", f"{path}:1:1")
    return None


def _leads_to(entry: os.DirEntry[str]) -> tuple[bool, bool]:
    """Whether a link leads to a file, and whether to a directory."""
    try:
        return entry.is_file(), entry.is_dir()
    except OSError:  # A link to itself, or through a directory that is closed to us.
        return False, False


def _unusable_name(path: str) -> Problem | None:
    """A name that no message could show and no digest could hold."""
    if path.isprintable():
        return None
    return Problem("R112", "the file's name has characters that cannot be shown; rename it", f"{ascii(path)[1:-1]}:1:1")


def read_file(path: Path) -> SourceFile:
    """One file by itself, called as the user called it. Raises ManifestError."""
    name = str(path)
    content = _unusable_name(name) or _read(name, name)
    if isinstance(content, Problem):
        raise ManifestError((content,))
    return SourceFile(name, content)


def _read(name: str, path: str) -> bytes | Problem:
    """The content of one file. Its size is known before a byte of it is read."""
    limit, words = (LIMIT_XML, "4 MiB of XML") if path.endswith(".xml") else (LIMIT_YAML, "1 MiB")
    try:
        # O_NONBLOCK: what has become a pipe meanwhile must not hold us up.
        opened = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            found = os.fstat(opened)
            if not stat.S_ISREG(found.st_mode):
                return Problem("R112", "this is no regular file", f"{path}:1:1")
            if found.st_size > limit:
                return Problem("R103", f"the file is larger than {words}; split it", f"{path}:1:1")
            return _drain(opened, found.st_size)
        finally:
            os.close(opened)
    except OSError as error:
        return Problem("R112", f"the file cannot be read: {error.strerror}", f"{path}:1:1")


def _drain(opened: int, size: int) -> bytes:
    """The first `size` bytes: Linux gives a regular file in one piece, a network file system may not."""
    content = os.read(opened, size)
    while len(content) < size and (more := os.read(opened, size - len(content))):
        content += more
    return content
