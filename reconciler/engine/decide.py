"""One resource: from its document and the host's object to what has to happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconciler import entries
from reconciler.engine import backoff, compare
from reconciler.engine.busy import busy
from reconciler.engine.describe import field_change, is_field
from reconciler.engine.judge import judged, situation_of
from reconciler.engine.origins import image_changed
from reconciler.kind import KEEP, Judged, Kind, Locate, Situation, may_restart, nowhere
from reconciler.model.addresses import is_inside
from reconciler.model.documents import Address, Observed, Spec, Texts
from reconciler.model.inventory import NOTHING_APPLIED, Applied, Owned
from reconciler.model.plans import (
    Action,
    Allow,
    Blocked,
    Change,
    Condition,
    Diff,
    Disruption,
    FieldChange,
    Mark,
    Start,
    Step,
    Stop,
)

OWNER_ADDRESS = "metadata/reconciler:owner"


@dataclass(frozen=True, kw_only=True)
class Case:
    """All that is known of one declared resource. `owners` are the names this desired state goes by.

    `locate` gives the path of a volume of its host.
    `today` is the moment of the look at the host. Where a restart window is open, `allow` has the restart and `until`
    says when that ends; where one is awaited, `opens` says when it comes. All three are RFC 3339 in UTC.
    """

    kind: Kind
    spec: Spec
    observed: Observed | None
    owned: Owned | None
    applied: Applied = NOTHING_APPLIED
    owners: Sequence[str] = ()
    allow: frozenset[Allow] = frozenset()
    locate: Locate = nowhere
    today: str = ""
    until: str = ""
    opens: str = ""


@dataclass(frozen=True, kw_only=True)
class Decided:
    """The changes of one resource, in order, and what is true of it without any change."""

    changes: tuple[Change, ...] = ()
    conditions: tuple[Condition, ...] = ()


def decide(case: Case) -> Decided:
    """What has to happen to one declared resource, and what it waits for."""
    if case.observed is None:
        return Decided(changes=(_create(case),))
    if foreign := _foreign_owner(case, case.observed):
        return Decided(changes=(_conflict(case, foreign),))
    if occupied := busy(case.spec, case.observed):
        return Decided(conditions=occupied)
    situation = situation_of(case.kind, case.spec, case.observed, case.allow, case.locate)
    case = replace(case, applied=compare.as_named(case.applied, situation.renamed))
    diffs = compare.compare(case.kind, case.spec, situation.texts, case.applied)
    waiting = _waiting(case, situation)
    adopt = _adopt(case, situation)
    # A group that is taken apart may hold what is a difference of its own.
    asked = {item.diff.address: item for diff in diffs for item in judged(case.kind, diff, situation)}
    kept = [item for item in asked.values() if item.decision.way == KEEP]
    asked = {address: item for address, item in asked.items() if item not in kept}
    found = [*asked.values(), *_mends(case, situation), *_overdue(case, situation, waiting, diffs)]
    due = backoff.rests_until(case.spec, situation.observed, case.owned, case.today)
    update = _update(case, situation, [item for item in found if not (due and backoff.is_start(item.diff))])
    update = backoff.without_start(update) if due else update
    changes = tuple(change for change in (adopt, update) if change)
    done = [item.diff.address for item in found if item.decision.disruption is Disruption.NONE]
    left = waiting if update is None or update.blocked else _outside(waiting, done)
    stays = () if update is not None and update.action is Action.REPLACE else image_changed(case.spec, case.applied)
    conditions = (*_pending_condition(case, left, update), *_ignored_condition(case, situation.texts), *stays)
    conditions = (*conditions, *_kept_condition(case, kept))
    return Decided(changes=changes, conditions=(*backoff.condition(case.spec, case.owned, due), *conditions))


def _create(case: Case) -> Change:
    kind, spec = case.kind, case.spec
    shown = tuple(
        FieldChange(
            entries.path_of(kind.table, address), None, entries.shown(kind.table, address, text), Disruption.NONE
        )
        for address, text in spec.claims.items()
        if text is not None and is_field(kind, address)
    )
    return Change(
        ref=spec.ref,
        host=spec.host,
        action=Action.CREATE,
        steps=kind.create(spec),
        fields=shown,
        spec_digest=spec.digest,
    )


def _foreign_owner(case: Case, observed: Observed) -> str:
    """Who else claims the object, "" if nobody does."""
    marked = case.kind.owner(observed.xml)
    recorded = case.owned.owner if case.owned and _same_object(case.owned, observed) else ""
    owner = marked or recorded
    return "" if not owner or owner in case.owners else owner


def _same_object(owned: Owned, observed: Observed) -> bool:
    return not owned.uuid or not observed.uuid or owned.uuid == observed.uuid


def _conflict(case: Case, owner: str) -> Change:
    reason = f"{case.spec.ref} belongs to {owner}, not to this desired state ({case.owners[0]})"
    return Change(
        ref=case.spec.ref,
        host=case.spec.host,
        action=Action.ADOPT,
        disruption=Disruption.REFUSED,
        blocked=Blocked("R503", reason),
        observed=case.observed,
        spec_digest=case.spec.digest,
    )


def _outside(addresses: Sequence[Address], elements: Sequence[Address]) -> list[Address]:
    return [address for address in addresses if not is_inside(address, elements)]


def _waiting(case: Case, situation: Situation) -> tuple[Address, ...]:
    """Where the running object still has the old value of a managed field."""
    if not situation.active:
        return ()
    return compare.pending(case.kind, case.spec, situation.texts, situation.live, case.applied, case.locate)


def _adopt(case: Case, situation: Situation) -> Change | None:
    """Taking an object that nobody owns; it changes the mark and nothing else."""
    observed = situation.observed
    if not case.kind.ownable:
        return None
    marked = case.kind.owner(observed.xml) if case.kind.marked else (case.owned.owner if case.owned else "")
    ours = case.owned is not None and _same_object(case.owned, observed)
    if ours and (marked or not case.kind.marked) and marked == case.owners[0]:
        return None
    steps: tuple[Step, ...] = (Mark(case.owners[0]),) if case.kind.marked and marked != case.owners[0] else ()
    if marked and case.owned is not None and case.owned.intended:
        return None
    return Change(
        ref=case.spec.ref,
        host=case.spec.host,
        action=Action.ADOPT,
        steps=steps,
        observed=observed,
        spec_digest=case.spec.digest,
    )


def _update(case: Case, situation: Situation, found: Sequence[Judged]) -> Change | None:
    judged = [item for item in found if item.diff.address != OWNER_ADDRESS]
    if not judged:
        return None
    # A definition that follows an adoption carries the mark too, or it would wipe it out.
    marks = [item for item in found if item.diff.address == OWNER_ADDRESS]
    steps = case.kind.update(situation, [*marks, *judged])
    worst = max(item.decision.disruption for item in judged)
    blocked = _blocked(case, judged, worst)
    if not steps and blocked is None and worst < Disruption.REPLACE:
        return None
    stops, starts = (any(isinstance(step, kind) for step in steps) for kind in (Stop, Start))
    waits = worst in (Disruption.NEXT_BOOT, Disruption.RESTART) and not stops
    return Change(
        ref=case.spec.ref,
        host=case.spec.host,
        action=Action.REPLACE if worst is Disruption.REPLACE else Action.UPDATE,
        steps=steps,
        fields=tuple(field_change(case.kind, case.spec, situation, item) for item in judged if not _unit(item)),
        disruption=worst,
        blocked=blocked,
        observed=situation.observed,
        spec_digest=case.spec.digest,
        waits=waits,
        # A stop alone is what the document wants; only a restart rests on the window.
        until=case.until if stops and starts else "",
        opens=case.opens if waits and worst is Disruption.RESTART else "",
    )


def _overdue(case: Case, situation: Situation, waiting: Sequence[Address], diffs: Sequence[Diff]) -> tuple[Judged, ...]:
    """What the definition has already and the running object can have now: live, or by a restart that is permitted.

    An earlier apply left it open, was killed before it came to it, or somebody changed the running object alone.
    """
    known = [diff.address for diff in diffs]
    late = (
        Diff(address, situation.live.get(address), situation.texts.get(address))
        for address in waiting
        if not is_inside(address, known)
    )
    judged = [Judged(diff, case.kind.judge(diff, situation)) for diff in late]
    permitted = may_restart(case.spec.policy, case.allow)
    return tuple(item for item in judged if permitted or item.decision.disruption is Disruption.NONE)


def _mends(case: Case, situation: Situation) -> tuple[Judged, ...]:
    """What can be put right in the running object at once, though neither definition tells."""
    found = case.kind.mends(situation) if situation.active else ()
    return tuple(Judged(diff, case.kind.judge(diff, situation)) for diff in found)


def _unit(item: Judged) -> bool:
    return item.diff.address.endswith("@unit")


def _blocked(case: Case, judged: Sequence[Judged], worst: Disruption) -> Blocked | None:
    why = next((item.decision.why for item in judged if item.decision.disruption is worst), "")
    if worst is Disruption.REFUSED:
        return Blocked("R403", why)
    if worst is Disruption.REPLACE and case.spec.policy.protect:
        return Blocked("R505", f"{case.spec.ref} has protect: true")
    if worst is Disruption.REPLACE and Allow.REPLACE not in case.allow:
        return Blocked("R502", why or "needs a new object; its data would be lost", Allow.REPLACE)
    if case.owned is not None and case.owned.unhealthy == case.spec.digest != "" and Allow.RETRY not in case.allow:
        reason = f"the same made {case.spec.ref} unhealthy and was rolled back"
        return Blocked("R514", reason, Allow.RETRY)
    lacking = next((item.decision for item in judged if item.decision.needs), None)
    return Blocked("R502", lacking.why, lacking.needs) if lacking else None


def _ignored_condition(case: Case, texts: Texts) -> tuple[Condition, ...]:
    """What libvirt took without a word and does not have: asking again would change nothing, so it is only said."""
    table = case.kind.table
    paths = tuple(
        entries.path_of(table, address)
        for address, pair in case.applied.settled.items()
        if pair == (case.spec.claims.get(address), "") and address not in texts
    )
    if not paths:
        return ()
    message = "libvirt accepts this and keeps nothing of it"
    return (Condition(case.spec.ref, case.spec.host, "Ignored", message, paths),)


def _kept_condition(case: Case, kept: Sequence[Judged]) -> tuple[Condition, ...]:
    """What the document says otherwise, and leaves to the object as it is."""
    paths = tuple(dict.fromkeys(entries.path_of(case.kind.table, item.diff.address) for item in kept))
    return (Condition(case.spec.ref, case.spec.host, "Kept", kept[0].decision.why, paths),) if kept else ()


def _pending_condition(case: Case, waiting: Sequence[Address], update: Change | None) -> tuple[Condition, ...]:
    if update is not None and not update.waits and update.disruption >= Disruption.RESTART and not update.blocked:
        return ()
    paths = tuple(dict.fromkeys(entries.path_of(case.kind.table, address) for address in waiting))
    if not paths:
        return ()
    coming = f"; its next restart window opens at {case.opens}" if case.opens else ""
    message = f"the running guest keeps the old value until it restarts{coming}"
    return (Condition(case.spec.ref, case.spec.host, "RestartPending", message, paths),)
