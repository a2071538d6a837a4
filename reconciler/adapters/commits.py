"""One commit on a branch of a bare repository, whole or not at all, without a work tree or an index."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.plumbing import GitError, bare, run, within

# A commit is one pack: one file to make durable instead of one for each object, and nothing is compressed twice.
# Level 1 compresses an inventory of 10,000 objects in a third of the default's time; `tidy` compresses again.
WRITING: Mapping[str, str] = {
    "fastimport.unpackLimit": "1",
    "pack.compression": "1",
    "core.fsync": "committed",
}
# So many packs make reading slow (git's own gc.autoPackLimit is 50).
MANY_PACKS = 50
# What a killed git leaves behind is older than any that is still at work.
LEFT_BEHIND_SECONDS = 24 * 3600
LEFT_BEHIND = ("objects/pack/tmp_*", "objects/pack/.tmp-*", "fast_import_crash_*")


class MovedError(Exception):
    """The branch has another commit than the one this commit was made for."""


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit to be made. `parent` is "" for the first of a branch; `files` are by path, None removes one."""

    branch: str
    parent: str
    author: str
    seconds: int
    message: str
    files: Mapping[str, bytes | None]


def create(repository: Path, branch: str) -> None:
    """Make an empty bare repository; another process may do so at the same time. Raises OSError, GitError."""
    repository.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=repository.parent, prefix=f"{repository.name}-") as scratch:
        new = Path(scratch) / "new"
        ended = run(within(repository.parent), "init", "--quiet", "--bare", "--template=", f"-b{branch}", str(new))
        if ended.code:
            raise GitError(ended.complaint)
        # Whole or not at all: a rename onto a repository that is there already fails, and that one serves.
        try:
            new.rename(repository)
        except OSError:
            if not repository.exists():
                raise


@contextmanager
def writing(repository: Path) -> Iterator[int]:
    """The right to write to the repository, for one process at a time; gives the descriptor that stands for it.

    The kernel takes it back when the process and the git children that inherit the descriptor have ended.
    """
    descriptor = os.open(repository, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def commit(repository: Path, wanted: Commit, right: int) -> str:
    """Make the commit and give its id; `right` comes from `writing`. Raises MovedError, GitError.

    git checks and moves the branch as one act (git-fast-import(1): an update that is no fast-forward is refused),
    and a stream that ends before its `done` changes nothing.
    """
    # Git's own locks outlive a git that was killed. Nobody else writes here now, so one that is there is such a one.
    for locked in ("HEAD", f"refs/heads/{wanted.branch}"):
        (repository / f"{locked}.lock").unlink(missing_ok=True)
    ended = run(
        bare(repository), "fast-import", "--quiet", "--done", given=_stream(wanted), more=WRITING, keeps=(right,)
    )
    if ended.code and "Not updating" in ended.complaint:
        raise MovedError
    if ended.code:
        raise GitError(ended.complaint)
    return ended.out.decode().strip()


def _stream(wanted: Commit) -> Iterator[bytes]:
    yield b"feature done\nfeature get-mark\n"
    yield f"commit refs/heads/{wanted.branch}\nmark :1\n".encode()
    yield f"committer {wanted.author} {wanted.seconds} +0000\n".encode()
    yield _data(wanted.message.encode())
    if wanted.parent:
        yield f"from {wanted.parent}\n".encode()
    for path, content in sorted(wanted.files.items()):
        if content is None:
            yield f"D {path}\n".encode()
        else:
            yield f"M 100644 inline {path}\n".encode() + _data(content)
    yield b"\nget-mark :1\ndone\n"


def _data(content: bytes) -> bytes:
    return b"data %d\n%b\n" % (len(content), content)


def tidy(repository: Path, right: int, now: float) -> None:
    """Join small packs once there are many, and remove what killed writers left; `now` is the time of day in seconds.

    This is done in the foreground and seldom: a `git gc --auto` would stay behind in the background, and rewrites
    everything. A failure is left alone: the commit is made, and the next one tries again.
    """
    packs = repository / "objects/pack"
    if sum(1 for _ in packs.glob("*.pack")) < MANY_PACKS:
        return
    run(bare(repository), "repack", "--quiet", "--geometric=2", "-d", more=WRITING, keeps=(right,))
    for pattern in LEFT_BEHIND:
        for path in repository.glob(pattern):
            with suppress(OSError):
                if now - path.stat().st_mtime > LEFT_BEHIND_SECONDS:
                    path.unlink()
