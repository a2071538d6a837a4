"""The last look before applying: how much may be deleted at once, and what must not be lost by mistake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from reconciler.model.plans import Action, Allow, Blocked, Change, KindStep, On
from reconciler.model.refs import Ref

# The cap of cli.md: the larger of the two, and never everything.
CAP_OBJECTS = 10
CAP_SHARE = 0.3


def guard(changes: Sequence[Change], owned: int, declared: int, allow: frozenset[Allow]) -> tuple[Change, ...]:
    """The changes of one host, removals blocked if nothing is declared any more, deletions if they pass the cap."""
    removals = [change for change in changes if _removes(change)]
    doomed = [change for change in removals if change.action is Action.DELETE]
    if Allow.MASS_DELETE in allow or not removals:
        return tuple(changes)
    if not declared:
        reason = f"nothing is declared here any more; what is owned ({owned}) would go"
        return tuple(_stop(change, reason) if _removes(change) else change for change in changes)
    if len(doomed) <= _cap(owned):
        return tuple(changes)
    reason = f"{len(doomed)} of {owned} owned objects would be deleted; {_cap(owned)} pass with delete alone"
    return tuple(_stop(change, reason) if change.action is Action.DELETE else change for change in changes)


def _removes(change: Change) -> bool:
    return change.action in (Action.DELETE, Action.FORGET)


def one_life(changes: Sequence[Change]) -> tuple[Change, ...]:
    """The changes of all hosts; what still has to go from one host is not made anew on another meanwhile."""
    leaving = {change.ref: change.host for change in changes if change.action is Action.DELETE}
    return tuple(_not_twice(change, leaving.get(change.ref, change.host)) for change in changes)


def _not_twice(change: Change, other: str) -> Change:
    if change.action is not Action.CREATE or other == change.host or change.blocked is not None:
        return change
    reason = (
        f"{change.ref} is still on {other}, where nothing declares it any more; once it is gone there it can be made"
    )
    return replace(change, blocked=Blocked("R510", reason))


def protect(changes: Iterable[Change], patterns: Sequence[str]) -> tuple[Change, ...]:
    """The changes of one host; what a pattern of its policy names (`Domain/db-*`) is neither deleted nor replaced."""
    return tuple(_protected(change, patterns) for change in changes)


def _protected(change: Change, patterns: Sequence[str]) -> Change:
    lost = (change.ref, *_taken_along(change))
    named = next((pattern for pattern in patterns if any(fnmatchcase(str(ref), pattern) for ref in lost)), None)
    if named is None or change.action not in (Action.DELETE, Action.REPLACE):
        return change
    reason = f"{change.ref} is protected by {named} in policy.protect of Host/{change.host}"
    return replace(change, blocked=Blocked("R505", reason))


def _taken_along(change: Change) -> Iterator[Ref]:
    """What is lost for a change of something else: the root disk of a machine that is rebuilt."""
    for step in change.steps:
        match step:
            case On(ref, KindStep("remove")):
                yield ref
            case _:
                continue


def _cap(owned: int) -> int:
    """How many deletions pass with plain `delete`: never everything, unless there is only one."""
    limit = max(CAP_OBJECTS, int(owned * CAP_SHARE))
    return limit if owned > limit else max(owned - 1, 1)


def _stop(change: Change, reason: str) -> Change:
    if change.blocked is not None and change.blocked.number == "R505":
        return change
    return replace(change, blocked=Blocked("R504", reason, Allow.MASS_DELETE))
