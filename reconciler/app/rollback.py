"""`rollback`: a plan and apply to a definition that the ledger remembers."""

from __future__ import annotations

from dataclasses import replace

from reconciler.app import apply as applying
from reconciler.app import plan as planning
from reconciler.app import session
from reconciler.app.apply import Applied, Approve, Report, Stopping
from reconciler.app.perform import Run
from reconciler.app.session import Session, Workspace
from reconciler.app.settings import Selection, Settings
from reconciler.errors import trouble
from reconciler.kind import Context
from reconciler.model.documents import Document, Spec
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
        host = _host_of(workspace, ref)
        older = _older(workspace, host, ref, to)
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
    spec = replace(asked, policy=current.policy, digest=f"rollback:{asked.digest}") if current else asked
    specs: dict[tuple[str, Ref], Spec] = {**workspace.desired.specs, key: spec}
    return replace(workspace, desired=replace(workspace.desired, specs=specs))


def _host_of(workspace: Workspace, ref: Ref) -> Session:
    for host in workspace.sessions.values():
        if (host.host, ref) in workspace.desired.specs or any(host.ledger.versions(ref)):
            return host
    raise trouble("R702", f"nothing declares {ref}, and the ledger has no version of it")


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
