"""`rollback`: a plan and apply to a definition that the ledger remembers."""

from __future__ import annotations

from dataclasses import replace

from reconciler import entries
from reconciler.app import apply as applying
from reconciler.app import plan as planning
from reconciler.app import session
from reconciler.app.apply import Applied, Approve, Report, Stopping
from reconciler.app.perform import Run
from reconciler.app.session import Session, Workspace
from reconciler.app.settings import Selection, Settings
from reconciler.errors import trouble
from reconciler.kind import Context
from reconciler.markup import element_of
from reconciler.model.documents import Address, Document, Policy, Spec
from reconciler.model.inventory import Applied as LastApplied
from reconciler.model.plans import Allow
from reconciler.model.refs import Ref
from reconciler.ports import LedgerChange


def rollback(
    settings: Settings,
    ref: Ref,
    to: str,
    allow: frozenset[Allow],
    approve: Approve,
    report: Report,
    stopping: Stopping,
) -> Applied:
    """Bring one object back to the definition at ledger commit `to`, or to the one before the present if it is "".

    The manifest stays as it is: the next plan shows the difference. An object that is gone comes back. Raises R702 for
    an unknown version.
    """
    selection = Selection(refs=(ref,), allow=allow)
    with session.opened(settings, selection, operation="rollback") as workspace:
        host = _host_of(workspace, ref, to)
        # The same name on another host is another object, which nobody asked to change.
        alone = replace(workspace, sessions={host.host: host}, failures={})
        older = _older(alone, host, ref, to)
        asked = host.ledger.applied(ref)
        applied = applying.execute(older, planning.make(older), Run(approve=approve, report=report, stopping=stopping))
        _remember(host, ref, asked)
        return applied


def _remember(host: Session, ref: Ref, asked: LastApplied | None) -> None:
    """Keep what a document asked for last: a rollback says nothing of which fields are managed."""
    if host.ledger.applied(ref) != asked:
        inventory = host.ledger.inventory()
        message = f"rolled back {ref}: its managed fields stay those of its document"
        host.ledger.record(LedgerChange(inventory=inventory, definitions={}, applied={ref: asked}, message=message))


def _older(workspace: Workspace, host: Session, ref: Ref, to: str) -> Workspace:
    """The workspace, with this one resource wanting its older definition."""
    definition = _definition(host, ref, to)
    document = Document(ref=ref, host=host.host, labels={}, body={}, xml=definition)
    asked = workspace.kinds[ref.kind].parse(document, Context(host.host, workspace.desired.owners[0]))
    key = (host.host, ref)
    current = workspace.desired.specs.get(key)
    spec = replace(
        asked,
        claims={**asked.claims, **_unwritten(workspace, host, asked)},
        policy=current.policy if current else _remembered(host, asked),
        digest=f"rollback:{asked.digest}",
    )
    specs: dict[tuple[str, Ref], Spec] = {**workspace.desired.specs, key: spec}
    return replace(workspace, desired=replace(workspace.desired, specs=specs))


def _unwritten(workspace: Workspace, host: Session, asked: Spec) -> dict[Address, str]:
    """The secrets of elements that stay, as the host or else the document has them: the ledger never holds any."""
    kind = workspace.kinds[asked.ref.kind]
    observed, current = host.observed.get(asked.ref), workspace.desired.specs.get((host.host, asked.ref))
    known = kind.read(observed.xml) if observed else current.claims if current else {}
    return {
        address: text
        for address in entries.secrets(known, kind.table)
        if (text := known[address]) and address not in asked.claims and element_of(address) in asked.claims
    }


def _remembered(host: Session, asked: Spec) -> Policy:
    """What the last document permitted: bringing an object back does not take its protection away."""
    owned = host.ledger.inventory().objects.get(asked.ref)
    return replace(asked.policy, protect=owned.protect, deletion=owned.deletion) if owned else asked.policy


def _host_of(workspace: Workspace, ref: Ref, to: str) -> Session:
    """The host that version `to` is from, else the only one that declares the object or ever had it. Raises R702."""
    sessions = workspace.sessions.values()
    having = [host for host in sessions if any(version.commit.startswith(to) for version in host.ledger.versions(ref))]
    declaring = [host for host in having if (host.host, ref) in workspace.desired.specs]
    found = declaring if len(declaring) == 1 and not to else having
    if not found:
        raise trouble("R702", f"the ledger has no {'such' if to else 'older'} version of {ref}")
    if len(found) > 1:
        names = " and ".join(host.host for host in found)
        raise trouble("R702", f"{ref} is on {names}; say with --to which version, and so which of them, is meant")
    return found[0]


def _definition(host: Session, ref: Ref, to: str) -> str:
    """The definition at a commit; by default the newest that differs from the present one."""
    if to:
        found = host.ledger.definition(ref, to)
    else:
        present = host.ledger.definition(ref)
        older = (host.ledger.definition(ref, version.commit) for version in host.ledger.versions(ref))
        found = next((text for text in older if text is not None and text != present), None)
    if found is None:
        raise trouble("R702", f"the ledger has no {'such' if to else 'older'} version of {ref}")
    return found
