"""Volume documents: the field table, from YAML or plain XML to a spec, and from a definition back to YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler import definitions, entries, fields
from reconciler.codecs import NAME, PATH, PRESENT, TEXT, VOLUME_SIZE, YES_NO, Codec, Json, choice, integer, size, text
from reconciler.definitions import POLICY
from reconciler.errors import trouble
from reconciler.fields import Field, Group, Lowered, Node
from reconciler.kind import Context
from reconciler.kinds.volume.xml import BACKING, FORMAT, IDENTITIES, flat, read, spell_mode
from reconciler.model.documents import UNKNOWN, Address, Document, Need, Spec, Texts
from reconciler.model.refs import Ref

DEFAULT_POOL = "default"
SOURCE = "!source"
SOURCE_DIGEST = "!source.digest"

MODE = Codec(
    schema={"type": "string", "pattern": "^[0-7]{3,4}$"},
    lower=lambda value: spell_mode(str(value)),
    lift=lambda value: value,
    unit="octal digits in quotes",
)
_DATA_FORMAT = choice("qcow2", "raw", "qcow", "qed", "vmdk", "vdi", "vpc", "vhd", "bochs", "cloop", "dmg", "iso", "dir")
_BACKING = Group(
    name="backing",
    doc="The volume whose content shows through until it is written over.",
    short=("volume",),
    fields=(
        Field(
            name="volume",
            at=BACKING,
            codec=text(pattern=r"[^\x00-\x20]+"),
            doc="A volume of the same pool, or pool/volume.",
            example="debian-12.qcow2",
            keep=True,
        ),
        Field(
            name="path",
            at="backingStore/path",
            codec=PATH,
            doc="A file that is in no pool.",
            example="/srv/images/debian-12.qcow2",
            keep=True,
        ),
        Field(
            name="format",
            at="backingStore/format@type",
            codec=_DATA_FORMAT,
            doc="Its format; a volume's own unless written.",
            example="qcow2",
            keep=True,
        ),
    ),
    example="debian-12.qcow2",
)
_SOURCE = Group(
    name="source",
    doc="The content of a new volume: a file on the machine where reconciler runs, converted to the volume's format.",
    short=("path",),
    fields=(
        Field(name="path", at=SOURCE, codec=PATH, doc="The file.", example="/srv/images/debian-12.qcow2", keep=True),
        Field(
            name="sha256",
            at=SOURCE_DIGEST,
            codec=text(pattern="[0-9a-f]{64}"),
            doc="What the file must be.",
            example="5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
            keep=True,
        ),
    ),
    example="/srv/images/debian-12.qcow2",
)
_PERMISSIONS = Group(
    name="permissions",
    doc="Who may use the file; given when the volume is made. libvirt lends it to QEMU's user while a guest runs.",
    fields=(
        Field(name="mode", at="target/permissions/mode", codec=MODE, doc="Its mode.", example="0640", keep=True),
        Field(
            name="owner",
            at="target/permissions/owner",
            codec=integer(0),
            doc="The number of its first user.",
            example=0,
            noted=True,
        ),
        Field(
            name="group",
            at="target/permissions/group",
            codec=integer(0),
            doc="The number of its first group.",
            example=0,
            noted=True,
        ),
        Field(
            name="label",
            at="target/permissions/label",
            codec=TEXT,
            doc="Its first SELinux label.",
            example="system_u:object_r:virt_image_t:s0",
            noted=True,
        ),
    ),
    example={"mode": "0640"},
)
FIELDS: tuple[Node, ...] = (
    Field(name="pool", at="!pool", codec=NAME, doc="Its pool; default unless written.", example="default", noted=True),
    Field(
        name="external",
        at="!external",
        codec=YES_NO,
        doc="The pool and the backing volume are on the host already and need no document.",
        example=True,
        noted=True,
    ),
    Field(
        name="capacity",
        at="capacity",
        codec=VOLUME_SIZE,
        doc="How large the guest sees it; it can grow, never shrink. The backing volume's or source's unless written.",
        example="20GiB",
        keep=True,
    ),
    Field(
        name="allocation",
        at="allocation",
        codec=VOLUME_SIZE,
        doc="How much of it is reserved when it is made.",
        example="20GiB",
        noted=True,
    ),
    Field(
        name="format",
        at=FORMAT,
        codec=text(pattern="[a-z0-9+-]+"),
        doc="Its format; qcow2 unless written in pools that hold files, what the pool has in others.",
        example="qcow2",
        keep=True,
    ),
    _BACKING,
    _SOURCE,
    _PERMISSIONS,
    Field(
        name="clusterSize",
        at="target/clusterSize",
        codec=size(1, "bytes"),
        doc="The size of a qcow2 cluster.",
        example="64KiB",
        keep=True,
    ),
    Field(
        name="compat",
        at="target/compat",
        codec=text(pattern=r"[0-9]+\.[0-9]+"),
        doc="The version of qcow2, as QEMU's compat option has it.",
        example="1.1",
        keep=True,
    ),
    Field(
        name="lazyRefcounts",
        at="target/features/lazy_refcounts",
        codec=PRESENT,
        doc="Faster qcow2 writes, with a repair after a crash.",
        example=True,
        keep=True,
    ),
    Field(
        name="extendedL2",
        at="target/features/extended_l2",
        codec=PRESENT,
        doc="qcow2 subclusters.",
        example=True,
        keep=True,
    ),
    *POLICY,
)
TABLE = entries.index(FIELDS)
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
    return Spec(
        ref=document.ref,
        host=context.host,
        claims=lowered.claims,
        lists=frozenset(lowered.lists),
        hints=lowered.hints,
        needs=tuple(_needs(document, pool, lowered.claims.get(BACKING))),
        policy=definitions.read_policy(document.body),
        labels=document.labels,
        where=document.place(),
        digest=document.digest,
    )


def _lower(document: Document, pool: str) -> Lowered:
    if document.xml is not None:
        return definitions.claim_all(read(document.xml), FIELDS, TABLE)
    body = document.body
    lowered = fields.lower(FIELDS, body)
    backing = lowered.claims.get(BACKING)
    if backing and "/" not in backing:
        lowered.claims[BACKING] = f"{pool}/{backing}"
    if "allocation" in body:
        lowered.hints["allocation"] = VOLUME_SIZE.lower(body["allocation"]) or ""
        lowered.hints["allocation@unit"] = VOLUME_SIZE.unit_text
    permissions = body.get("permissions")
    if isinstance(permissions, Mapping):
        lowered.hints.update({at: str(permissions[name]) for name, at in _GIVEN_ONCE.items() if name in permissions})
    if "xml" in body:
        lowered.claims.update(definitions.claim_part(flat(str(body["xml"]))))
    return lowered


def _needs(document: Document, pool: str, backing: str | None) -> Iterator[Need]:
    """The pool and the backing volume. Every host is taken to have libvirt's own pool, `default`."""
    external = document.body.get("external") is True
    yield Need(Ref("Pool", pool), external or pool == DEFAULT_POOL, ("spec", "pool"))
    if backing:
        yield Need(Ref("Volume", backing), external, ("spec", "backing"))


def _check(document: Document, lowered: Lowered) -> None:
    claims = lowered.claims
    backed = BACKING in claims or "backingStore/path" in claims
    if backed and SOURCE in claims:
        message = f"{document.ref} has backing and source; a volume begins as one of them"
        raise trouble("R207", message, document.place("spec", "source"))
    if BACKING in claims and "backingStore/path" in claims:
        message = f"{document.ref} has backing.volume and backing.path; keep one"
        raise trouble("R207", message, document.place("spec", "backing"))
    if "capacity" not in claims and not backed and SOURCE not in claims:
        message = f"{document.ref} needs capacity, since it has neither backing nor source to take it from"
        raise trouble("R205", message, document.place("spec"))


def dump(texts: Texts) -> dict[str, Json]:
    """The `spec` that claims what the texts hold, without what libvirt fills in by itself."""
    named = not texts.get(BACKING, "/").startswith("/")
    hidden = "backingStore/path" if named else BACKING
    kept = {
        address: value
        for address, value in texts.items()
        if address != hidden and value != UNKNOWN and _BORN.get(address) != value
    }
    body = fields.lift(FIELDS, kept)
    if kept.get("!pool") == DEFAULT_POOL:
        del body["pool"]
    extra = definitions.overlay("volume", kept, {**TABLE, **_UNITS}, IDENTITIES)
    return {**body, "xml": extra} if extra else body


_BORN: Mapping[Address, str] = {
    "target/permissions/mode": "0600",
    "target/compat": "1.1",
    "target/clusterSize": "65536",
}
_UNITS = {address: entries.Entry("", None) for address in ("capacity@unit", "target/clusterSize@unit")}
