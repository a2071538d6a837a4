"""What a plan would take from those who use it: said before it happens, and refused where data or a link would be lost.

The drivers look again right before they act: what is known here is what was observed when the plan was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler import markup
from reconciler.markup import alias_of
from reconciler.model.documents import Observed, Spec
from reconciler.model.plans import Action, Blocked, Change, Define, Disruption, FieldChange, KindStep, Stop
from reconciler.model.refs import Ref
from reconciler.usage import Place, disks_on, named, on_network, place_of, stands_on, uses, uses_pool
from reconciler.users import network_filter, secret

Uses = Callable[[str], bool]
# What is made anew stands on what its document says from then on.
_ENDING = (Action.DELETE, Action.REPLACE)


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """One host as it was observed, and what this plan does there."""

    observed: Mapping[Ref, Observed]
    specs: Mapping[Ref, Spec]
    changes: Sequence[Change]


def mind(observed: Mapping[Ref, Observed], specs: Mapping[Ref, Spec], changes: Sequence[Change]) -> list[Change]:
    """The changes of one host: those that would take something from its users are blocked, or say from whom."""
    minded = [_minded(_Scene(observed=observed, specs=specs, changes=changes), change) for change in changes]
    # What is not deleted after all goes on using what it stands on.
    return minded if minded == list(changes) else mind(observed, specs, minded)


def held_by(change: Change, machines: Mapping[Ref, Observed]) -> tuple[Ref, ...]:
    """Those of these running machines that have the volume which a change would delete."""
    if change.ref.kind != "Volume" or change.action is not Action.DELETE or change.observed is None:
        return ()
    place = place_of(change.ref.name, change.observed.xml)
    return tuple(ref for ref, seen in machines.items() if seen.live and uses(seen.live, place))


def stranded(observed: Mapping[Ref, Observed], specs: Mapping[Ref, Spec], changes: Sequence[Change]) -> list[Change]:
    """The changes of one host, with those of networks whose guests hang in the air though no document describes them.

    What is described is plugged in by its own change.
    """
    lost = [ref for ref, seen in observed.items() if seen.facts.get("!unplugged") and ref not in specs]
    found = list(changes)
    for ref in specs if lost else ():
        guests = [guest for guest in lost if _is_on(observed[guest], ref)]
        if guests and ref in observed and not any(change.ref == ref and change.blocked for change in changes):
            found = _with_plugs(found, specs[ref], observed[ref], guests)
    return found


def _is_on(seen: Observed, ref: Ref) -> bool:
    return ref.kind == "Network" and any(on_network(text, ref.name) for text in (seen.live, seen.xml) if text)


def _with_plugs(changes: list[Change], spec: Spec, seen: Observed, guests: Sequence[Ref]) -> list[Change]:
    """The changes, with a step that plugs the guests of this network in; a network that restarts does it anyway."""
    plug = KindStep("reconnect")
    shown = tuple(
        FieldChange(f"guests[{guest.name}].link", "unplugged", "plugged", Disruption.NONE) for guest in guests
    )
    mine = next((each for each in changes if each.ref == spec.ref and each.action is Action.UPDATE), None)
    if mine is None:
        own = Change(ref=spec.ref, host=spec.host, action=Action.UPDATE, observed=seen, spec_digest=spec.digest)
        return [*changes, replace(own, steps=(plug,), fields=shown)]
    if plug in mine.steps or KindStep("restart") in mine.steps:
        return changes
    more = replace(mine, steps=(*mine.steps, plug), fields=(*mine.fields, *shown))
    return [more if each is mine else each for each in changes]


def _minded(scene: _Scene, change: Change) -> Change:
    if change.ref.kind == "Network":
        return _network(scene, change)
    if change.ref.kind == "Volume":
        return _volume(scene, change)
    if change.ref.kind in ("NwFilter", "Secret") and change.action is Action.DELETE and change.observed is not None:
        return _held(change, list(_users(scene, change, change.observed)), "is used by")
    if change.ref.kind == "Pool" and change.action is Action.DELETE:
        return _held(change, list(_users_of_pool(scene, change)), "is still used by")
    return change


def _volume(scene: _Scene, change: Change) -> Change:
    if change.observed is None:
        return change
    place = place_of(change.ref.name, change.observed.xml)
    if any(isinstance(step, KindStep) and step.name == "resize" for step in change.steps):
        below = _machines_now(scene, lambda text: uses(text, place) and not disks_on(text, place))
        return _held(change, list(below), "cannot grow below a disk of", "stop that first")
    if change.action not in (Action.DELETE, Action.REPLACE):
        return change
    if change.action is Action.DELETE:
        users = [*_machines_after(scene, lambda text: uses(text, place)), *_volumes_on(scene, change.ref, place, True)]
        return _held(change, users, "is used by")
    # A replacement comes before the machines change.
    users = [*_machines_now(scene, lambda text: uses(text, place)), *_volumes_on(scene, change.ref, place, False)]
    return _held(change, users, "would be deleted and made anew, its data lost, but is used by")


def _held(change: Change, users: Sequence[str], how: str, then: str = "take it away there first") -> Change:
    """The change, refused while somebody uses the object; that it is protected is said before that."""
    if not users or (change.blocked is not None and change.blocked.number in ("R403", "R505")):
        return change
    reason = f"{change.ref} {how} {named(dict.fromkeys(users))}; {then}"
    return replace(change, blocked=Blocked("R403", reason), disruption=Disruption.REFUSED)


def _machines(scene: _Scene) -> Iterator[tuple[Ref, Observed]]:
    return ((ref, seen) for ref, seen in scene.observed.items() if ref.kind == "Domain")


def _machines_now(scene: _Scene, using: Uses) -> Iterator[str]:
    """The machines whose definition or running guest uses something."""
    yield from (str(ref) for ref, seen in _machines(scene) if using(seen.xml) or (seen.live and using(seen.live)))


def _machines_after(scene: _Scene, using: Uses) -> Iterator[str]:
    """The machines that still use something once this plan is carried out, as far as it can be told."""
    coming = _by_object(scene.changes)
    for ref, seen in _machines(scene):
        if _uses_after(seen, coming.pop(ref, ()), using):
            yield str(ref)
    for ref, changes in coming.items():
        if ref.kind == "Domain" and any(using(xml) for xml in _defined(changes)):
            yield str(ref)


def _happens(change: Change) -> bool:
    """Whether a change is carried out, or would be as soon as somebody permits it."""
    return change.blocked is None or change.blocked.allow is not None


def _by_object(changes: Iterable[Change]) -> dict[Ref, list[Change]]:
    """The changes that happen, by the object that they begin with."""
    found: dict[Ref, list[Change]] = {}
    for change in changes:
        if _happens(change):
            found.setdefault(change.observed.ref if change.observed else change.ref, []).append(change)
    return found


def _defined(changes: Iterable[Change]) -> list[str]:
    return [step.xml for change in changes for step in change.steps if isinstance(step, Define)]


def _uses_after(seen: Observed, changes: Sequence[Change], using: Uses) -> bool:
    if any(change.action is Action.DELETE for change in changes):
        return False
    return using(next(reversed(_defined(changes)), seen.xml)) or _keeps_using(seen, changes, using)


def _keeps_using(seen: Observed, changes: Sequence[Change], using: Uses) -> bool:
    """Whether a running guest still uses something after these changes: what waits for a restart stays as it is."""
    stops = any(isinstance(step, Stop) for change in changes for step in change.steps)
    return seen.live is not None and not stops and using(seen.live) and using(_live_after(seen.live, changes))


def _live_after(live: str, changes: Sequence[Change]) -> str:
    """The running definition once its guest has let go of what it is asked for, with what is put in the place of it."""
    steps = [step for change in changes for step in change.steps if isinstance(step, KindStep)]
    gone = {alias for step in steps if step.name == "detach" for alias in step.arguments.values()}
    root = markup.parse(live)
    for element in root.findall("devices/*"):
        new = next((each for each in _updated(steps) if alias_of(each) == alias_of(element) != ""), None)
        holder = element.getparent()
        if holder is not None and new is not None:
            holder.replace(element, new)
        elif holder is not None and alias_of(element) in gone:
            holder.remove(element)
    return markup.serialise(root)


def _updated(steps: Iterable[KindStep]) -> Iterator[markup.Element]:
    return (markup.parse(step.arguments["xml"]) for step in steps if step.name == "update" and "at" in step.arguments)


def _volumes_on(scene: _Scene, ref: Ref, place: Place, after: bool) -> Iterator[str]:
    """The volumes that stand on this one, without those that go along if it is about what comes after."""
    going = {change.ref for change in scene.changes if change.action in _ENDING and _happens(change)}
    for other, seen in scene.observed.items():
        if other.kind == "Volume" and other != ref and stands_on(seen.xml, place) and not (after and other in going):
            yield str(other)
    for other, spec in scene.specs.items():
        backing = (spec.claims.get("!backing"), spec.claims.get("backingStore/path"))
        if other.kind == "Volume" and other != ref and (backing[0] == ref.name or backing[1] in place.paths):
            yield str(other)


def _users(scene: _Scene, change: Change, seen: Observed) -> Iterator[str]:
    """Machines, filters, pools and volumes that still use a network filter or a secret after this plan."""
    uses = secret(seen.xml) if change.ref.kind == "Secret" else network_filter(change.ref.name)
    yield from _machines_after(scene, uses)
    coming = _by_object(scene.changes)
    for ref, other in scene.observed.items():
        able = ref.kind in ("NwFilter", "Pool", "Volume") and ref != change.ref
        if able and _uses_after(other, coming.get(ref, ()), uses):
            yield str(ref)


def _users_of_pool(scene: _Scene, change: Change) -> Iterator[str]:
    """The volumes of a pool that are declared, machines that name it, and what is in it if its directory is to go."""
    start = f"{change.ref.name}/"
    yield from (str(ref) for ref in scene.specs if ref.kind == "Volume" and ref.name.startswith(start))
    yield from _machines_after(scene, lambda text: uses_pool(text, change.ref.name))
    if KindStep("empty") in change.steps:
        going = {each.ref for each in scene.changes if each.action is Action.DELETE and _happens(each)}
        within = (ref for ref in scene.observed if ref.kind == "Volume" and ref.name.startswith(start))
        yield from (str(ref) for ref in within if ref not in going)


def _network(scene: _Scene, change: Change) -> Change:
    """A network's change with the machines whose link it takes."""

    def using(text: str) -> bool:
        return on_network(text, change.ref.name)

    if change.action is Action.DELETE:
        coming = _by_object(scene.changes)
        left = [str(ref) for ref, seen in _machines(scene) if _keeps_using(seen, coming.get(ref, ()), using)]
        return _held(change, left, "carries the link of")
    if not any(field.disruption is Disruption.RESTART for field in change.fields):
        return change
    guests = [str(ref) for ref, seen in _machines(scene) if seen.live and using(seen.live)]
    return replace(change, fields=tuple(_told(field, guests, change.waits) for field in change.fields))


def _told(field: FieldChange, guests: Sequence[str], waits: bool) -> FieldChange:
    if field.disruption is not Disruption.RESTART:
        return field
    count = "1 machine" if len(guests) == 1 else f"{len(guests)} machines"
    takes = f"takes the link from {count} for a moment: {named(guests)}" if guests else "takes the link from nobody"
    first = "the running network keeps the old value until it restarts, which " if waits else "the restart "
    return replace(field, why=first + takes)
