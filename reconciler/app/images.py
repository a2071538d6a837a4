"""Images under way: which kept volume is wanted now, what goes along with it, and what each volume was made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from reconciler.app import contents, wiring
from reconciler.app.session import Session, Workspace
from reconciler.manifest.images import kept_name
from reconciler.model.documents import Address, Claims, Document, Spec, Texts
from reconciler.model.inventory import Applied
from reconciler.model.plans import FILL, Action, Change, Disruption, FieldChange, KindStep, On
from reconciler.model.quantities import format_size
from reconciler.model.refs import Ref

# Facts of volumes (see `kinds.volume.table`): the image, and what tells a kept one from those made from it.
IMAGE, KEPT, BACKING = "!image", "!source.sum", "!backing"
DIGEST, SOURCE, COPIED, MADE = "!image.digest", "!image.source", "!source.volume", "!image.made"
# What is remembered, and what `status` calls it.
_SHOWN: Mapping[Address, str] = {
    IMAGE: "image",
    DIGEST: "imageDigest",
    SOURCE: "imageSource",
    MADE: "imageMade",
}
_MAKING = (Action.CREATE, Action.REPLACE)

Wanted = Callable[[Ref], bool]


def is_kept(claims: Claims) -> bool:
    """Whether these are the claims of a volume that an Image is kept as."""
    return IMAGE in claims and KEPT in claims


def kept(specs: Mapping[Ref, Spec]) -> dict[Ref, str]:
    """The volumes that Images are kept as, each with the name of its Image."""
    needed = {need.ref for spec in specs.values() for need in spec.needs if need.ref.kind == spec.ref.kind == "Volume"}
    return {ref: str(specs[ref].claims[IMAGE]) for ref in sorted(needed) if ref in specs and is_kept(specs[ref].claims)}


def along(specs: Mapping[Ref, Spec], named: Sequence[Ref], wanted: Wanted) -> Wanted:
    """What is wanted, with the images that it is made from; an Image that is named means all volumes it is kept as."""
    if not named:
        return wanted
    needed = {need.ref for ref, spec in specs.items() if wanted(ref) for need in spec.needs}
    more = {ref for ref, image in kept(specs).items() if ref in needed or Ref("Image", image) in named}
    return lambda ref: wanted(ref) or ref in more


def only_needed(
    workspace: Workspace, host: Session, specs: Mapping[Ref, Spec], changes: Sequence[Change]
) -> list[Change]:
    """The changes of one host, without images that nothing needs now and deletions of those that something does."""
    found = _on_demand(specs, workspace.selection.refs, _without_used(host, changes))
    return [_sized(workspace, change) for change in found]


def _sized(workspace: Workspace, change: Change) -> Change:
    """The change, with how much has to be fetched or read for it, as far as that is known without asking anybody."""
    step = next((step for step in change.steps if contents.asks(step)), None)
    if step is None:
        return change
    source = contents.source_of(step.arguments)
    size = wiring.images(workspace.settings, workspace.cache).known_size(source)
    told = f"{format_size(size)} of this machine" if size else "still to be fetched"
    return replace(change, fields=(*change.fields, FieldChange("content", None, told, Disruption.NONE)))


def made_by(change: Change) -> set[Ref]:
    """What a change makes new: its own object, or a volume of its machine."""
    own = {change.ref} if change.action in _MAKING else set()
    others = ((step.ref, step.step) for step in change.steps if isinstance(step, On))
    return own | {ref for ref, step in others if isinstance(step, KindStep) and step.name in ("create", FILL)}


def _on_demand(specs: Mapping[Ref, Spec], named: Sequence[Ref], changes: Sequence[Change]) -> list[Change]:
    """The changes without images that nothing is made from now, unless they are named."""
    coming = [change.ref for change in changes if change.action is Action.CREATE and change.ref.kind == "Volume"]
    if not coming:
        return list(changes)
    making = {ref for change in changes if change.blocked is None for ref in made_by(change)}
    needed = {need.ref for ref in making if ref in specs for need in specs[ref].needs}
    idle = {
        ref for ref, image in kept(specs).items() if ref not in needed and not {Ref("Image", image), ref} & set(named)
    }
    return [change for change in changes if change.action is not Action.CREATE or change.ref not in idle]


def _without_used(host: Session, changes: Sequence[Change]) -> list[Change]:
    """The changes without deletions of images that volumes still stand on: those wait until nothing does."""
    held = [
        change.ref
        for change in changes
        if change.action is Action.DELETE and change.blocked is not None and change.blocked.number == "R403"
    ]
    waiting = {ref for ref, applied in host.ledger.all_applied(held).items() if is_kept(applied.claims)} if held else ()
    return [change for change in changes if change.ref not in waiting]


def image_of(workspace: Workspace, volume: Ref) -> str:
    """The Image that is kept as this volume, by its name; "" if none is."""
    name = volume.name.rpartition("/")[2] if volume.kind == "Volume" else ""
    return next((image.ref.name for image in workspace.desired.images.values() if kept_name(image) == name), "")


def with_image(workspace: Workspace, facts: Texts) -> Texts:
    """What is known of a volume, with the Image that it stands on in place of the volume that this is kept as."""
    image = image_of(workspace, Ref("Volume", facts.get(BACKING, "")))
    return {**facts, IMAGE: image} if image else facts


def origin_of(spec: Spec, today: str) -> dict[Address, str]:
    """What to remember of a volume that is made now; nothing unless it is made from an image."""
    whole = {**spec.claims, **spec.hints}
    found = {at: text for at in (IMAGE, DIGEST, SOURCE, COPIED) if (text := whole.get(at))}
    return {**found, MADE: today} if IMAGE in found else {}


# What is remembered of the volumes of one host.
Catalogue = Mapping[Ref, Applied]


def catalogues(workspace: Workspace) -> dict[str, Catalogue]:
    """What is remembered of the volumes of each host, where there are Images at all."""
    if not workspace.desired.images:
        return {}
    return {name: _catalogue(host) for name, host in workspace.sessions.items()}


def _catalogue(host: Session) -> Catalogue:
    return host.ledger.all_applied(ref for ref in host.ledger.inventory().objects if ref.kind == "Volume")


def image_details(host: Session, image: Document, catalogue: Catalogue) -> dict[str, str]:
    """What `status` says of an Image: what it is, the pools that keep it, how many volumes came from it.

    `olderVolumes` came from what it was at another time.
    """
    mine = {ref: each for ref, each in catalogue.items() if each.origin.get(IMAGE) == image.ref.name}
    now = {ref: each for ref, each in mine.items() if each.origin.get(DIGEST) == image.body["digest"]}
    pools = [ref.name.partition("/")[0] for ref in sorted(now) if is_kept(now[ref].claims) and ref in host.observed]
    counts = [sum(not is_kept(each.claims) for each in some.values()) for some in (now, mine)]
    found = {
        "imageDigest": str(image.body["digest"]),
        "pools": ", ".join(pools),
        "volumes": str(counts[0]),
        "olderVolumes": str(counts[1] - counts[0]),
    }
    return {name: value for name, value in found.items() if value and value != "0"}


def details(applied: Applied | None) -> dict[str, str]:
    """What `status` says of where a volume came from."""
    origin = applied.origin if applied else {}
    return {name: origin[at] for at, name in _SHOWN.items() if at in origin}
