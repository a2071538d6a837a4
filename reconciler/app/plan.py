"""`plan`: what would change and how much it hurts. Writes nothing but the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from reconciler import __version__
from reconciler.app import capacity, enforcing, images, preflight, rebuilding, session, usage
from reconciler.app.cases import case_of, emulated, permissions
from reconciler.app.moving import decide_moved, moves
from reconciler.app.session import Session, Workspace
from reconciler.app.settings import Selection, Settings
from reconciler.engine.care import bound
from reconciler.engine.decide import Decided, decide
from reconciler.engine.digest import plan_digest
from reconciler.engine.guard import guard, one_life, protect
from reconciler.engine.order import order
from reconciler.engine.prune import prune
from reconciler.engine.suspension import conditions, in_force
from reconciler.engine.unseen import in_sight
from reconciler.errors import DeniedError, HostError, Problem, UnreachableError, trouble
from reconciler.model.documents import Spec
from reconciler.model.inventory import Inventory
from reconciler.model.plans import Action, Blocked, Capacity, Change, Condition, Disruption, Plan
from reconciler.model.refs import Ref

VERDICTS = "verdicts"


def plan(settings: Settings, selection: Selection) -> Plan:
    """The plan for the selected resources over all hosts that answer."""
    with session.opened(settings, selection) as workspace:
        return make(workspace)


@dataclass(frozen=True, kw_only=True)
class HostPlan:
    """The part of a plan that concerns one host."""

    changes: tuple[Change, ...]
    conditions: tuple[Condition, ...]
    unmanaged: tuple[tuple[str, Ref], ...]
    capacity: Capacity


def make(workspace: Workspace) -> Plan:
    """The plan of an open workspace."""
    check_selection(workspace)
    parts, failures = _host_plans(workspace)
    specs = workspace.desired.specs
    changes = order(one_life([change for part in parts for change in part.changes]), workspace.kinds, specs)
    revision = workspace.desired.revision
    return Plan(
        revision=revision,
        changes=changes,
        conditions=tuple(condition for part in parts for condition in part.conditions),
        unmanaged=tuple(item for part in parts for item in part.unmanaged),
        capacity=tuple(part.capacity for part in parts),
        failures=tuple(sorted(failures.items())),
        digest=plan_digest(revision, changes, {name: each.uri for name, each in workspace.sessions.items()}),
    )


def _host_plans(workspace: Workspace) -> tuple[list[HostPlan], dict[str, Problem]]:
    """The part of every host that can be asked to the end, and why the others could not."""
    sessions = list(workspace.sessions.values())
    if len(sessions) < 2:
        attempts = [_attempt(workspace, each) for each in sessions]
    else:
        with ThreadPoolExecutor(max_workers=workspace.settings.parallelism) as pool:
            attempts = list(pool.map(lambda each: _attempt(workspace, each), sessions))
    failures = dict(workspace.failures)
    failures |= {each.host: found for each, found in zip(sessions, attempts, strict=True) if isinstance(found, Problem)}
    return [found for found in attempts if not isinstance(found, Problem)], failures


def _attempt(workspace: Workspace, host: Session) -> HostPlan | Problem:
    """The part of one host, or why it could not be asked; a host that is lost on the way fails alone."""
    from reconciler.adapters.virt.faults import translating

    try:
        with translating(host.host):
            return _host_plan(workspace, host)
    except (UnreachableError, DeniedError, HostError) as error:
        if error.problems[0].number == "R701":
            raise
        return error.problems[0]


def _host_plan(workspace: Workspace, host: Session) -> HostPlan:
    inventory = host.ledger.inventory()
    suspended = in_force(inventory, workspace.today)
    asked = selected(workspace.selection)
    specs = {ref: spec for (name, ref), spec in workspace.desired.specs.items() if name == host.host}
    wanted = images.along(specs, workspace.selection.refs, taking_part(workspace, inventory))
    chosen = [spec for ref, spec in specs.items() if wanted(ref)]
    moved = moves(host, specs.values())
    decisions = [
        *decided(workspace, host, inventory, chosen, moved),
        _removed(workspace, host, inventory, {*specs, *moved.values()}, wanted),
    ]
    owners = workspace.desired.owners
    changes = rebuilding.with_volumes(workspace, host, specs, [item for each in decisions for item in each.changes])
    changes, violating = enforcing.enforce(workspace, host, chosen, changes)
    changes = _possible(workspace, host, specs, chosen, changes)
    changes, unseen = in_sight(changes, specs, inventory.objects, host.hides)
    measured, changes = capacity.measured(workspace, host, changes)
    guarded = protect(changes, _protected(workspace, host))
    # A Host document alone is an empty desired state: it says where, not what.
    declared = sum(workspace.kinds[ref.kind].ownable for ref in specs)
    return HostPlan(
        changes=guard(guarded, _ours(inventory, owners), declared, workspace.selection.allow),
        conditions=(
            *(condition for each in decisions for condition in each.conditions),
            *conditions(host.host, {ref: each for ref, each in suspended.items() if asked(ref)}),
            *emulated(workspace, host, chosen),
            *violating,
            *unseen,
        ),
        unmanaged=_unmanaged(workspace, host, specs, inventory),
        capacity=measured,
    )


def _possible(
    workspace: Workspace, host: Session, specs: Mapping[Ref, Spec], chosen: Iterable[Spec], changes: Sequence[Change]
) -> list[Change]:
    """The changes; those that the host lacks something for, or that take something from its users, are blocked."""
    changes = preflight.check(workspace, host, specs, changes)
    changes = usage.stranded(host.observed, {spec.ref: spec for spec in chosen}, changes)
    return images.only_needed(workspace, host, specs, usage.mind(host.observed, specs, changes))


def _removed(
    workspace: Workspace,
    host: Session,
    inventory: Inventory,
    declared: Collection[Ref],
    wanted: Callable[[Ref], bool],
) -> Decided:
    """What is done to what is ours and declared no more."""
    allow, owners = workspace.selection.allow, workspace.desired.owners
    pruned = prune(workspace.kinds, inventory, declared, host.observed, allow, owners, host.hides)
    return bound(Decided(changes=tuple(each for each in pruned if wanted(each.ref))), workspace.settings.mode)


def _protected(workspace: Workspace, host: Session) -> Sequence[str]:
    """The patterns of the Host document's `policy.protect`."""
    patterns = workspace.desired.policy(host.host).get("protect", ())
    return [str(pattern) for pattern in patterns] if isinstance(patterns, Sequence) else []


def _ours(inventory: Inventory, owners: Collection[str]) -> int:
    """How many objects of the host this desired state owns."""
    return sum(owned.owner in owners for owned in inventory.objects.values())


def _unmanaged(
    workspace: Workspace, host: Session, specs: Mapping[Ref, Spec], inventory: Inventory
) -> tuple[tuple[str, Ref], ...]:
    """What nobody declares and we do not own: volumes are too many, and what libvirt itself brought is nobody's."""
    found = (
        ref
        for ref in host.observed
        if ref.kind not in ("Volume", "Host")
        and ref not in specs
        and ref not in inventory.objects
        and not workspace.kinds[ref.kind].given(host.observed[ref])
    )
    return tuple((host.host, ref) for ref in sorted(found))


def selected(selection: Selection) -> Callable[[Ref], bool]:
    """Whether a Ref takes part."""
    chosen, excluded = frozenset(selection.refs), frozenset(selection.exclude)
    return lambda ref: (not chosen or ref in chosen) and ref not in excluded


def taking_part(workspace: Workspace, inventory: Inventory) -> Callable[[Ref], bool]:
    """Whether a Ref is selected and not suspended on the host of this inventory."""
    wanted, suspended = selected(workspace.selection), in_force(inventory, workspace.today)
    return lambda ref: wanted(ref) and ref not in suspended


def check_selection(workspace: Workspace) -> None:
    """Raise R305 for a selected resource that neither a document nor an inventory knows."""
    known = {ref for _, ref in workspace.desired.specs} | {Ref("Image", name) for name in workspace.desired.images}
    missing = [ref for ref in workspace.selection.refs if ref not in known]
    owned: set[Ref] = set()
    if missing:
        owned = {ref for each in workspace.sessions.values() for ref in each.ledger.inventory().objects}
    for ref in missing:
        if ref not in owned:
            raise trouble("R305", f"nothing declares {ref}, and it is not owned")


def decided(
    workspace: Workspace, host: Session, inventory: Inventory, specs: Iterable[Spec], moved: Mapping[Ref, Ref]
) -> Iterator[Decided]:
    """What each resource needs; those already found equal, byte for byte of all inputs, are not compared again."""
    asked = {spec.ref: spec for spec in specs}
    for ref in [ref for ref in asked if (host.host, ref) in workspace.locked]:
        yield _locked(workspace, host, asked.pop(ref))
    keys = {ref: _verdict_key(workspace, host, inventory, spec) for ref, spec in asked.items()}
    settled = workspace.cache.get(VERDICTS, [key for key in keys.values() if key])
    fresh: dict[str, str] = {}
    unsure = {ref: spec for ref, spec in asked.items() if keys[ref] not in settled}
    known = (moved.get(ref, ref) for ref in unsure)
    applied = host.ledger.all_applied(ref for ref in known if ref in inventory.objects)
    for ref, spec in unsure.items():
        case = case_of(workspace, host, inventory, spec, applied.get(moved.get(ref, ref)))
        found = decide_moved(case, host, inventory, moved[ref]) if ref in moved else decide(case)
        found = bound(found, spec.policy.mode.at_most(workspace.settings.mode))
        if keys[ref] and not found.changes and not found.conditions:
            fresh[keys[ref]] = "equal"
        yield found
    if fresh:
        workspace.cache.put(VERDICTS, fresh)


def _locked(workspace: Workspace, host: Session, spec: Spec) -> Decided:
    """What a resource gets whose secret cannot be read: nothing, and the reason."""
    problem = workspace.locked[host.host, spec.ref]
    observed = host.observed.get(spec.ref)
    change = Change(
        ref=spec.ref,
        host=host.host,
        action=Action.UPDATE if observed else Action.CREATE,
        disruption=Disruption.REFUSED,
        blocked=Blocked(problem.number, f"{problem.where}: {problem.message}"),
        observed=observed,
        spec_digest=spec.digest,
    )
    return Decided(changes=(change,))


def _verdict_key(workspace: Workspace, host: Session, inventory: Inventory, spec: Spec) -> str:
    """A hash over everything `decide` looks at; "" where the object is not there."""
    observed = host.observed.get(spec.ref)
    owned = inventory.objects.get(spec.ref)
    if observed is None or owned is None or owned.digest != spec.digest:
        return ""
    owners = ",".join(workspace.desired.owners)
    allow = ",".join(sorted(word.value for word in permissions(workspace, spec)[0]))
    # The digest leaves out what changes of other objects do to this one (`!unplugged`).
    facts = sorted(observed.facts.items())
    text = f"{__version__}|{spec.digest}|{observed.digest}|{facts}|{owned}|{owners}|{allow}"
    return hashlib.sha256(text.encode()).hexdigest()
