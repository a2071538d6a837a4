"""What would fail at start, said at plan time: each change is held against what its host has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from reconciler.app.session import Session, Workspace
from reconciler.errors import Problem
from reconciler.kind import Facts, Kind, Unfit
from reconciler.model.documents import POWER, Spec
from reconciler.model.plans import Action, Blocked, Change, Define, Disruption
from reconciler.model.refs import Ref

BUILDING = (Action.CREATE, Action.UPDATE, Action.REPLACE)


def check(workspace: Workspace, host: Session, specs: Mapping[Ref, Spec], changes: Sequence[Change]) -> list[Change]:
    """The changes; those that the host could not carry are blocked with the reason."""
    if not any(_builds(change) for change in changes):
        return list(changes)
    facts = gather(workspace.kinds, host, frozenset(specs))
    coming = {change.ref for change in changes if change.action is Action.CREATE}
    absent = {ref for ref in specs if ref not in coming and ref not in host.observed and not host.hides(ref)}
    return [_checked(workspace, specs, facts, absent, change) if _builds(change) else change for change in changes]


def _builds(change: Change) -> bool:
    return change.action in BUILDING and change.blocked is None


def gather(kinds: Mapping[str, Kind], host: Session, declared: frozenset[Ref]) -> Facts:
    """What the host has, asked once."""
    from reconciler.adapters.virt.facts import gather as ask

    taken = {
        port: ref
        for ref, observed in host.observed.items()
        for port in kinds[ref.kind].ports(observed.live or observed.xml)
    }
    return replace(ask(host.handle), declared=declared, ports=taken)


def _checked(
    workspace: Workspace, specs: Mapping[Ref, Spec], facts: Facts, absent: Collection[Ref], change: Change
) -> Change:
    kind = workspace.kinds[change.ref.kind]
    lacks = kind.preflight(specs[change.ref], change.observed, facts)
    found = [(problem.number, _placed(workspace, change, problem)) for problem in lacks]
    found += [
        ("R401", f"{change.ref} needs {need.ref}, which is declared but not selected; apply both")
        for need in specs[change.ref].needs
        if need.ref in absent and change.action is Action.CREATE
    ]
    found += [
        ("R401", f"{change.ref} needs the secret {need.ref.name}, which is neither declared nor on the host")
        for need in specs[change.ref].needs
        if need.ref.kind == "Secret" and facts.secrets is not None and _opens(specs[change.ref])
        if need.ref.name not in facts.secrets and need.ref not in facts.declared
    ]
    found += [("R208", complaint) for complaint in _schema_complaints(kind, change)]
    if not found:
        return change
    blocked = Blocked(found[0][0], "; ".join(message for _, message in found))
    return replace(change, blocked=blocked, disruption=Disruption.REFUSED)


def _placed(workspace: Workspace, change: Change, problem: Problem) -> str:
    """The message, after the place of the very claim that makes the problem where that can be told."""
    address = problem.address if isinstance(problem, Unfit) else ""
    where = workspace.desired.place(change.key, address) if address else ""
    return f"{where}: {problem.message}" if where else problem.message


def _opens(spec: Spec) -> bool:
    """Whether secrets are asked for at once: what is only defined has time to get them."""
    return spec.ref.kind == "Volume" or spec.claims.get("!active") == "yes" or spec.claims.get(POWER) == "running"


def _schema_complaints(kind: Kind, change: Change) -> list[str]:
    """What libvirt's own schema has against a definition: it would drop the element without a word."""
    from reconciler.adapters.schemas import complaint

    definitions = (step.xml for step in change.steps if isinstance(step, Define))
    return [found for xml in definitions if (found := complaint(kind.root, xml))]
