"""Devices of the host that are given to the guest."""

from __future__ import annotations

from reconciler.codecs import ON_OFF, PATH, PRESENT, TEXT, UUID, YES_NO, choice, text
from reconciler.fields import Field, Group, Items, Node
from reconciler.kinds.domain.devices.codecs import boot_order, hexadecimal, name_of
from reconciler.kinds.domain.devices.parts import Part, parted, pci_address
from reconciler.model.documents import Address

_USB = Group(
    name="usb",
    doc="A USB device, by what it is or by where it is plugged.",
    fields=(
        Field(name="vendor", at="source/vendor@id", codec=hexadecimal(4), doc="The vendor's ID.", example="0x1050"),
        Field(name="product", at="source/product@id", codec=hexadecimal(4), doc="The product's ID.", example="0x0407"),
        parted(
            name="address",
            doc="Where it is plugged: the bus, and the number on the bus, which changes when it is plugged again.",
            pattern="0*([1-9][0-9]{0,2}):0*([1-9][0-9]{0,2})",
            parts=(Part("bus", "source/address@bus"), Part("device", "source/address@device")),
            layout="{bus}:{device}",
            example="1:4",
        ),
        Field(
            name="guestReset",
            at="source@guestReset",
            codec=choice("off", "uninitialized", "on"),
            doc="Whether the guest may reset the device.",
            example="off",
        ),
    ),
    example={"vendor": "0x1050", "product": "0x0407"},
)

_MEDIATED = Group(
    name="mediated",
    doc="A mediated device, such as a slice of a GPU.",
    fields=(
        Field(
            name="uuid",
            at="source/address@uuid",
            codec=UUID,
            doc="The device's UUID on the host.",
            example="c2177883-f1bb-47f0-914d-32a22e3a8804",
            must=True,
        ),
        Field(
            name="model",
            at="@model",
            codec=choice("vfio-pci", "vfio-ccw", "vfio-ap"),
            doc="How QEMU presents it; vfio-pci if not given.",
            example="vfio-pci",
            keep=True,
        ),
        Field(
            name="display",
            at="@display",
            codec=ON_OFF,
            doc="Whether it is the guest's screen; needs graphics.",
            example=False,
            keep=True,
        ),
        Field(
            name="ramfb",
            at="@ramfb",
            codec=ON_OFF,
            doc="Whether it shows the guest's boot (with display).",
            example=True,
        ),
    ),
    short=("uuid",),
    example="c2177883-f1bb-47f0-914d-32a22e3a8804",
)

_SCSI = parted(
    name="scsi",
    doc="A SCSI device of the host: adapter, bus, target and unit.",
    pattern="(scsi_host[0-9]+):([0-9]{1,2}):([0-9]+):([0-9]+)",
    parts=(
        Part("adapter", "source/adapter@name"),
        Part("bus", "source/address@bus"),
        Part("target", "source/address@target"),
        Part("unit", "source/address@unit"),
    ),
    layout="{adapter}:{bus}:{target}:{unit}",
    example="scsi_host0:0:3:0",
)

_FIELDS: tuple[Node, ...] = (
    name_of("device"),
    _USB,
    _MEDIATED,
    _SCSI,
    Field(
        name="sgio",
        at="@sgio",
        codec=choice("filtered", "unfiltered"),
        doc="Which commands reach a SCSI device.",
        example="filtered",
    ),
    Field(
        name="rawIo", at="@rawio", codec=YES_NO, doc="Whether QEMU gets CAP_SYS_RAWIO for a SCSI device.", example=True
    ),
    # Last of those that share libvirt's address attributes: the path that people see is the last one's.
    pci_address("pci", "source/address", "The host's PCI device."),
    Field(
        name="vhostScsi",
        at="source@wwpn",
        codec=text(pattern="naa[.][0-9A-Fa-f]{16}"),
        doc="A SCSI target of the host's kernel, by its WWPN.",
        example="naa.5123456789abcde0",
    ),
    Field(
        name="managed",
        at="@managed",
        codec=YES_NO,
        doc="Whether libvirt takes the device from the host's driver at start and gives it back.",
        example=True,
        keep=True,
        implied="no",
    ),
    Field(
        name="startupPolicy",
        at="source@startupPolicy",
        codec=choice("mandatory", "requisite", "optional"),
        doc="What happens if a USB device is missing: fail, fail except after migration, or go without it.",
        example="optional",
    ),
    Field(
        name="driver",
        at="driver@name",
        codec=choice("vfio", "xen"),
        doc="Who hands a PCI device on.",
        example="vfio",
    ),
    boot_order(),
    Field(
        name="rom", at="rom@enabled", codec=YES_NO, doc="Whether a PCI device carries a boot ROM at all.", example=False
    ),
    Field(name="romBar", at="rom@bar", codec=ON_OFF, doc="Whether the guest can see the boot ROM.", example=True),
    Field(
        name="romFile",
        at="rom@file",
        codec=PATH,
        doc="The boot ROM to show in place of the device's.",
        example="/srv/gpu.rom",
    ),
    Field(
        name="readonly",
        at="readonly",
        codec=PRESENT,
        doc="Whether the guest may only read a SCSI device.",
        example=True,
    ),
    Field(
        name="shareable",
        at="shareable",
        codec=PRESENT,
        doc="Whether several domains may use a SCSI device.",
        example=True,
    ),
    Field(
        name="persistent",
        at="teaming@persistent",
        codec=TEXT,
        doc="The interface that stays when this one leaves for a migration, as libvirt knows it: `ua-` and its name.",
        example="ua-lan",
        whole=True,
    ),
)

# The leaf that gives a device away -> its type. A USB and a PCI address share `bus`, so the others are looked at first.
_TYPES: dict[Address, str] = {
    "source/address@uuid": "mdev",
    "source@wwpn": "scsi_host",
    "source/adapter@name": "scsi",
    "source/vendor@id": "usb",
    "source/address@device": "usb",
    "source/address@slot": "pci",
}


def _derive(claims: dict[Address, str | None]) -> None:
    claims["@mode"] = "subsystem"
    kind = next((kind for at, kind in _TYPES.items() if at in claims), None)
    if kind:
        claims["@type"] = kind
    if kind == "mdev":
        claims.setdefault("@model", "vfio-pci")
    if kind == "scsi_host":
        claims["source@protocol"] = "vhost"
    if "teaming@persistent" in claims:
        claims["teaming@type"] = "transient"


HOSTDEVS = Items(
    name="hostdevs",
    at="devices/hostdev",
    doc="Devices of the host that are given to the guest.",
    key="name",
    alias=True,
    fields=_FIELDS,
    derive=_derive,
    derived={"@mode": "source", "@type": "source", "source@protocol": "vhostScsi", "teaming@type": "persistent"},
    example=[{"name": "gpu", "pci": "0000:06:00.0", "managed": True}],
)
