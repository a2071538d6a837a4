"""Where a disk's bytes are: every source type of libvirt 9.0, and what follows from the one that is given."""

from __future__ import annotations

from reconciler.codecs import NAME, PATH, TEXT, UUID, YES_NO, Codec, choice, integer, text
from reconciler.fields import Field, Group, Node
from reconciler.kinds.domain.devices.parts import pci_address
from reconciler.kinds.domain.devices.server import NETWORK
from reconciler.model.documents import Address

DEFAULT_POOL = "default"

# The leaf that gives a source away -> the disk's type.
TYPES: dict[Address, str] = {
    "source@file": "file",
    "source@dev": "block",
    "source@dir": "dir",
    "source@volume": "volume",
    "source@protocol": "network",
    "source@namespace": "nvme",
    "source@path": "vhostuser",
}
# Every leaf that says where a source is; those of another type have to go when a source changes.
LEAVES = (*TYPES, "source@pool", "source@name", "source@type")

VOLUME_NAME = text(pattern=r"[^/\x00-\x1f]+")


NVME = Group(
    name="nvme",
    doc="A namespace of an NVMe controller that the host gives away.",
    fields=(
        pci_address("address", "source/address", "The controller's PCI address on the host."),
        Field(
            name="namespace", at="source@namespace", codec=integer(1), doc="The NVMe namespace.", example=1, must=True
        ),
        Field(
            name="managed",
            at="source@managed",
            codec=YES_NO,
            doc="Whether libvirt detaches the controller from the host's driver at start.",
            example=True,
            keep=True,
        ),
    ),
    example={"address": "0000:01:00.0", "namespace": 1},
)

ENCRYPTION = Group(
    name="encryption",
    doc="A LUKS layer that QEMU opens; the key is a libvirt secret.",
    fields=(
        Field(
            name="format",
            at="source/encryption@format",
            codec=choice("luks", "luks2", "luks-any"),
            doc="The encryption format; luks2 and luks-any only with engine librbd.",
            example="luks",
            must=True,
        ),
        Field(
            name="engine",
            at="source/encryption@engine",
            codec=choice("qemu", "librbd"),
            doc="Who decrypts.",
            example="qemu",
            keep=True,
        ),
        Field(
            name="secretUuid",
            at="source/encryption/secret@uuid",
            codec=UUID,
            doc="The libvirt secret that holds the key, by its UUID.",
            example="f981dd17-143f-45bc-88e6-ed1fe20ce9da",
        ),
        Field(
            name="secretUsage",
            at="source/encryption/secret@usage",
            codec=TEXT,
            doc="The libvirt secret that holds the key, by its usage.",
            example="web-1-root",
        ),
    ),
    example={"format": "luks", "secretUsage": "web-1-root"},
)

STARTUP: Codec = choice("mandatory", "requisite", "optional")

SOURCES: tuple[Node, ...] = (
    Field(
        name="file", at="source@file", codec=PATH, doc="An image file on the host.", example="/srv/images/web-1.qcow2"
    ),
    Field(name="block", at="source@dev", codec=PATH, doc="A block device of the host.", example="/dev/vg0/web-1"),
    Field(
        name="dir",
        at="source@dir",
        codec=PATH,
        doc="A directory of the host that the guest sees as a FAT file system.",
        example="/srv/floppy",
    ),
    Field(name="volume", at="source@volume", codec=VOLUME_NAME, doc="A storage volume.", example="web-1-data"),
    Field(
        name="pool",
        at="source@pool",
        codec=NAME,
        doc=f"The storage pool of the volume; `{DEFAULT_POOL}` if not given.",
        example="ssd",
    ),
    Field(
        name="poolMode",
        at="source@mode",
        codec=choice("host", "direct"),
        doc="How a volume of an iSCSI pool is opened: as the host's block device, or by QEMU itself.",
        example="host",
    ),
    NETWORK,
    NVME,
    Field(
        name="vhostUser",
        at="source@path",
        codec=PATH,
        doc="The socket of a vhost-user-blk server; needs shared memory.",
        example="/run/spdk.sock",
    ),
    Field(
        name="startupPolicy",
        at="source@startupPolicy",
        codec=STARTUP,
        doc="What happens if the medium is missing: fail, fail except after migration, or go without it.",
        example="optional",
    ),
    ENCRYPTION,
)


def derive(claims: dict[Address, str | None]) -> None:
    """The disk's type and the words that a source needs; what another type of source would leave behind goes."""
    leaf = next((leaf for leaf in TYPES if leaf in claims), None)
    if leaf is None:
        return
    claims["@type"] = TYPES[leaf]
    _complete(claims)
    for stale in LEAVES:
        claims.setdefault(stale, None)


def _complete(claims: dict[Address, str | None]) -> None:
    match claims["@type"]:
        case "volume":
            claims.setdefault("source@pool", DEFAULT_POOL)
        case "nvme":
            claims["source@type"] = "pci"
        case "vhostuser":
            claims["source@type"] = "unix"
        case "dir":
            claims.setdefault("driver@type", "fat")
    name = claims.get("source@name")
    if claims.get("source@protocol") == "iscsi" and name and "/" not in name:
        claims["source@name"] = f"{name}/0"
    if "source/auth@username" in claims:
        claims["source/auth/secret@type"] = "ceph" if claims.get("source@protocol") == "rbd" else "iscsi"
    if "source/encryption@format" in claims:
        claims["source/encryption/secret@type"] = "passphrase"


# The path people see for what `derive` adds.
DERIVED: dict[Address, str] = {
    "@type": "source",
    "source@type": "source",
    "source/auth/secret@type": "network.auth",
    "source/encryption/secret@type": "encryption",
}
