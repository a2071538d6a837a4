"""One resource: from its document and the host's object to what has to happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconciler import fields
from reconciler.engine import compare
from reconciler.kind import Judged, Kind, Situation, may_restart
from reconciler.matching import align, rename
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
    Step,
    Stop,
)

OWNER_ADDRESS = "metadata/reconciler:owner"


@dataclass(frozen=True, kw_only=True)
class Case:
    """All that is known of one declared resource. `owners` are the names this desired state goes by."""

    kind: Kind
    spec: Spec
    observed: Observed | None
    owned: Owned | None
    applied: Applied = NOTHING_APPLIED
    owners: Sequence[str] = ()
    allow: frozenset[Allow] = frozenset()


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
    situation, live = _situation(case, case.observed)
    case = replace(case, applied=compare.as_named(case.applied, situation.renamed))
    diffs = compare.compare(case.kind, case.spec, situation.texts, case.applied)
    waiting = _waiting(case, situation, live)
    mends = _mends(case, situation, live, waiting, diffs)
    waiting = tuple(address for address in waiting if address not in {diff.address for diff in mends})
    adopt = _adopt(case, situation)
    found = (*diffs, *mends, *_overdue(case, situation, live or {}, waiting, diffs))
    update = _update(case, situation, found)
    changes = tuple(change for change in (adopt, update) if change)
    conditions = (*_pending_condition(case, waiting, update), *_ignored_condition(case, situation.texts))
    return Decided(changes=changes, conditions=conditions)


def _create(case: Case) -> Change:
    kind, spec = case.kind, case.spec
    shown = tuple(
        FieldChange(fields.path_of(kind.table, address), None, fields.shown(kind.table, address, text), Disruption.NONE)
        for address, text in spec.claims.items()
        if text is not None and _is_field(kind, address)
    )
    return Change(
        ref=spec.ref,
        host=spec.host,
        action=Action.CREATE,
        steps=kind.create(spec),
        fields=shown,
        spec_digest=spec.digest,
    )


def _is_field(kind: Kind, address: Address) -> bool:
    """Whether people write a value at this address: elements that only hold others are not worth a line."""
    entry = fields.entry_of(kind.table, address)
    return entry is not None and entry.field is not None


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


def _situation(case: Case, observed: Observed) -> tuple[Situation, Texts | None]:
    kind = case.kind
    texts = {**kind.read(observed.xml), **observed.facts}
    renamed = align(case.spec, texts, kind.identities)
    situation = Situation(
        spec=case.spec,
        observed=observed,
        texts=rename(texts, renamed),
        renamed=renamed,
        allow=case.allow,
    )
    if observed.live is None:
        return situation, None
    running = kind.read(observed.live)
    return situation, rename(running, align(case.spec, running, kind.identities))


def _waiting(case: Case, situation: Situation, live: Texts | None) -> tuple[Address, ...]:
    """Where the running object still has the old value of a managed field."""
    if live is None:
        return ()
    return compare.pending(case.kind, case.spec, situation.texts, live, case.applied)


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


def _update(case: Case, situation: Situation, diffs: Sequence[Diff]) -> Change | None:
    judged = [Judged(diff, case.kind.judge(diff, situation)) for diff in diffs if diff.address != OWNER_ADDRESS]
    if not judged:
        return None
    # A definition that follows an adoption carries the mark too, or it would wipe it out.
    marks = [Judged(diff, case.kind.judge(diff, situation)) for diff in diffs if diff.address == OWNER_ADDRESS]
    steps = case.kind.update(situation, [*marks, *judged])
    if not steps and all(item.decision.disruption < Disruption.REPLACE for item in judged):
        return None
    worst = max(item.decision.disruption for item in judged)
    restarts = any(isinstance(step, Stop) for step in steps)
    return Change(
        ref=case.spec.ref,
        host=case.spec.host,
        action=Action.REPLACE if worst is Disruption.REPLACE else Action.UPDATE,
        steps=steps,
        fields=tuple(_field_change(case.kind, case.spec, situation.texts, item) for item in judged if not _unit(item)),
        disruption=worst,
        blocked=_blocked(case, judged, worst),
        observed=situation.observed,
        spec_digest=case.spec.digest,
        waits=worst in (Disruption.NEXT_BOOT, Disruption.RESTART) and not restarts,
    )


def _overdue(
    case: Case, situation: Situation, live: Texts, waiting: Sequence[Address], diffs: Sequence[Diff]
) -> tuple[Diff, ...]:
    """Restarts that an earlier apply left open and that may now happen: the definition is right already."""
    if not waiting or not may_restart(case.spec.policy, case.allow):
        return ()
    known = {diff.address for diff in diffs}
    return tuple(
        Diff(address, live.get(address), situation.texts.get(address)) for address in waiting if address not in known
    )


def _mends(
    case: Case, situation: Situation, live: Texts | None, waiting: Sequence[Address], diffs: Sequence[Diff]
) -> tuple[Diff, ...]:
    """What can be put right in the running object at once, beside the differences that are known already."""
    if live is None:
        return ()
    known = {diff.address for diff in diffs}
    elements = tuple(f"{address}{mark}" for address in known for mark in "/@")
    found = case.kind.mends(situation, live, waiting)
    return tuple(diff for diff in found if diff.address not in known and not diff.address.startswith(elements))


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
    return None


def _field_change(kind: Kind, spec: Spec, texts: Texts, item: Judged) -> FieldChange:
    diff = item.diff
    before, after = (
        _entry_text(kind, side, diff.address)
        if side is not None and text is not None and diff.address.endswith("]")
        else fields.shown(kind.table, diff.address, text)
        for side, text in ((texts, diff.before), (_present(spec), diff.after))
    )
    return FieldChange(
        fields.path_of(kind.table, diff.address), before, after, item.decision.disruption, item.decision.why
    )


def _present(spec: Spec) -> Texts:
    return {address: text for address, text in spec.claims.items() if text is not None}


def _entry_text(kind: Kind, texts: Texts, element: Address) -> str:
    """A whole list entry in a few words: the values of its fields."""
    inside = (element + "/", element + "@")
    start = fields.path_of(kind.table, element) + "."
    said = [
        f"{path.removeprefix(start)}={fields.shown(kind.table, address, text)}"
        for address, text in texts.items()
        if address.startswith(inside) and text and (path := fields.path_of(kind.table, address)).startswith(start)
    ]
    return " ".join(said) or "present"


def _ignored_condition(case: Case, texts: Texts) -> tuple[Condition, ...]:
    """What libvirt took without a word and does not have: asking again would change nothing, so it is only said."""
    table = case.kind.table
    paths = tuple(
        fields.path_of(table, address)
        for address, pair in case.applied.settled.items()
        if pair == (case.spec.claims.get(address), "") and address not in texts
    )
    if not paths:
        return ()
    message = "libvirt accepts this and keeps nothing of it"
    return (Condition(case.spec.ref, case.spec.host, "Ignored", message, paths),)


def _pending_condition(case: Case, waiting: Sequence[Address], update: Change | None) -> tuple[Condition, ...]:
    if update is not None and not update.waits and update.disruption >= Disruption.RESTART and not update.blocked:
        return ()
    paths = tuple(dict.fromkeys(fields.path_of(case.kind.table, address) for address in waiting))
    if not paths:
        return ()
    message = "the running guest keeps the old value until it restarts"
    return (Condition(case.spec.ref, case.spec.host, "RestartPending", message, paths),)
