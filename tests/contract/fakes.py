"""Fakes that keep the promises of `reconciler.ports`; the suites in this directory hold them to it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from reconciler.adapters.ledger import redact
from reconciler.errors import trouble
from reconciler.model.inventory import Applied, Inventory
from reconciler.model.refs import Ref
from reconciler.ports import LedgerChange, Version

T = TypeVar("T")

START = "2026-11-22T02:00:00Z"


class FakeClock:
    """Time that stands still until somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.moment = START

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def today(self) -> str:
        return self.moment


@dataclass(frozen=True, kw_only=True)
class _Commit:
    version: Version
    inventory: Inventory
    definitions: dict[Ref, str]
    applied: dict[Ref, Applied]
    touched: frozenset[Ref]


@dataclass
class Shelf:
    """What several ledgers share: the commits of each host, oldest first."""

    commits: dict[str, list[_Commit]] = field(default_factory=dict)


class FakeLedger:
    """A ledger in memory. Two of them on one `Shelf` are two processes on one repository."""

    def __init__(self, host: str = "hv1", shelf: Shelf | None = None, clock: FakeClock | None = None) -> None:
        self._host = host
        self._shelf = shelf or Shelf()
        self._clock = clock or FakeClock()
        self._seen: int | None = None

    def inventory(self) -> Inventory:
        self._seen = len(self._history)
        head = self._head()
        return head.inventory if head else Inventory(host=self._host)

    def applied(self, ref: Ref) -> Applied | None:
        head = self._head()
        return head.applied.get(ref) if head else None

    def all_applied(self, refs: Iterable[Ref]) -> dict[Ref, Applied]:
        return {ref: found for ref in refs if (found := self.applied(ref)) is not None}

    def definition(self, ref: Ref, commit: str = "") -> str | None:
        head = self._known(commit) if commit else self._head()
        return head.definitions.get(ref) if head else None

    def record(self, change: LedgerChange) -> str:
        head = self._head() or self._nothing()
        definitions, applied = dict(head.definitions), dict(head.applied)
        _write(definitions, {ref: xml and redact(xml) for ref, xml in change.definitions.items()})
        _write(applied, change.applied)
        if (change.inventory, definitions, applied) == (head.inventory, head.definitions, head.applied):
            return head.version.commit
        if len(self._history) != self._seen:
            raise trouble("R507", f"somebody else has recorded changes of {self._host}")
        identity = hashlib.sha1(f"{self._host} {self._seen}".encode()).hexdigest()
        subject = change.message.partition("\n")[0]
        self._history.append(
            _Commit(
                version=Version(commit=identity, when=self._clock.today(), subject=subject),
                inventory=change.inventory,
                definitions=definitions,
                applied=applied,
                touched=_touched(head.definitions, definitions) | _touched(head.applied, applied),
            )
        )
        self._seen = len(self._history)
        return identity

    def versions(self, ref: Ref) -> Iterator[Version]:
        return (commit.version for commit in reversed(self._history) if ref in commit.touched)

    @property
    def _history(self) -> list[_Commit]:
        return self._shelf.commits.setdefault(self._host, [])

    def _head(self) -> _Commit | None:
        if self._seen is None:
            self._seen = len(self._history)
        return self._history[self._seen - 1] if self._seen else None

    def _nothing(self) -> _Commit:
        return _Commit(
            version=Version(commit="", when="", subject=""),
            inventory=Inventory(host=self._host),
            definitions={},
            applied={},
            touched=frozenset(),
        )

    def _known(self, commit: str) -> _Commit:
        for known in self._history:
            if commit and known.version.commit.startswith(commit):
                return known
        raise trouble("R702", f"the ledger of {self._host} has no version {commit!r}")


def _write(kept: dict[Ref, T], changes: Mapping[Ref, T | None]) -> None:
    for ref, value in changes.items():
        if value is None:
            kept.pop(ref, None)
        else:
            kept[ref] = value


def _touched(before: Mapping[Ref, object], after: Mapping[Ref, object]) -> frozenset[Ref]:
    return frozenset(ref for ref in before.keys() | after.keys() if before.get(ref) != after.get(ref))
