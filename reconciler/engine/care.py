"""How far a document binds its host: made so, made once, only told of, or not even that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from reconciler.engine.decide import Decided
from reconciler.model.documents import Mode
from reconciler.model.plans import Action, Change, Condition
from reconciler.model.refs import Ref

DRIFTED = "Drifted"


def bound(decided: Decided, mode: Mode) -> Decided:
    """What is left to be done in this mode; what is only told becomes a condition."""
    match mode:
        case Mode.ENFORCE:
            return decided
        case Mode.IGNORE:
            return Decided()
        case Mode.OBSERVE:
            only = decided.changes
        case Mode.CREATE_ONLY:
            only = tuple(each for each in decided.changes if each.action not in (Action.CREATE, Action.ADOPT))
        case _:
            assert_never(mode)
    kept = tuple(change for change in decided.changes if change not in only)
    return Decided(changes=kept, conditions=(*decided.conditions, *told(only, mode)))


def told(changes: Iterable[Change], mode: Mode) -> Iterator[Condition]:
    """What these changes would do, a condition for each resource."""
    by_resource: dict[tuple[str, Ref], list[Change]] = {}
    for change in changes:
        by_resource.setdefault(change.key, []).append(change)
    for (host, ref), several in by_resource.items():
        would = " and ".join(change.action.value for change in several)
        fields = (field.path for each in several if each.action is not Action.CREATE for field in each.fields)
        message = f"apply would {would}, and leaves it so in mode {mode.value}"
        yield Condition(ref, host, DRIFTED, message, tuple(dict.fromkeys(fields)))
