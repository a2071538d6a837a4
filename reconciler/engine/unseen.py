"""What cannot be looked at now, because what holds it is not running: nothing is made there blindly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.model.documents import Spec
from reconciler.model.inventory import Owned
from reconciler.model.plans import Action, Blocked, Change, Condition, Disruption, Start
from reconciler.model.refs import Ref

# The type of the Condition of what is taken to be there without looking.
UNSEEN = "Unseen"


def in_sight(
    changes: Sequence[Change],
    specs: Mapping[Ref, Spec],
    owned: Mapping[Ref, Owned],
    hidden: Callable[[Ref], bool],
) -> tuple[list[Change], list[Condition]]:
    """The changes of one host without the creations of what may be there already, and what is said instead.

    Where this plan starts the holder, what is ours is taken to be there still, and the next plan looks at it; what is
    not ours is made then, unless the look right before that finds it (R506). Otherwise the creation is blocked.
    """
    started = {change.ref for change in changes if change.blocked is None and Start() in change.steps}
    kept: list[Change] = []
    waiting: list[Condition] = []
    for change in changes:
        if change.action is not Action.CREATE or not hidden(change.ref):
            kept.append(change)
        elif not started & set(_holders(specs[change.ref])):
            kept.append(_blocked(change, specs[change.ref]))
        elif _made_before(owned.get(change.ref)):
            waiting.append(
                Condition(change.ref, change.host, UNSEEN, "what holds it is started first; the next plan looks at it")
            )
        else:
            kept.append(change)
    return kept, waiting


def _holders(spec: Spec) -> Iterator[Ref]:
    return (need.ref for need in spec.needs)


def _made_before(owned: Owned | None) -> bool:
    return owned is not None and not owned.intended


def _blocked(change: Change, spec: Spec) -> Change:
    holder = next(_holders(spec), None)
    reason = f"{change.ref} may be there or not: {holder} is inactive; start it, or declare it with active: true"
    return replace(change, blocked=Blocked("R401", reason), disruption=Disruption.REFUSED)
