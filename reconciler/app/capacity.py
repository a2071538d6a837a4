"""What a host's machines are promised once the plan is carried out, against what it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.app.session import Session, Workspace
from reconciler.engine.capacity import Limits, Supply, exceeded, measure
from reconciler.kind import Weight
from reconciler.model.plans import Action, Blocked, Capacity, Change, Define, Disruption
from reconciler.model.refs import Ref


def measured(workspace: Workspace, host: Session, changes: Sequence[Change]) -> tuple[Capacity, list[Change]]:
    """The promises of one host after the plan, and the changes; those beyond the host's policy are blocked."""
    from reconciler.adapters.virt.facts import supply as ask

    supply = ask(host.handle)
    limits = limits_of(workspace, host.host)
    weights = dict(_weights(workspace, host, changes))
    found = measure(host.host, Supply(**supply), weights.values(), limits)
    checked = [_within(change, weights, found, limits, workspace) for change in changes]
    return found, checked


def _weights(workspace: Workspace, host: Session, changes: Sequence[Change]) -> Iterator[tuple[Ref, Weight]]:
    """Every machine by its definition: as it is, then as the plan would have it."""
    for ref, observed in host.observed.items():
        yield ref, workspace.kinds[ref.kind].weigh(observed.xml)
    for change in changes:
        kind = workspace.kinds[change.ref.kind]
        if change.action is Action.DELETE and change.blocked is None:
            yield change.ref, Weight()
        for step in change.steps:
            if isinstance(step, Define):
                yield change.ref, kind.weigh(step.xml)


def limits_of(workspace: Workspace, host: str) -> Limits:
    """The overcommit policy of the Host document."""
    asked = _overcommit(workspace, host)
    return Limits(cpu=_number(asked.get("cpu")), memory=_number(asked.get("memory")))


def _overcommit(workspace: Workspace, host: str) -> Mapping[str, object]:
    found = workspace.desired.policy(host).get("overcommit", {})
    return found if isinstance(found, Mapping) else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _within(
    change: Change, weights: Mapping[Ref, Weight], found: Capacity, limits: Limits, workspace: Workspace
) -> Change:
    """The change, blocked where it asks for more than one host can carry."""
    asks = change.action in (Action.CREATE, Action.UPDATE) and any(isinstance(step, Define) for step in change.steps)
    weight = weights.get(change.ref, Weight())
    if not asks or change.blocked is not None or not weight.vcpus:
        return change
    per_guest = _number(_overcommit(workspace, found.host).get("vcpusPerGuest")) or 1.0
    if found.cpus and weight.vcpus > found.cpus * per_guest:
        reason = f"{weight.vcpus} vCPUs for one guest, but {found.host} has {found.cpus} CPUs"
        cure = "; set policy.overcommit.vcpusPerGuest in its Host document to allow it"
        return _blocked(change, reason + cure)
    if exceeded(found, limits):
        return _blocked(change, "; ".join(found.warnings))
    return change


def _blocked(change: Change, reason: str) -> Change:
    return replace(change, blocked=Blocked("R402", reason), disruption=Disruption.REFUSED)
