"""`history`: the versions of one resource in the ledger, and what each changed."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler import entries
from reconciler.app import wiring
from reconciler.app.hosts import ledgers
from reconciler.app.settings import Settings
from reconciler.engine.compare import says_something
from reconciler.errors import trouble
from reconciler.kind import Kind
from reconciler.model.plans import Disruption, FieldChange
from reconciler.model.refs import Ref
from reconciler.ports import Ledger


@dataclass(frozen=True, kw_only=True)
class HistoryEntry:
    """One version: its host, its commit in the ledger, when and why it was written, and the fields that changed."""

    host: str
    commit: str
    when: str
    subject: str
    fields: tuple[FieldChange, ...]


def history(settings: Settings, ref: Ref) -> tuple[HistoryEntry, ...]:
    """Newest first; a name may have a history on several hosts. Raises R702 where no ledger knows the resource."""
    kind = wiring.kinds().get(ref.kind)
    found = [entry for host, ledger in ledgers(settings) if kind for entry in _entries(kind, host, ledger, ref)]
    if not found:
        raise trouble("R702", f"the ledger has no version of {ref}")
    return tuple(sorted(found, key=lambda entry: entry.when, reverse=True))


def _entries(kind: Kind, host: str, ledger: Ledger, ref: Ref) -> list[HistoryEntry]:
    versions = list(ledger.versions(ref))
    definitions = [ledger.definition(ref, version.commit) for version in versions] + [None]
    pairs = zip(versions, definitions, definitions[1:], strict=False)
    return [
        HistoryEntry(
            host=host,
            commit=version.commit,
            when=version.when,
            subject=version.subject,
            fields=changed(kind, before, after),
        )
        for version, after, before in pairs
    ]


def changed(kind: Kind, before: str | None, after: str | None) -> tuple[FieldChange, ...]:
    """The fields by which two definitions differ, but elements around others; none where a definition is missing."""
    if before is None or after is None:
        return ()
    old, new = kind.read(before), kind.read(after)
    differing = (address for address in dict.fromkeys((*old, *new)) if old.get(address) != new.get(address))
    said = (at for at in differing if any(at in each and says_something(at, each) for each in (old, new)))
    return tuple(
        FieldChange(
            entries.path_of(kind.table, address),
            entries.shown(kind.table, address, old.get(address)),
            entries.shown(kind.table, address, new.get(address)),
            Disruption.NONE,
        )
        for address in said
        if not address.endswith("@unit")
    )
