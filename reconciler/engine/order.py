"""What first, what last: things are made before what stands on them, and removed after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from reconciler.errors import trouble
from reconciler.kind import Kind
from reconciler.model.documents import Spec
from reconciler.model.plans import Action, Change
from reconciler.model.refs import Ref


def order(
    changes: Iterable[Change], kinds: Mapping[str, Kind], specs: Mapping[tuple[str, Ref], Spec]
) -> tuple[Change, ...]:
    """Creations and updates by need, then deletions the other way round; a stable order throughout."""
    listed = list(changes)
    if not listed:
        return ()
    building = [change for change in listed if not _removes(change)]
    removing = [change for change in listed if _removes(change)]
    places = {key: place for place, key in enumerate(_sorted(specs, kinds))}
    last = len(places)
    building.sort(key=lambda change: (places.get(change.key, last), change.key, change.action is not Action.ADOPT))
    above = _above(removing, kinds)
    removing.sort(key=lambda change: (change.host, -kinds[change.ref.kind].rank, _height(change, above), change.ref))
    return (*building, *removing)


def _removes(change: Change) -> bool:
    return change.action in (Action.DELETE, Action.FORGET)


def _above(removing: Iterable[Change], kinds: Mapping[str, Kind]) -> dict[tuple[str, Ref], list[Change]]:
    """What goes and stands on something, by what that is: an overlay by its backing volume."""
    found: dict[tuple[str, Ref], list[Change]] = {}
    for change in removing:
        for ref in kinds[change.ref.kind].stands(change.observed) if change.observed else ():
            found.setdefault((change.host, ref), []).append(change)
    return found


def _height(
    change: Change, above: Mapping[tuple[str, Ref], Sequence[Change]], seen: frozenset[Ref] = frozenset()
) -> int:
    """How many things that go stand on each other on top of this one."""
    upper = [each for each in above.get(change.key, ()) if each.ref not in seen]
    return max((1 + _height(each, above, seen | {change.ref}) for each in upper), default=0)


def _sorted(specs: Mapping[tuple[str, Ref], Spec], kinds: Mapping[str, Kind]) -> list[tuple[str, Ref]]:
    """Every declared resource, after all that it needs."""
    sorter: TopologicalSorter[tuple[str, Ref]] = TopologicalSorter()
    for key in sorted(specs, key=lambda key: (kinds[key[1].kind].rank, key)):
        needs = ((key[0], need.ref) for need in specs[key].needs)
        sorter.add(key, *(need for need in needs if need in specs))
    try:
        return list(sorter.static_order())
    except CycleError as error:
        circle = " -> ".join(str(ref) for _, ref in error.args[1])
        raise trouble("R303", f"these need each other: {circle}") from error
