"""The field table of Volume documents."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler import entries
from reconciler.codecs import (
    DIGEST,
    NAME,
    PATH,
    PRESENT,
    TEXT,
    URL,
    VOLUME_SIZE,
    YES_NO,
    Codec,
    choice,
    integer,
    size,
    text,
)
from reconciler.fields import Field, Group, Node
from reconciler.kinds.volume.xml import BACKING, CLUSTER, FORMAT, IMAGE, spell_mode
from reconciler.model.documents import Address
from reconciler.permits import POLICY

SOURCE = "!source"
SOURCE_DIGEST = "!source.digest"
SOURCE_URL = "!source.url"
SOURCE_VOLUME = "!source.volume"
# How the content of a file has to be, beside its SHA-256: where each stands, and what a step calls it.
CONTENT: Mapping[Address, str] = {
    "!source.sum": "digest",
    "!source.content": "contentDigest",
    "!source.compression": "compression",
    "!source.format": "format",
    "!source.limit": "limit",
}
# What is remembered of a new volume: which image it was made from.
IMAGE_DIGEST, IMAGE_SOURCE = "!image.digest", "!image.source"
# What no host can show of a volume: how it began.
HISTORY = (SOURCE, SOURCE_DIGEST, SOURCE_URL, SOURCE_VOLUME, *CONTENT, IMAGE)

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
_CONTENT_FIELDS = (
    Field(
        name="digest",
        at="!source.sum",
        codec=DIGEST,
        doc="What the file must be, as it is fetched.",
        example="sha256:5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
        keep=True,
    ),
    Field(
        name="contentDigest",
        at="!source.content",
        codec=DIGEST,
        doc="What is packed inside the file must be.",
        example="sha256:5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
        keep=True,
    ),
    Field(
        name="compression",
        at="!source.compression",
        codec=choice("none", "gzip", "xz", "zstd", "bzip2"),
        doc="How the file is packed; its first bytes tell unless written.",
        example="xz",
        keep=True,
    ),
    Field(
        name="format",
        at="!source.format",
        codec=choice("raw", "qcow2"),
        doc="The format that the content must have.",
        example="qcow2",
        keep=True,
    ),
    Field(
        name="maxSize",
        at="!source.limit",
        codec=size(1, ""),
        doc="The most that may be packed inside.",
        example="20GiB",
        keep=True,
    ),
)
_SOURCE = Group(
    name="source",
    doc="The content of a new volume, converted to the volume's format: a file, something on the web, another volume.",
    short=("path",),
    fields=(
        Field(
            name="path",
            at=SOURCE,
            codec=PATH,
            doc="A file on the machine where reconciler runs.",
            example="/srv/images/debian-12.qcow2",
            keep=True,
        ),
        Field(
            name="url",
            at=SOURCE_URL,
            codec=URL,
            doc="Where it is fetched from; needs digest.",
            example="https://images.example.com/debian-12.qcow2",
            keep=True,
        ),
        Field(
            name="volume",
            at=SOURCE_VOLUME,
            codec=text(pattern=r"[^\x00-\x20]+"),
            doc="A volume of the same pool, or pool/volume, that is copied.",
            example="templates/web",
            keep=True,
        ),
        Field(
            name="sha256",
            at=SOURCE_DIGEST,
            codec=text(pattern="[0-9a-f]{64}"),
            doc="What the file must be; digest says the same in more ways.",
            example="5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
            keep=True,
        ),
        *_CONTENT_FIELDS,
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
    Field(
        name="image",
        at=IMAGE,
        codec=NAME,
        doc="The Image that a new volume is made from; it is its backing file, or is copied.",
        example="debian-12",
        keep=True,
    ),
    Field(
        name="clone",
        at="!clone",
        codec=choice("link", "copy"),
        doc="Whether the image stays below the volume as its backing file or is copied; link unless written.",
        example="copy",
        noted=True,
    ),
    Field(
        name="imagePolicy",
        at="!imagePolicy",
        codec=choice("ignore", "rebuild"),
        doc="What another image or digest means for a volume that is there: nothing, unless rebuild is written.",
        example="rebuild",
        noted=True,
    ),
    _PERMISSIONS,
    Field(
        name="clusterSize",
        at="target/clusterSize",
        codec=size(1, "bytes"),
        doc="The size of a qcow2 cluster.",
        example="64KiB",
        keep=True,
        implied=CLUSTER,
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
