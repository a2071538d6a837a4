"""Volume documents: from YAML or plain XML to a spec, and from a definition back to YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler import definitions, fields, merging, permits, users
from reconciler.codecs import VOLUME_SIZE, Json
from reconciler.errors import trouble
from reconciler.fields import Lowered
from reconciler.kind import Context
from reconciler.kinds.volume.table import (
    CONTENT,
    FIELDS,
    IMAGE_DIGEST,
    IMAGE_SOURCE,
    SOURCE,
    SOURCE_DIGEST,
    SOURCE_URL,
    SOURCE_VOLUME,
    TABLE,
)
from reconciler.kinds.volume.xml import BACKING, IDENTITIES, IMAGE, flat, read
from reconciler.model.documents import UNKNOWN, Address, Document, Need, Spec, Texts
from reconciler.model.refs import Ref

DEFAULT_POOL = "default"
# Where `manifest.link` puts them into a body; no manifest can hold such a key.
MADE_FROM = "!image"
FORM = merging.Format(root="volume", identities=IDENTITIES, table=TABLE, read=flat)
_GIVEN_ONCE: Mapping[str, Address] = {
    "owner": "target/permissions/owner",
    "group": "target/permissions/group",
    "label": "target/permissions/label",
}


def parse(document: Document, context: Context) -> Spec:
    """What a document asks of a volume. Raises ManifestError."""
    pool = document.ref.name.rpartition("/")[0] or DEFAULT_POOL
    lowered = _lower(document, pool)
    _check(document, lowered)
    _remember_image(document.body, lowered)
    whole = {**lowered.hints, **lowered.claims}
    below = {at: whole[at] for at in (BACKING, SOURCE_VOLUME) if at in whole}
    return Spec(
        ref=document.ref,
        host=context.host,
        claims=lowered.claims,
        lists=frozenset(lowered.lists),
        hints=lowered.hints,
        needs=(*_needs(document, pool, below), *users.secret_needs(lowered.claims)),
        policy=permits.read_policy(document.body),
        labels=document.labels,
        where=document.place(),
        digest=document.digest,
    )


def _lower(document: Document, pool: str) -> Lowered:
    if document.xml is not None:
        return definitions.claim_all(read(document.xml), FIELDS, TABLE)
    body = document.body
    lowered = fields.lower(FIELDS, body)
    for at in (BACKING, SOURCE_VOLUME):
        name = lowered.claims.get(at)
        if name and "/" not in name:
            lowered.claims[at] = f"{pool}/{name}"
    if "allocation" in body:
        lowered.hints["allocation"] = VOLUME_SIZE.lower(body["allocation"]) or ""
        lowered.hints["allocation@unit"] = VOLUME_SIZE.unit_text
    permissions = body.get("permissions")
    if isinstance(permissions, Mapping):
        lowered.hints.update({at: str(permissions[name]) for name, at in _GIVEN_ONCE.items() if name in permissions})
    merging.lay(lowered, document, FORM)
    return lowered


def _remember_image(body: Mapping[str, Json], lowered: Lowered) -> None:
    """What a new volume is made from goes into the hints: which image it is, and unless it follows that, the rest."""
    made = body.get(MADE_FROM)
    if not isinstance(made, Mapping):
        return
    lowered.hints.update({IMAGE: str(body["image"]), IMAGE_DIGEST: made["digest"], IMAGE_SOURCE: made["source"]})
    if body.get("imagePolicy") == "rebuild":
        return
    for at in (BACKING, SOURCE_VOLUME):
        name = lowered.claims.pop(at, None)
        if name:
            lowered.hints[at] = name


def _needs(document: Document, pool: str, below: Mapping[Address, str | None]) -> Iterator[Need]:
    """The pool and the volume it stands on or begins as. Every host is taken to have libvirt's own pool, `default`."""
    external = document.body.get("external") is True
    yield Need(Ref("Pool", pool), external or pool == DEFAULT_POOL, ("spec", "pool"))
    for at, name in below.items():
        if name:
            where = ("spec", "image" if MADE_FROM in document.body else "backing" if at == BACKING else "source")
            yield Need(Ref("Volume", name), external, where)


def _check(document: Document, lowered: Lowered) -> None:
    claims = lowered.claims
    backed = BACKING in claims or "backingStore/path" in claims
    sources = [at for at in (SOURCE, SOURCE_URL, SOURCE_VOLUME) if at in claims]
    if backed and sources:
        message = f"{document.ref} has backing and source; a volume begins as one of them"
        raise trouble("R207", message, document.place("spec", "source"))
    if BACKING in claims and "backingStore/path" in claims:
        message = f"{document.ref} has backing.volume and backing.path; keep one"
        raise trouble("R207", message, document.place("spec", "backing"))
    if "capacity" not in claims and not backed and not sources:
        message = f"{document.ref} needs capacity, since it has neither backing nor source to take it from"
        raise trouble("R205", message, document.place("spec"))
    _check_source(document, lowered, sources)


def _check_source(document: Document, lowered: Lowered, sources: list[Address]) -> None:
    claims, place = lowered.claims, document.place("spec", "source")
    sums = [at for at in (SOURCE_DIGEST, "!source.sum") if at in claims]
    if len(sources) > 1 or len(sums) > 1:
        raise trouble("R207", f"{document.ref}: source has more than one origin or digest; keep one", place)
    if SOURCE_URL in claims and not sums:
        raise trouble("R205", f"{document.ref}: source.url needs digest, since what it leads to may change", place)
    if not sources and (sums or any(at in claims for at in CONTENT)):
        raise trouble("R205", f"{document.ref}: source lacks path, url or volume", place)


def dump(texts: Texts) -> dict[str, Json]:
    """The `spec` that claims what the texts hold, without what libvirt fills in by itself."""
    backing = texts.get(BACKING, "/")
    hidden = BACKING if backing.startswith("/") else "backingStore/path"
    near = backing.removeprefix(f"{texts.get('!pool', DEFAULT_POOL)}/")
    image = texts.get(IMAGE, UNKNOWN) != UNKNOWN

    def filled(address: Address, text: str) -> bool:
        below = address == hidden or (image and (address == BACKING or address.startswith("backingStore")))
        return below or text == UNKNOWN or _BORN.get(address) == text

    said = {**texts, BACKING: near} if "/" not in near else texts
    return definitions.describe("volume", FIELDS, said, filled, IDENTITIES)


_BORN: Mapping[Address, str] = {
    "!pool": DEFAULT_POOL,
    "source": "",
    "target/permissions/mode": "0600",
    "target/compat": "1.1",
    "target/clusterSize": "65536",
    "target/features": "",
}
