"""git as a child process that runs nothing and reads no settings but those named here.

A repository of somebody else may carry settings that start programs (fsmonitor, hooks, filters, lazy fetches), and the
user's environment may point git elsewhere. So git gets an environment of its own, and every setting that could start a
program on the commands used here is overruled.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import weakref
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import IO, NamedTuple

# Overrules the repository's own config file. `safe.directory` counts here since git 2.38: a repository of another
# owner may be read, because nothing of it is run.
SETTINGS: Mapping[str, str] = {
    "safe.directory": "*",
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "core.attributesFile": "/dev/null",
    "log.showSignature": "false",
}
FIXED: Mapping[str, str] = {
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    # `git status` would write what it has learnt into the index: looking changes nothing.
    "GIT_OPTIONAL_LOCKS": "0",
    # Missing objects of a partial clone would be fetched by a command that its config names.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
}
# Questions sent ahead of the answers: these many object ids fit into the smallest pipe (4 KiB), so that git and we
# never wait for each other.
WINDOW = 60
# Ctrl-C reaches every process of the terminal, and systemd's stop every one of the unit. Whether a commit is still made
# is not git's to decide, so it starts with these blocked, which an exec keeps (a group of its own comes too late).
BLOCKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Which repository git works on: the options before its command.
Options = tuple[str, ...]


class Answer(NamedTuple):
    """One object as `git cat-file --batch` gives it."""

    oid: str
    type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """How a git command ended."""

    code: int
    out: bytes
    complaint: str


class GitError(Exception):
    """git could not answer; the text is its own last words."""


def settings(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment variables that carry git settings (git-config(1), GIT_CONFIG_COUNT)."""
    pairs = {**SETTINGS, **(more or {})}
    texts = {"GIT_CONFIG_COUNT": str(len(pairs))}
    for number, (key, value) in enumerate(pairs.items()):
        texts |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return texts


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The whole environment of a git child; what the caller inherited for git (a hook sets GIT_DIR) is left out."""
    own = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    return {**own, **FIXED, **settings(more)}


def within(directory: Path) -> Options:
    """git's options for the repository around a directory."""
    return ("-C", str(directory))


def bare(path: Path) -> Options:
    """git's options for the bare repository at a path, and never for one further up."""
    return (f"--git-dir={path}",)


def run(
    place: Options,
    *arguments: str,
    given: Iterable[bytes] = (),
    more: Mapping[str, str] | None = None,
    keeps: Collection[int] = (),
) -> Ended:
    """What git says to the arguments at a `place` (`within`, `bare`).

    `given` is its standard input, `more` are further settings, `keeps` the descriptors it inherits.
    """
    with tempfile.TemporaryFile() as source:
        source.writelines(given)
        source.seek(0)
        with _spawn(place, arguments, stdin=source, stderr=subprocess.PIPE, more=more, keeps=keeps) as child:
            out, complaint = child.communicate()
    return Ended(child.returncode, out, last_words(complaint))


def stream(place: Options, *arguments: str) -> Generator[bytes, None, None]:
    """The lines that git ends with NUL (`-z`), as they come. Raises GitError where git fails.

    Closing the generator early stops git, which can no longer write.
    """
    with _spawn(place, arguments, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        assert child.stdout is not None
        yield from _split(child.stdout)
    if child.returncode:
        raise GitError(f"git {arguments[0]} failed")


def _spawn(
    place: Options,
    arguments: Sequence[str],
    *,
    stdin: IO[bytes] | int,
    stderr: IO[bytes] | int,
    more: Mapping[str, str] | None = None,
    keeps: Collection[int] = (),
) -> subprocess.Popen[bytes]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
    try:
        return subprocess.Popen(
            ["git", *place, *arguments],
            env=environment(more),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            pass_fds=keeps,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _split(source: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while chunk := source.read(1 << 16):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole


def last_words(complaint: bytes) -> str:
    """What git says it failed of, in one line; advice that follows is left out. "" where it said nothing."""
    lines = complaint.decode(errors="replace").strip().splitlines()
    named = [line for line in lines if line.startswith(("fatal: ", "error: "))]
    return (named or lines or [""])[-1]


class Objects:
    """The objects of one repository, read through one `git cat-file --batch` that starts with the first question.

    Several threads may ask. The child ends with `close`, or with this object.
    """

    def __init__(self, place: Options) -> None:
        self._place = place
        self._lock = Lock()
        self._child: _Child | None = None

    def all(self, oids: Iterable[str]) -> Iterator[Answer | None]:
        """One answer for each object id, in order; None for what is not there. Raises GitError."""
        remaining = iter(oids)
        while window := list(islice(remaining, WINDOW)):
            yield from self._ask(window)

    def one(self, name: str) -> Answer | None:
        """The answer to one name: an object id, `commit:path`, `ref^{commit}`. Raises GitError."""
        return self._ask([name])[0]

    def close(self) -> None:
        """End the child; the next question starts another."""
        with self._lock:
            self._drop()

    def _ask(self, names: list[str]) -> list[Answer | None]:
        with self._lock:
            if self._child is None:
                self._child = _start(self._place)
                weakref.finalize(self, _end, self._child)
            try:
                return _dialogue(self._child.process, names)
            except (EOFError, BrokenPipeError) as error:
                raise GitError(self._drop()) from error
            except BaseException:
                # An interrupt in the middle: the rest of this answer would be taken for the next one's.
                self._drop()
                raise

    def _drop(self) -> str:
        child, self._child = self._child, None
        return _end(child) if child else ""


@dataclass(frozen=True, slots=True)
class _Child:
    """A running `git cat-file` and the file that takes its complaints (a pipe nobody reads would fill up)."""

    process: subprocess.Popen[bytes]
    complaints: IO[bytes]


def _start(place: Options) -> _Child:
    complaints = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the child
    process = _spawn(place, ("cat-file", "--batch"), stdin=subprocess.PIPE, stderr=complaints)
    return _Child(process, complaints)


def _end(child: _Child) -> str:
    """Let the child go, which ends when its input does; gives its last words. Ending it twice does nothing."""
    if child.complaints.closed:
        return ""
    with child.complaints as complaints:
        child.process.communicate()
        complaints.seek(0)
        return last_words(complaints.read()) or "git ended without a word"


def _dialogue(process: subprocess.Popen[bytes], names: list[str]) -> list[Answer | None]:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("".join(f"{name}\n" for name in names).encode())
    process.stdin.flush()
    return [_answer(process.stdout) for _ in names]


def _answer(source: IO[bytes]) -> Answer | None:
    header = source.readline()
    if not header:
        raise EOFError
    words = header.split()
    if words[-1] in (b"missing", b"ambiguous"):
        return None
    oid, kind, size = words
    content = source.read(int(size) + 1)
    if len(content) <= int(size):
        raise EOFError
    return Answer(oid.decode(), kind.decode(), content[:-1])
