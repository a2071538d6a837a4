"""Pool documents: the field table, from YAML or plain XML to a spec, and from a definition back to YAML."""

from __future__ import annotations

from reconciler import definitions, entries, fields, markup, merging, permits, users
from reconciler.codecs import NAME, TEXT, UUID, YES_NO, Codec, Json, choice, integer, text
from reconciler.errors import trouble
from reconciler.fields import Field, Group, Items, Lowered, Node
from reconciler.kind import Context
from reconciler.kinds.pool.xml import IDENTITIES, flat, read, spell_mode, spell_path
from reconciler.model.documents import Address, Document, Spec, Texts
from reconciler.permits import POLICY

# Types whose volumes appear under a directory (formatstorage, "Target elements").
WITH_TARGET = ("dir", "fs", "netfs", "logical", "disk", "iscsi", "scsi", "mpath", "vstorage")
TYPES = (*WITH_TARGET, "iscsi-direct", "rbd", "zfs", "gluster", "sheepdog")
# Where libvirt itself knows the directory.
_GIVEN_TARGET = {"disk": "/dev", "iscsi": "/dev/disk/by-path", "scsi": "/dev/disk/by-path", "mpath": "/dev/mapper"}

PATH = Codec(
    schema={"type": "string", "pattern": r"^/[^\x00-\x1f]*$"},
    lower=lambda value: spell_path(str(value)),
    lift=lambda value: value,
    unit="absolute path on the host",
)
DIRECTORY = Codec(schema=TEXT.schema, lower=lambda value: spell_path(str(value)), lift=lambda value: value)
MODE = Codec(
    schema={"type": "string", "pattern": "^[0-7]{3,4}$"},
    lower=lambda value: spell_mode(str(value)),
    lift=lambda value: value,
    unit="octal digits in quotes",
)
_PERMISSIONS = Group(
    name="permissions",
    doc="Who may enter the directory; set when it is made or the pool restarts.",
    fields=(
        Field(name="mode", at="target/permissions/mode", codec=MODE, doc="Its mode.", example="0711"),
        Field(name="owner", at="target/permissions/owner", codec=integer(0), doc="The number of its user.", example=0),
        Field(name="group", at="target/permissions/group", codec=integer(0), doc="The number of its group.", example=0),
        Field(
            name="label",
            at="target/permissions/label",
            codec=TEXT,
            doc="Its SELinux label.",
            example="system_u:object_r:virt_image_t:s0",
        ),
    ),
    example={"mode": "0711", "owner": 0, "group": 0},
)
_ADAPTER = Group(
    name="adapter",
    doc="The SCSI adapter of a scsi pool.",
    short=("name",),
    fields=(
        Field(
            name="type",
            at="source/adapter@type",
            codec=choice("scsi_host", "fc_host"),
            doc="What it is.",
            example="scsi_host",
        ),
        Field(name="name", at="source/adapter@name", codec=NAME, doc="Its name.", example="host0"),
        Field(name="parent", at="source/adapter@parent", codec=NAME, doc="Its parent.", example="scsi_host5"),
        Field(name="wwnn", at="source/adapter@wwnn", codec=NAME, doc="Its node name.", example="20000000c9831b4b"),
        Field(name="wwpn", at="source/adapter@wwpn", codec=NAME, doc="Its port name.", example="10000000c9831b4b"),
    ),
    example="host0",
)
_AUTH = Group(
    name="auth",
    doc="Who we are to the storage server; the password is a libvirt secret.",
    fields=(
        Field(
            name="type",
            at="source/auth@type",
            codec=choice("chap", "ceph"),
            doc="chap for iSCSI, ceph for RBD.",
            example="ceph",
            must=True,
            whole=True,
        ),
        Field(
            name="username",
            at="source/auth@username",
            codec=TEXT,
            doc="The name.",
            example="libvirt",
            must=True,
            whole=True,
        ),
        Field(
            name="secretUuid",
            at="source/auth/secret@uuid",
            codec=UUID,
            doc="The secret's UUID.",
            example="2ec115d7-3a88-3ceb-bc12-0ac909a6fd87",
        ),
        Field(
            name="secretUsage", at="source/auth/secret@usage", codec=TEXT, doc="The secret's usage.", example="rbd-pool"
        ),
    ),
    example={"type": "ceph", "username": "libvirt", "secretUsage": "rbd-pool"},
)
_SOURCE = Group(
    name="source",
    doc="What the pool is made of.",
    fields=(
        Items(
            name="hosts",
            at="source/host",
            doc="Its servers.",
            key="name",
            short="name",
            fields=(
                Field(
                    name="name", at="@name", codec=TEXT, doc="Name or address.", example="nas.example.com", whole=True
                ),
                Field(name="port", at="@port", codec=integer(1, 65535), doc="Its port.", example=6789),
            ),
            example=["nas.example.com"],
        ),
        Items(
            name="devices",
            at="source/device",
            doc="Its block devices, or the name of an iSCSI target.",
            key="path",
            short="path",
            fields=(
                Field(name="path", at="@path", codec=TEXT, doc="Path or name.", example="/dev/sdb", whole=True),
                Field(
                    name="partSeparator",
                    at="@part_separator",
                    codec=YES_NO,
                    doc="Whether partitions are named with a p.",
                    example=True,
                ),
            ),
            example=["/dev/sdb"],
        ),
        Field(
            name="dir",
            at="source/dir@path",
            codec=DIRECTORY,
            doc="The exported directory.",
            example="/export",
            whole=True,
        ),
        Field(name="name", at="source/name", codec=TEXT, doc="Volume group, RBD pool or ZFS pool.", example="vg0"),
        Field(
            name="format",
            at="source/format@type",
            codec=text(pattern=r"[a-z0-9+]+"),
            doc="File system, partition table or protocol.",
            example="nfs",
            whole=True,
        ),
        Field(
            name="protocolVersion",
            at="source/protocol@ver",
            codec=text(pattern=r"[0-9.]+"),
            doc="The version of NFS.",
            example="4.2",
            whole=True,
        ),
        Field(
            name="initiator",
            at="source/initiator/iqn@name",
            codec=TEXT,
            doc="Our name as an iSCSI initiator.",
            example="iqn.2013-06.com.example:initiator",
            whole=True,
        ),
        _ADAPTER,
        _AUTH,
    ),
    example={"hosts": ["nas.example.com"], "dir": "/export", "format": "nfs"},
)
FIELDS: tuple[Node, ...] = (
    Field(name="type", at="@type", codec=choice(*TYPES), doc="What the pool is; dir unless written.", example="dir"),
    Field(
        name="active",
        at="!active",
        codec=YES_NO,
        doc="Whether the pool can be used; true unless written.",
        example=True,
        keep=True,
    ),
    Field(name="autostart", at="!autostart", codec=YES_NO, doc="Whether it comes up with its host.", example=True),
    Field(
        name="path",
        at="target/path",
        codec=PATH,
        doc="The directory where its volumes appear; made if it is missing.",
        example="/var/lib/libvirt/images",
        keep=True,
    ),
    _PERMISSIONS,
    _SOURCE,
    *POLICY,
)
TABLE = entries.index(FIELDS)
FORM = merging.Format(root="pool", identities=IDENTITIES, table=TABLE, read=flat)


def parse(document: Document, context: Context) -> Spec:
    """What a document asks of a pool. It is active unless the document says otherwise. Raises ManifestError."""
    lowered = _lower(document)
    claims = lowered.claims
    claims.setdefault("!active", "yes")
    kind = str(claims.setdefault("@type", "dir"))
    given = _given(kind, claims.get("source/name") or document.ref.name)
    if given and "target/path" not in claims:
        lowered.hints["target/path"] = given
    elif kind in WITH_TARGET and "target/path" not in claims:
        raise trouble("R205", f"{document.ref} is of type {kind} and needs path, its directory", document.place("spec"))
    return Spec(
        ref=document.ref,
        host=context.host,
        claims=claims,
        lists=frozenset(lowered.lists),
        hints=lowered.hints,
        needs=users.secret_needs(claims),
        policy=permits.read_policy(document.body),
        labels=document.labels,
        where=document.place(),
        digest=document.digest,
    )


def _given(kind: str, group: str | None) -> str:
    """The directory of a pool of this type, where libvirt itself knows it."""
    return f"/dev/{group}" if kind == "logical" and group else _GIVEN_TARGET.get(kind, "")


def _lower(document: Document) -> Lowered:
    if document.xml is not None:
        lowered = definitions.claim_all(read(document.xml), FIELDS, TABLE)
        uuid = markup.parse(document.xml).findtext("uuid")
        if uuid:
            lowered.hints["uuid"] = uuid.strip().lower()
        return lowered
    lowered = fields.lower(FIELDS, document.body)
    merging.lay(lowered, document, FORM)
    return lowered


def dump(texts: Texts) -> dict[str, Json]:
    """The `spec` that claims what the texts hold, without what libvirt fills in by itself.

    The permissions of a running pool are those that its directory happens to have.
    """
    found = texts.get("!active") != "no"
    usual = found and all(texts.get(address, values[0]) in values for address, values in _USUAL.items())
    given = _given(texts.get("@type", ""), texts.get("source/name"))

    def filled(address: Address, text: str) -> bool:
        named = address == "target/path" and text == given
        return (
            named or text in _FILLED.get(address, ()) or (found and address == _LABEL) or (usual and address in _USUAL)
        )

    return definitions.describe("pool", FIELDS, texts, filled, IDENTITIES)


# What a document means that does not say it. `<source/>` is printed for every pool, and -1 is what libvirt would take.
_FILLED = {
    "@type": ("dir",),
    "!active": ("yes",),
    "!autostart": ("no",),
    "source": ("",),
    "target/permissions": ("",),
    "target/permissions/owner": ("-1",),
    "target/permissions/group": ("-1",),
}
_LABEL = "target/permissions/label"
# What libvirt reports of a directory that nobody gave permissions: as libvirt or mkdir made it.
_USUAL = {
    "target/permissions": ("",),
    "target/permissions/mode": ("0711", "0755"),
    "target/permissions/owner": ("0", "-1"),
    "target/permissions/group": ("0", "-1"),
}
