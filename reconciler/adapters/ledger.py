"""The history of one host: a branch of a bare git repository, read and written without a work tree."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from reconciler.adapters.commits import Commit, MovedError, commit, create, tidy, writing
from reconciler.adapters.plumbing import Answer, GitError, Objects, bare, run
from reconciler.errors import ReconcilerError, trouble
from reconciler.markup import parse, serialise
from reconciler.model.inventory import Applied, Inventory
from reconciler.model.records import (
    branch_of,
    path_of,
    read_applied,
    read_inventory,
    write_applied,
    write_inventory,
)
from reconciler.model.refs import Ref
from reconciler.model.secrets import SEALED
from reconciler.ports import Clock, LedgerChange, Version

AUTHOR = "reconciler <reconciler@localhost>"
INVENTORY = "inventory.json"

_PERSON = re.compile(r"[^<>\n\0]+ <[^<>\n\0]*>")
_COMMIT_ID = re.compile("[0-9a-f]{4,64}")


def redact(xml: str) -> str:
    """The definition without passwords (`passwd` of graphics and of old pools), and without the seals of any."""
    if "passwd" not in xml and SEALED not in xml:
        return xml
    root = parse(xml)
    for element in root.iter("*"):
        element.attrib.pop("passwd", None)
        for name in [name for name, value in element.items() if SEALED in value]:
            del element.attrib[name]
        if SEALED in (element.text or ""):
            element.text = None
    return serialise(root)


class GitLedger:
    """The ledger of one host (`ports.Ledger`).

    `inventory` looks where the branch stands; from then on everything is read from that commit and `record` builds on
    it, so that what another writer has committed meanwhile is never lost: `record` then raises BusyError.
    Reading writes nothing; the repository is made by the first `record`. `folders` names the directory of each kind.
    """

    def __init__(
        self, path: Path, host: str, *, folders: Mapping[str, str], clock: Clock, author: str = AUTHOR
    ) -> None:
        if not _PERSON.fullmatch(author):
            raise trouble("R802", f"{author!r} is no author of commits; write Name <mail@example.org>")
        self._path = path
        self._host = host
        self._branch = branch_of(host)
        self._folders = folders
        self._clock = clock
        self._author = author
        self._objects = Objects(bare(path))
        self._head: str | None = None
        self._listings: dict[str, dict[str, str]] = {}

    def close(self) -> None:
        """End the child that reads; a later question starts another."""
        self._objects.close()

    def inventory(self) -> Inventory:
        """What is ours now. Raises R701."""
        with self._translated():
            self._look()
            text = self._text(INVENTORY)
            return Inventory(host=self._host) if text is None else read_inventory(text)

    def applied(self, ref: Ref) -> Applied | None:
        """The managed fields as last applied; None for an object that is not ours. Raises R701."""
        return self.all_applied((ref,)).get(ref)

    def all_applied(self, refs: Iterable[Ref]) -> dict[Ref, Applied]:
        """The same for many objects, asked of git together; those that are not ours are left out. Raises R701."""
        with self._translated():
            paths = {ref: self._applied_path(ref) for ref in refs}
            oids = {ref: oid for ref, path in paths.items() if (oid := self._oid(path)) is not None}
            texts = zip(oids.items(), self._objects.all(oids.values()), strict=True)
            return {ref: read_applied(_content(found, oid, paths[ref])) for (ref, oid), found in texts}

    def definition(self, ref: Ref, commit: str = "") -> str | None:
        """The definition as of a commit, by default the newest; None where there was none. Raises R701, R702."""
        path = self._definition_path(ref)
        with self._translated():
            if not commit:
                return self._text(path)
            found = self._objects.one(f"{self._known(commit)}:{path}")
            return found.content.decode() if found else None

    def record(self, change: LedgerChange) -> str:
        """Commit what differs and give the head's commit id, "" where there is none. Raises R507, R701."""
        with self._translated():
            self._pinned()
            files = {path: content for path, content in self._files(change).items() if self._differs(path, content)}
            return self._commit(change.message, files) if files else self._pinned()

    def versions(self, ref: Ref) -> Iterator[Version]:
        """The commits that touched the object's files, newest first. Raises R701."""
        with self._translated():
            if not self._resolve():
                return
            paths = (self._definition_path(ref), self._applied_path(ref))
            branch = f"refs/heads/{self._branch}"
            ended = run(bare(self._path), "log", "-z", "--format=%H %cI %s", "--end-of-options", branch, "--", *paths)
            if ended.code:
                raise GitError(ended.complaint)
        for line in filter(None, ended.out.decode(errors="replace").split("\0")):
            commit_id, when, subject = line.split(" ", 2)
            yield Version(commit=commit_id, when=when.replace("+00:00", "Z"), subject=subject)

    def _commit(self, message: str, files: Mapping[str, bytes | None]) -> str:
        if not self._path.exists():
            create(self._path, self._branch)
        now = datetime.fromisoformat(self._clock.today()).timestamp()
        wanted = Commit(
            branch=self._branch,
            parent=self._pinned(),
            author=self._author,
            seconds=int(now),
            message=message,
            files=files,
        )
        with writing(self._path) as right:
            self._head = commit(self._path, wanted, right)
            tidy(self._path, right, now)
        self._note(files)
        return self._head

    def _files(self, change: LedgerChange) -> dict[str, bytes | None]:
        """What the commit would say, by path. An empty inventory is not worth a first commit."""
        worth = bool(change.inventory.objects or change.inventory.suspended or self._pinned())
        files: dict[str, str | None] = {INVENTORY: write_inventory(change.inventory) if worth else None}
        for ref, xml in change.definitions.items():
            files[self._definition_path(ref)] = None if xml is None else redact(xml)
        for ref, applied in change.applied.items():
            files[self._applied_path(ref)] = None if applied is None else write_applied(applied)
        return {path: None if text is None else text.encode() for path, text in files.items()}

    def _differs(self, path: str, content: bytes | None) -> bool:
        return self._oid(path) != (None if content is None else _blob(content))

    def _note(self, files: Mapping[str, bytes | None]) -> None:
        """Keep what is known of the head's directories true after a commit of `files`."""
        for path, content in files.items():
            directory, _, name = path.rpartition("/")
            if content is None:
                del self._listings[directory][name]
            else:
                self._listings[directory][name] = _blob(content)

    def _definition_path(self, ref: Ref) -> str:
        return path_of(self._folders[ref.kind], ref, "xml")

    def _applied_path(self, ref: Ref) -> str:
        return path_of(f"applied/{self._folders[ref.kind]}", ref, "yaml")

    def _text(self, path: str) -> str | None:
        oid = self._oid(path)
        if oid is None:
            return None
        return _content(self._objects.one(oid), oid, path)

    def _oid(self, path: str) -> str | None:
        """The blob at a path of the head. A directory is read once: git would search all of it for every file."""
        directory, _, name = path.rpartition("/")
        if directory not in self._listings:
            head = self._pinned()
            found = self._objects.one(f"{head}:{directory}") if head else None
            self._listings[directory] = dict(_entries(found.content)) if found else {}
        return self._listings[directory].get(name)

    def _pinned(self) -> str:
        if self._head is None:
            self._look()
        assert self._head is not None
        return self._head

    def _look(self) -> None:
        self._head = self._resolve()
        self._listings.clear()

    def _resolve(self) -> str:
        """The commit the branch stands at; "" where there is no ledger or none of this host."""
        if not self._path.exists():
            return ""
        found = self._objects.one(f"refs/heads/{self._branch}^{{commit}}")
        if found is None and self._named():
            raise GitError(f"the branch {self._branch} points to no commit")
        return found.oid if found else ""

    def _named(self) -> bool:
        """Whether the branch is written down at all: to git, one that leads nowhere is like none."""
        packed = self._path / "packed-refs"
        name = f" refs/heads/{self._branch}\n"
        return (self._path / "refs/heads" / self._branch).exists() or (packed.exists() and name in packed.read_text())

    def _known(self, commit_id: str) -> str:
        """The full id of a commit of this host. Raises R702."""
        found = None
        if _COMMIT_ID.fullmatch(commit_id) and self._pinned():
            found = self._objects.one(f"{commit_id}^{{commit}}")
        if found is None or run(bare(self._path), "merge-base", "--is-ancestor", found.oid, self._pinned()).code:
            raise trouble("R702", f"the ledger of {self._host} has no version {commit_id!r}")
        return found.oid

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except MovedError as error:
            message = f"somebody else has recorded changes of {self._host} meanwhile; nothing was lost: run it again"
            raise trouble("R507", message, str(self._path)) from error
        except (GitError, OSError, ValueError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> ReconcilerError:
        message = (
            f"the ledger of {self._host} cannot be used: {error}. See `git --git-dir={self._path} fsck`; "
            "restore the directory from a backup, or move it away to start over: objects are then adopted anew"
        )
        return trouble("R701", message, str(self._path))


def _content(found: Answer | None, oid: str, path: str) -> str:
    if found is None:
        raise GitError(f"the object {oid} of {path} is missing")
    return found.content.decode()


def _blob(content: bytes) -> str:
    """The id git gives to a content."""
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


def _entries(tree: bytes) -> Iterator[tuple[str, str]]:
    """Name and id of each entry of a raw tree: `mode SP name NUL`, then the id's 20 bytes."""
    position = 0
    while position < len(tree):
        end = tree.index(b"\0", position)
        name = tree[tree.index(b" ", position) + 1 : end]
        position = end + 21
        yield name.decode(), tree[end + 1 : position].hex()
