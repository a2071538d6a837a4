"""What an object was made from, beside what its document would make it from now."""

from __future__ import annotations

from reconciler.model.documents import Address, Spec
from reconciler.model.inventory import Applied
from reconciler.model.plans import Condition

IMAGE_CHANGED = "ImageChanged"
# Facts of volumes (see `kinds.volume.table`).
_IMAGE, _DIGEST = "!image", "!image.digest"
_SHOWN = 16


def image_changed(spec: Spec, applied: Applied) -> tuple[Condition, ...]:
    """That a volume was made from another image than its document names by now; it stays on that."""
    if _DIGEST not in spec.hints or _DIGEST not in applied.origin:
        return ()
    was, now = (_named(texts.get(_IMAGE, ""), texts[_DIGEST]) for texts in (applied.origin, spec.hints))
    if was == now:
        return ()
    message = f"it was made from {was} and stays on that; now it would be made from {now} (see imagePolicy)"
    return (Condition(spec.ref, spec.host, IMAGE_CHANGED, message),)


def _named(image: str, digest: Address) -> str:
    algorithm, _, value = digest.partition(":")
    return f"{image} ({algorithm}:{value[:_SHOWN]}…)"
