"""What Image documents mean for the volumes that name them.

An Image is kept in a pool as a volume of its own, named after it and its digest, for as many volumes as want it. So
another digest is another volume, and everything that holds for volumes (order, guards, who uses them) holds for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.errors import ManifestError, Problem, trouble
from reconciler.manifest.read import sealed
from reconciler.model.documents import Document, Spec
from reconciler.model.refs import Ref
from reconciler.naming import DEFAULT_POOL

Key = tuple[str, Ref]
# How much of the digest is in the name: nobody finds a second image with the same 64 bits by chance.
SHOWN = 16
# Where a volume's body says what it is made from; no manifest can hold such a key (see `kinds.volume.spec`).
MADE_FROM = "!image"


def image_problems(image: Document) -> Iterator[Problem]:
    """What the schema cannot say: an Image has one source."""
    source: Any = image.body.get("source", {})
    where = image.place("spec", "source")
    if len(source) > 1:
        yield Problem("R207", f"{image.ref} has source.url and source.file; keep one", where)
    if not source:
        yield Problem("R205", f"{image.ref} needs source.url or source.file", where)


def kept_name(image: Document) -> str:
    """The name of the volume that an Image is kept as."""
    return f"{image.ref.name}-{str(image.body['digest']).partition(':')[2][:SHOWN]}"


def resolved(volume: Document, images: Mapping[str, Document], broken: Collection[Ref]) -> Document:
    """The Volume document, with the volume that its Image is kept as in place of the name.

    Raises R302 for an Image that nothing declares, R207 beside another origin. One that is `broken` has been told.
    """
    if "image" not in volume.body:
        return volume
    name, where = str(volume.body["image"]), volume.place("spec", "image")
    if Ref("Image", name) in broken:
        raise ManifestError(())
    if name not in images:
        raise trouble("R302", f"{volume.ref} needs Image/{name}, which nothing declares; add it", where)
    if other := next((each for each in ("backing", "source") if each in volume.body), ""):
        raise trouble("R207", f"{volume.ref} has image and {other}; keep one of the two", where)
    image = images[name]
    pool = image.body.get("pool") or volume.ref.name.rpartition("/")[0] or DEFAULT_POOL
    kept = f"{pool}/{kept_name(image)}"
    copied = volume.body.get("clone") == "copy"
    below: dict[str, object] = {"source": {"volume": kept}} if copied else {"backing": kept}
    made = {"digest": image.body["digest"], "source": _origin(image)}
    return sealed(replace(volume, body={**volume.body, **below, MADE_FROM: made}))


def _origin(image: Document) -> str:
    """Where it came from, as it may be remembered: what follows a question mark may be a password."""
    source: Any = image.body["source"]
    return str(source.get("url", "")).partition("?")[0] or str(source["file"])


def kept_volumes(specs: Mapping[Key, Spec], images: Mapping[str, Document]) -> Iterator[tuple[str, Document]]:
    """A Volume document for each pool and host where an Image is to be kept, with the host."""
    names = {kept_name(image): image for image in images.values()}
    wanted: dict[Key, Document] = {}
    for (host, _), spec in specs.items() if names else ():
        for need in spec.needs:
            image = names.get(need.ref.name.rpartition("/")[2]) if need.ref.kind == "Volume" else None
            if image is not None:
                wanted.setdefault((host, need.ref), image)
    for (host, ref), image in sorted(wanted.items(), key=lambda item: item[0]):
        yield host, _kept(ref, image)


def as_written(kept: Document) -> Document:
    """The document of a kept volume as a person would write it, who knows no Image."""
    return replace(kept, body={name: value for name, value in kept.body.items() if name not in ("image", MADE_FROM)})


def _kept(ref: Ref, image: Document) -> Document:
    source: Any = image.body["source"]
    said = {
        name: image.body[name]
        for name in ("digest", "contentDigest", "compression", "format", "maxSize")
        if name in image.body
    }
    origin = {"url": source["url"]} if "url" in source else {"path": source["file"]}
    body = {
        "pool": ref.name.rpartition("/")[0],
        "image": image.ref.name,
        "source": {**origin, **said},
        # The pool is that of a volume which needs it already.
        "external": True,
        MADE_FROM: {"digest": image.body["digest"], "source": _origin(image)},
        **{name: image.body[name] for name in ("format", "deletionPolicy", "protect") if name in image.body},
    }
    return sealed(Document(ref=ref, host=None, labels={}, body=body, places={(): image.places[()]}))
