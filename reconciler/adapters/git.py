"""git as the place where the desired state comes from: a work tree as it is, or one revision without a checkout."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from copy import copy
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from posixpath import normpath

from reconciler.adapters.ignore import IGNORE_NAME, SETTINGS_NAME, Ignore
from reconciler.adapters.plumbing import FIXED, Ended, GitError, Objects, run, settings, stream, within
from reconciler.errors import ManifestError, Problem, trouble
from reconciler.ports import SourceFile

# Limits of one revision. A tree of 200 KB can spell 10^10 paths, so entries are counted as they come.
MOST_ENTRIES = 50_000
MOST_BYTES = 256 << 20
LARGEST_FILE = 4 << 20

# git-ls-tree(1). Everything else is a link or a submodule.
REGULAR = frozenset(("100644", "100755"))
LINK, SUBMODULE, TREE = "120000", "160000", "040000"


@dataclass(frozen=True, slots=True)
class _Head:
    """Where a work tree stands; `prefix` is the directory's path in it, "" or ending in "/"."""

    commit: str
    prefix: str
    shallow: bool


@dataclass(frozen=True, slots=True)
class WorkTree:
    """A directory that may lie in a git work tree. Nothing of the repository is run, and nothing is written."""

    directory: Path

    def revision(self) -> str | None:
        """The commit, with "-dirty" where a manifest under the directory differs from it; None outside git."""
        head = self._head()
        changed = self._changed(head.prefix) if head else None
        if head is None or changed is None:
            return None
        return f"{head.commit}-dirty" if changed else head.commit

    def owners(self) -> Sequence[str]:
        """The names of this desired state: the first commit's, which every clone shares, then the directory's.

        Two directories of one repository are two desired states.
        """
        place = hashlib.sha256(str(self.directory.resolve()).encode(errors="surrogateescape")).hexdigest()
        head = self._head()
        root = self._first_commit() if head and not head.shallow else ""
        inside = f"/{self.prefix()}" if self.prefix() else ""
        return [*([f"git:{root[:12]}{inside}"] if root else []), f"dir:{place[:12]}"]

    def top(self) -> Path | None:
        """The top directory of the work tree; None outside git."""
        ended = _said(self.directory, "rev-parse", "--show-toplevel")
        return None if ended.code else Path(ended.out.decode(errors="surrogateescape").removesuffix("\n"))

    def at(self, directory: Path) -> WorkTree:
        """Another directory."""
        return WorkTree(directory)

    def prefix(self) -> str:
        """The directory's path in its work tree, without a "/" at its end; "" for the top and outside git."""
        head = self._head()
        return head.prefix.rstrip("/") if head else ""

    def _head(self) -> _Head | None:
        ended = _said(self.directory, "rev-parse", "--is-shallow-repository", "--show-prefix", "HEAD")
        if ended.code:
            return None
        shallow, *prefix, commit = ended.out.decode(errors="surrogateescape").removesuffix("\n").split("\n")
        return _Head(commit, "\n".join(prefix), shallow == "true")

    def _first_commit(self) -> str:
        """Where the line of first parents begins: merging a foreign history does not change it."""
        ended = _said(self.directory, "rev-list", "--max-parents=0", "--first-parent", "HEAD")
        return "" if ended.code else ended.out.decode().strip()

    def _changed(self, prefix: str) -> bool | None:
        """Whether a manifest differs from the commit; one that .gitignore names is read too, so it counts.

        None where there is no work tree. Submodules are not looked into: git would run by their own settings there.
        """
        ended = _said(
            self.directory,
            *("status", "--porcelain", "-z", "--no-renames", "--ignore-submodules=all"),
            *("--untracked-files=all", "--ignored=traditional", "--", "."),
            more=dict.fromkeys(self._filters(), ""),
        )
        if ended.code:
            return None
        lines = [line for line in ended.out.split(b"\0") if line]
        paths = {line[3:].decode(errors="replace").removeprefix(prefix): line[:2] for line in lines}
        ignore = Ignore()
        # A settings file that was never committed is somebody's own; a committed one names bases and values.
        settings_changed = paths.get(SETTINGS_NAME, b"??") not in (b"??", b"!!")
        wanted = any(ignore.wanted(path) or path.rpartition("/")[2] == IGNORE_NAME for path in paths)
        return settings_changed or wanted

    def _filters(self) -> list[str]:
        """The settings that name programs to filter contents; an empty one is no program (gitattributes(5), filter)."""
        ended = _said(self.directory, "config", "-z", "--name-only", "--get-regexp", r"^filter\.")
        drivers = {key.rpartition(".")[0] for key in ended.out.decode(errors="surrogateescape").split("\0") if key}
        return [f"{driver}.{setting}" for driver in sorted(drivers) for setting in ("clean", "process", "required")]


def _said(directory: Path, *arguments: str, more: Mapping[str, str] | None = None) -> Ended:
    """What git says in a directory. Raises R703 where there is no git to ask."""
    try:
        return run(within(directory), *arguments, more=more)
    except OSError as error:
        raise trouble("R703", f"git cannot be started ({error.strerror}); install it", str(directory)) from error


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of `git ls-tree`; `path` counts from the root of the desired state."""

    mode: str
    oid: str
    size: int
    path: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


class GitSource:
    """The desired state of one git revision (`ports.Source`), read without a checkout, hooks or filters."""

    def __init__(self, directory: Path, name: str) -> None:
        """Resolve the name of the revision, as git spells names. Raises R703."""
        self._directory = directory
        self._name = name
        self._commit = _resolve(directory, name)
        self._prefix = WorkTree(directory).prefix()
        self._way: tuple[str, ...] = ()

    def revision(self) -> str:
        """The commit the name stood for."""
        return self._commit

    def owners(self) -> Sequence[str]:
        """The names of the work tree around the directory."""
        return WorkTree(self._directory).owners()

    def text(self, path: str) -> SourceFile | None:
        """One file of the revision, which may lie elsewhere in it. Raises ManifestError."""
        entry = self._entry(self._inside(path))
        if entry is None:
            return None
        problem = next(_problems([replace(entry, path=path)]), None)
        if problem is not None or entry.mode not in REGULAR:
            raise ManifestError((problem or Problem("R112", "this is no regular file", path),))
        with closing(Objects(within(self._directory))) as objects:
            found = objects.one(entry.oid)
        return SourceFile(path, found.content) if found is not None else None

    def at(self, path: str) -> GitSource:
        """Another directory of the revision. Raises R117."""
        prefix = self._inside(path)
        entry = self._entry(prefix) if prefix else None
        if prefix and (entry is None or entry.mode != TREE):
            raise trouble("R117", f"revision {self._name!r} has no directory {path}; correct the path")
        way = (*self._way, self._prefix)
        if any(f"{each}/".startswith(f"{prefix}/") or not prefix for each in way):
            raise trouble("R117", f"the directory {path} holds the one that is based on it; move one of them elsewhere")
        there = copy(self)
        there._prefix, there._way = prefix, way
        return there

    def _inside(self, path: str) -> str:
        """A path from the root of the revision. Raises R117 where it leads out of it."""
        found = normpath(f"/{self._prefix}/{path}") if not path.startswith("/") else path
        deep = [part for part in self._prefix.split("/") if part]
        for part in path.split("/"):
            if (part == ".." and not deep) or path.startswith("/"):
                raise trouble("R117", f"{path} leads out of the repository; commit what it names")
            deep = deep[:-1] if part == ".." else [*deep, part]
        return found.strip("/")

    def _entry(self, path: str) -> _Entry | None:
        lines = stream(within(self._directory), "ls-tree", "-z", "-l", "--full-tree", self._commit, "--", path)
        with closing(lines):
            return next(map(_entry, lines), None)

    def files(self) -> Iterator[SourceFile]:
        """Every manifest under the directory, by path. Raises ManifestError with all files that cannot be read."""
        try:
            with closing(Objects(within(self._directory))) as objects:
                yield from self._read(objects)
        except GitError as error:
            raise trouble("R703", f"revision {self._name!r} cannot be read: {error}") from error

    def content(self, path: str) -> bytes:
        """One file of the revision; links are not followed. Raises R112."""
        plain = posixpath.normpath(path)
        entry = next((each for each in self._entries() if each.path == plain), None)
        if entry is None or entry.mode not in REGULAR or entry.size > LARGEST_FILE:
            raise trouble("R112", f"revision {self._name!r} has no such regular file", path)
        with closing(Objects(within(self._directory))) as objects:
            found = objects.one(entry.oid)
        if found is None:
            raise trouble("R112", "the content of the file is missing", path)
        return found.content

    def _read(self, objects: Objects) -> Iterator[SourceFile]:
        entries = self._entries()
        wanted = sorted(_wanted(entries, _ignore(entries, objects)), key=lambda entry: entry.path)
        if problems := tuple(_problems(wanted)):
            raise ManifestError(problems)
        for entry, found in zip(wanted, objects.all(entry.oid for entry in wanted), strict=True):
            if found is None:
                raise GitError(f"the content of {entry.path} is missing")
            yield SourceFile(entry.path, found.content)

    def _entries(self) -> list[_Entry]:
        tree = f"{self._commit}:{self._prefix}"
        lines = stream(within(self._directory), "ls-tree", "-r", "-z", "-l", "--full-tree", tree)
        with closing(lines):
            entries = [_entry(line) for line in islice(lines, MOST_ENTRIES + 1)]
        if len(entries) > MOST_ENTRIES:
            raise trouble("R103", f"revision {self._name!r} has more than {MOST_ENTRIES} files here")
        return entries


def _resolve(directory: Path, name: str) -> str:
    """The commit that a name stands for. Raises R703."""
    # Importing GitPython takes 80 ms, which only a named revision has to pay.
    from git import GitCommandError, InvalidGitRepositoryError, NoSuchPathError, Repo

    try:
        with Repo(directory, search_parent_directories=True, expand_vars=False) as repository:
            repository.git.update_environment(**FIXED, **settings(), GIT_DIR=str(repository.git_dir))
            wanted = f"{name}^{{commit}}"
            return str(repository.git.rev_parse("--verify", "--quiet", "--end-of-options", wanted))
    except (InvalidGitRepositoryError, NoSuchPathError) as error:
        raise trouble("R703", f"{directory} is in no git repository, so it has no revision {name!r}") from error
    except (GitCommandError, ValueError) as error:
        raise trouble("R703", f"the repository of {directory} has no commit {name!r}") from error


def _entry(line: bytes) -> _Entry:
    facts, _, path = line.partition(b"\t")
    mode, _, oid, size = facts.decode().split()
    return _Entry(mode, oid, int(size) if size.isdecimal() else 0, path.decode(errors="surrogateescape"))


def _ignore(entries: Iterable[_Entry], objects: Objects) -> Ignore:
    """The rules of the revision itself."""
    found = [entry for entry in entries if entry.name == IGNORE_NAME and entry.mode in REGULAR]
    answers = zip(found, objects.all(entry.oid for entry in found), strict=True)
    texts = {entry.path: answer.content.decode(errors="replace") for entry, answer in answers if answer}
    return Ignore({path.removesuffix(IGNORE_NAME).rstrip("/"): text for path, text in texts.items()})


def _wanted(entries: Iterable[_Entry], ignore: Ignore) -> Iterator[_Entry]:
    """The manifests, and the submodules in which there may be some."""
    for entry in entries:
        asked = ignore.enters if entry.mode == SUBMODULE else ignore.wanted
        if asked(entry.path):
            yield entry


def _problems(entries: Sequence[_Entry]) -> Iterator[Problem]:
    for entry in entries:
        if entry.mode == SUBMODULE:
            yield Problem(
                "R109",
                f"a submodule's files are not in this commit; commit them, or name it in {IGNORE_NAME}",
                entry.path,
            )
        elif entry.mode == LINK:
            yield Problem("R109", "a link is not followed in a revision; commit the file itself", entry.path)
        elif not entry.path.isprintable():
            yield Problem("R112", "the file's name is not printable UTF-8; rename it", repr(entry.path))
        elif entry.size > LARGEST_FILE:
            yield Problem("R103", f"the file has {entry.size} bytes; {LARGEST_FILE} are the most", entry.path)
    if sum(entry.size for entry in entries) > MOST_BYTES:
        yield Problem("R103", f"the manifests together have more than {MOST_BYTES >> 20} MiB; split the repository")
