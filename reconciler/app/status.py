"""`status`: how each declared resource stands, without changing anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.app import images, session
from reconciler.app import plan as planning
from reconciler.app.session import Workspace
from reconciler.app.settings import Selection, Settings
from reconciler.engine.backoff import CRASH_LOOP
from reconciler.engine.busy import BUSY_CONDITION
from reconciler.engine.care import DRIFTED
from reconciler.engine.suspension import SUSPENDED
from reconciler.engine.unseen import UNSEEN
from reconciler.manifest.link import Key
from reconciler.model.documents import Observed
from reconciler.model.plans import Action, Change, Condition, Plan
from reconciler.model.refs import Ref

# What is so is not as the document wants it, though no apply would change it now.
UNREADY = frozenset({CRASH_LOOP, BUSY_CONDITION, DRIFTED})


@dataclass(frozen=True, kw_only=True)
class Status:
    """One resource on one host.

    `state` is what a person would call it: running, stopped, paused, saved, crashed, active, present, missing, unused
    (an image that is kept nowhere), unseen
    (what holds it is not running), unknown (its host did not answer). `drift` has the paths of fields that differ from
    the document; `details` are facts worth reading (a volume's capacity and allocation, what has paused a guest).
    """

    ref: Ref
    host: str
    state: str
    conditions: tuple[Condition, ...] = ()
    drift: tuple[str, ...] = ()
    revision: str | None = None
    last_backup: None = None
    details: Mapping[str, str] = field(default_factory=dict)


def status(settings: Settings, selection: Selection) -> tuple[Status, ...]:
    """Every selected resource, by host and name."""
    with session.opened(settings, selection) as workspace:
        plan = planning.make(workspace)
        wanted = planning.selected(selection)
        keys = sorted(key for key in workspace.desired.specs if wanted(key[1]) and not _idle(workspace, plan, key))
        catalogues = images.catalogues(workspace)
        rows = [_status(workspace, plan, host, ref, catalogues) for host, ref in keys]
        shown = [each for each in _images(workspace, plan, catalogues) if wanted(each.ref)]
        return tuple(sorted((*rows, *shown), key=lambda each: (each.host, each.ref)))


def _idle(workspace: Workspace, plan: Plan, key: Key) -> bool:
    """Whether this is an image that its host does not keep, since nothing is to be made from it."""
    host, ref = key
    if host not in workspace.sessions or ref in workspace.sessions[host].observed:
        return False
    return images.is_kept(workspace.desired.specs[key].claims) and all(change.key != key for change in plan.changes)


def _images(workspace: Workspace, plan: Plan, catalogues: Mapping[str, images.Catalogue]) -> Iterator[Status]:
    """Every Image on every host that answers: where it is kept, and how many volumes were made from it."""
    for host, catalogue in catalogues.items():
        for image in workspace.desired.images.values():
            details = images.image_details(workspace.sessions[host], image, catalogue)
            yield Status(
                ref=image.ref,
                host=host,
                state="present" if "pools" in details else "unused",
                conditions=(Condition(image.ref, host, "Ready", "kept where it is needed"),),
                revision=plan.revision,
                details=details,
            )


def _status(
    workspace: Workspace, plan: Plan, host: str, ref: Ref, catalogues: Mapping[str, images.Catalogue]
) -> Status:
    changes = [change for change in plan.changes if change.key == (host, ref)]
    observed = workspace.sessions[host].observed.get(ref) if host in workspace.sessions else None
    drift = tuple(field.path for change in changes if change.action is not Action.CREATE for field in change.fields)
    pending = tuple(condition for condition in plan.conditions if (condition.host, condition.ref) == (host, ref))
    pending_types = {condition.type for condition in pending}
    # Nobody has looked whether what is suspended is as declared.
    unready = pending_types & {UNSEEN, SUSPENDED} or (not changes and pending_types & UNREADY)
    return Status(
        ref=ref,
        host=host,
        state=_state(workspace, host, ref, observed),
        conditions=pending if unready else (_ready(workspace, host, ref, changes), *pending),
        drift=drift,
        revision=plan.revision,
        details={**observed.details, **images.details(catalogues.get(host, {}).get(ref))} if observed else {},
    )


def _state(workspace: Workspace, host: str, ref: Ref, observed: Observed | None) -> str:
    if host not in workspace.sessions:
        return "unknown"
    if workspace.sessions[host].hides(ref):
        return "unseen"
    if observed is None:
        return "missing"
    facts = observed.facts
    active = {"yes": "active", "no": "inactive"}.get(facts.get("!active", ""), "present")
    return facts.get("!state") or facts.get("!power") or active


def _ready(workspace: Workspace, host: str, ref: Ref, changes: list[Change]) -> Condition:
    """Whether the object is as the document wants it, and if not, why."""
    if host not in workspace.sessions:
        return Condition(
            ref, host, "Stalled", str(workspace.failures[host]) if host in workspace.failures else "unknown"
        )
    blocked = next((change.blocked for change in changes if change.blocked), None)
    if blocked:
        return Condition(ref, host, "Stalled", blocked.reason)
    if changes:
        said = ", ".join(change.action.value for change in changes)
        return Condition(ref, host, "Drifted", f"apply would {said}")
    return Condition(ref, host, "Ready", "as declared")
