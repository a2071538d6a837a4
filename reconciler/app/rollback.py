"""`rollback`: a plan and apply to a definition that the ledger remembers."""

from __future__ import annotations

from dataclasses import replace

from reconciler.app import apply as applying
from reconciler.app import older, session
from reconciler.app import plan as planning
from reconciler.app.apply import Applied, Approve, Report, Stopping
from reconciler.app.perform import Run
from reconciler.app.policing import Refusal, policies_of
from reconciler.app.session import Session, Workspace
from reconciler.app.settings import Selection, Settings
from reconciler.engine.suspension import in_force, told
from reconciler.errors import trouble
from reconciler.model.documents import Spec
from reconciler.model.inventory import Applied as LastApplied
from reconciler.model.inventory import Owned
from reconciler.model.plans import Allow
from reconciler.model.refs import Ref
from reconciler.policy.judge import violations
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
        _refuse_suspended(workspace, host, ref)
        back = _older(alone, host, ref, to)
        owned, asked = host.ledger.inventory().objects.get(ref), host.ledger.applied(ref)
        applied = applying.execute(back, planning.make(back), Run(approve=approve, report=report, stopping=stopping))
        _remember(host, ref, owned, asked)
        return applied


def _refuse_suspended(workspace: Workspace, host: Session, ref: Ref) -> None:
    """Raises R518 for what is to be left alone, by whoever it is."""
    suspension = in_force(host.ledger.inventory(), workspace.today).get(ref)
    if suspension:
        raise trouble("R518", f"{ref} is {told(suspension)}; resume it first", host.host)


def _remember(host: Session, ref: Ref, owned: Owned | None, asked: LastApplied | None) -> None:
    """Keep what a document asked for last, and whether that was unhealthy: a rollback says nothing of either."""
    inventory = host.ledger.inventory()
    now = inventory.objects.get(ref)
    if now is not None and owned is not None and now.unhealthy != owned.unhealthy:
        known = replace(now, unhealthy=owned.unhealthy)
        inventory = replace(inventory, objects={**inventory.objects, ref: known})
    elif host.ledger.applied(ref) == asked:
        return
    message = f"rolled back {ref}: its managed fields stay those of its document"
    host.ledger.record(LedgerChange(inventory=inventory, definitions={}, applied={ref: asked}, message=message))


def _older(workspace: Workspace, host: Session, ref: Ref, to: str) -> Workspace:
    """The workspace, with this one resource wanting its older definition."""
    spec = older.spec_of(workspace, host, ref, _definition(host, ref, to))
    specs: dict[tuple[str, Ref], Spec] = {**workspace.desired.specs, (host.host, ref): spec}
    refused = {key: found for key, found in workspace.desired.refused.items() if key != (host.host, ref)}
    return replace(
        workspace,
        desired=replace(workspace.desired, specs=specs, refused={**refused, **_refused(workspace, host, spec)}),
    )


def _refused(workspace: Workspace, host: Session, spec: Spec) -> dict[tuple[str, Ref], tuple[Refusal, ...]]:
    """What the policies of today have against a definition of then."""
    policies = policies_of(workspace.settings, workspace.desired.hosts, host.host)
    found = violations(policies, spec, workspace.kinds[spec.ref.kind].table)
    return {(host.host, spec.ref): tuple(Refusal(each, "") for each in found)} if found else {}


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
