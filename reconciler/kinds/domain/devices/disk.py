"""Disks, CD-ROM drives and floppies."""

from __future__ import annotations

from reconciler.codecs import NAME, ON_OFF, PRESENT, YES_NO, Codec, choice, integer, text
from reconciler.fields import Field, Items, Node
from reconciler.kinds.domain.devices import source
from reconciler.kinds.domain.devices.codecs import boot_order, name_of
from reconciler.kinds.domain.devices.requests import REQUESTS
from reconciler.model.documents import Address
from reconciler.model.quantities import SIZE_PATTERN

FORMATS = ("raw", "qcow2", "qcow", "qed", "vmdk", "vdi", "vpc", "bochs", "cloop", "dmg", "ploop", "fat")
BUSES = ("virtio", "scsi", "sata", "ide", "usb", "fdc", "sd", "xen")

# A size asks for a volume; by the time a body is lowered it has become one.
_SIZE = Codec(schema={"type": "string", "pattern": SIZE_PATTERN}, lower=str, lift=str, unit="bytes with a unit")

_WHAT: tuple[Node, ...] = (
    name_of("disk"),
    Field(
        name="size",
        at="!size",
        codec=_SIZE,
        doc="How large a volume to make for this disk, where it names no source of its own.",
        example="20GiB",
        noted=True,
    ),
    Field(
        name="image",
        at="!image",
        codec=NAME,
        doc="The Image that the volume of this disk is made from; it has the image's size unless `size` is written.",
        example="debian-12",
        noted=True,
    ),
    Field(
        name="clone",
        at="!clone",
        codec=choice("link", "copy"),
        doc="Whether the image stays below that volume as its backing file or is copied; link unless written.",
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
    *source.SOURCES,
    Field(
        name="external",
        at="!external",
        codec=Codec(schema={"type": "boolean"}, lower=str, lift=str),
        doc="Whether the volume exists on the host already and is described by no document.",
        example=True,
        noted=True,
    ),
    Field(
        name="device",
        at="@device",
        codec=choice("disk", "cdrom", "floppy", "lun"),
        doc="What the guest sees; lun passes SCSI commands through to a block device.",
        example="cdrom",
        implied="disk",
    ),
    Field(
        name="format",
        at="driver@type",
        codec=choice(*FORMATS),
        doc="How the data is laid out in its source.",
        example="qcow2",
        keep=True,
    ),
)

_WHERE: tuple[Node, ...] = (
    Field(
        name="bus",
        at="target@bus",
        codec=choice(*BUSES),
        doc="The bus that the disk is plugged into; which there are depends on the machine.",
        example="virtio",
        keep=True,
    ),
    Field(
        name="target",
        at="target@dev",
        codec=text(pattern="(?:fd|hd|sd|vd)[a-z]+|xvd[a-z]+[0-9]*"),
        doc="The disk's place on its bus, written as a device name; what the guest calls it is its own affair.",
        example="vda",
        keep=True,
    ),
    Field(
        name="model",
        at="@model",
        codec=choice("virtio", "virtio-transitional", "virtio-non-transitional"),
        doc="The model of a virtio disk.",
        example="virtio-non-transitional",
    ),
    boot_order(),
    Field(
        name="readonly",
        at="readonly",
        codec=PRESENT,
        doc="Whether the guest may only read; CD-ROMs always are.",
        example=True,
    ),
    Field(
        name="shareable",
        at="shareable",
        codec=PRESENT,
        doc="Whether several running domains may write to it at once.",
        example=True,
    ),
    Field(
        name="transient",
        at="transient",
        codec=PRESENT,
        doc="Whether all that the guest writes is lost when it stops.",
        example=True,
    ),
    Field(
        name="serial",
        at="serial",
        codec=text(pattern=r"[A-Za-z0-9_.+ -]+"),
        doc="The serial number that the guest sees.",
        example="web-1-root",
    ),
    Field(
        name="wwn",
        at="wwn",
        codec=text(pattern=r"[0-9A-Fa-f]{16}"),
        doc="The World Wide Name that the guest sees on a SCSI, SATA or IDE disk.",
        example="5000c50015ea71ac",
    ),
    Field(
        name="vendor",
        at="vendor",
        codec=text(pattern=r"[ -~]{1,8}"),
        doc="The vendor that the guest sees on a SCSI disk.",
        example="QEMU",
    ),
    Field(
        name="product",
        at="product",
        codec=text(pattern=r"[ -~]{1,16}"),
        doc="The product that the guest sees on a SCSI disk.",
        example="DATA",
    ),
    Field(
        name="rotationRate",
        at="target@rotation_rate",
        codec=integer(1, 65534, unit="revolutions per minute; 1 is a solid state disk"),
        doc="The rotation rate that the guest sees on a SCSI, SATA or IDE disk.",
        example=1,
    ),
    Field(
        name="removable",
        at="target@removable",
        codec=ON_OFF,
        doc="Whether a USB disk calls itself removable.",
        example=True,
    ),
    Field(
        name="tray",
        at="target@tray",
        codec=choice("open", "closed"),
        doc="Whether the tray of a CD-ROM drive is open when the guest starts.",
        example="open",
        implied="closed",
    ),
    Field(
        name="snapshot",
        at="@snapshot",
        codec=choice("internal", "external", "no", "manual"),
        doc="What a snapshot of the domain does with this disk if it does not say.",
        example="no",
    ),
    Field(
        name="sgio",
        at="@sgio",
        codec=choice("filtered", "unfiltered"),
        doc="Which SCSI commands of the guest reach a lun.",
        example="filtered",
    ),
    Field(name="rawIo", at="@rawio", codec=YES_NO, doc="Whether QEMU gets CAP_SYS_RAWIO for a lun.", example=True),
)


def _derive(claims: dict[Address, str | None]) -> None:
    source.derive(claims)
    if claims.get("@device") in ("cdrom", "floppy"):
        # An empty drive is one of type file without a file (libvirt 9.0).
        claims.setdefault("@type", "file")
    if claims.get("@device") == "cdrom" and claims.get("readonly", "") is None:
        del claims["readonly"]


DISKS = Items(
    name="disks",
    at="devices/disk",
    doc="Disks, CD-ROM drives and floppies.",
    key="name",
    alias=True,
    fields=(*_WHAT, *_WHERE, *REQUESTS),
    derive=_derive,
    derived=source.DERIVED,
    example=[{"name": "root", "volume": "web-1-root", "format": "qcow2"}],
)
