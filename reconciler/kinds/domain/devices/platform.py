"""Devices that a machine has one of: watchdog, vsock, memory balloon, IOMMU."""

from __future__ import annotations

from reconciler.codecs import ON_OFF, YES_NO, Codec, choice, integer
from reconciler.fields import Field, Group, Node
from reconciler.kinds.domain.devices.codecs import virtio_options
from reconciler.model.documents import Address

_VIRTIO = ("virtio", "virtio-transitional", "virtio-non-transitional")

WATCHDOG = Group(
    name="watchdog",
    at="devices/watchdog",
    doc="A timer that acts when the guest stops resetting it.",
    fields=(
        Field(
            name="model",
            at="@model",
            codec=choice("i6300esb", "ib700", "diag288"),
            doc="The device that the guest sees.",
            example="i6300esb",
            must=True,
        ),
        Field(
            name="action",
            at="@action",
            codec=choice("reset", "shutdown", "poweroff", "pause", "none", "dump", "inject-nmi"),
            doc="What happens to the guest; reset if not given.",
            example="poweroff",
            keep=True,
        ),
    ),
    short=("model",),
    example={"model": "i6300esb", "action": "reset"},
)


def _vsock(claims: dict[Address, str | None]) -> None:
    # A new address beside auto='yes' would be forgotten at once.
    claims.setdefault("cid@auto", "no" if "cid@address" in claims else "yes")
    claims.setdefault("@model", "virtio")


VSOCK = Group(
    name="vsock",
    at="devices/vsock",
    doc="A socket between host and guest that needs no network.",
    fields=(
        Field(
            name="cid",
            at="cid@address",
            codec=integer(3, 4294967295),
            doc="The guest's address; libvirt picks a free one at each start if not given.",
            example=7,
        ),
        Field(
            name="auto",
            at="cid@auto",
            codec=YES_NO,
            doc="Whether libvirt picks the address at each start.",
            example=True,
            keep=True,
        ),
        Field(
            name="model",
            at="@model",
            codec=choice(*_VIRTIO),
            doc="The model of the device.",
            example="virtio",
            keep=True,
        ),
        virtio_options(),
    ),
    derive=_vsock,
    example={"auto": True},
)

# libvirt's schema has no period of 0; it means none.
_PERIOD = Codec(
    schema={"type": "integer", "minimum": 0},
    lower=lambda value: str(value) if value else None,
    lift=int,
    unit="seconds",
)

_BALLOON: tuple[Node, ...] = (
    Field(
        name="model",
        at="devices/memballoon@model",
        codec=choice(*_VIRTIO, "xen", "none"),
        doc="The device that the guest sees; libvirt adds a virtio balloon unless this is none.",
        example="virtio",
        keep=True,
    ),
    Field(
        name="autoDeflate",
        at="devices/memballoon@autodeflate",
        codec=ON_OFF,
        doc="Whether the guest may take memory back before it kills a process for want of it.",
        example=True,
    ),
    Field(
        name="freePageReporting",
        at="devices/memballoon@freePageReporting",
        codec=ON_OFF,
        doc="Whether the guest gives pages back to the host as soon as it frees them.",
        example=True,
    ),
    Field(
        name="statsPeriod",
        at="devices/memballoon/stats@period",
        codec=_PERIOD,
        doc="How often the guest reports its memory statistics; 0 is never.",
        example=10,
        implied="0",
    ),
)

MEMORY_BALLOON = Group(
    name="memoryBalloon",
    doc="The device through which a running guest gives memory back.",
    fields=_BALLOON,
    short=("model",),
    example={"model": "virtio", "freePageReporting": True},
)

IOMMU = Group(
    name="iommu",
    at="devices/iommu",
    doc="An IOMMU for the guest.",
    fields=(
        Field(
            name="model",
            at="@model",
            codec=choice("intel", "virtio", "smmuv3"),
            doc="The device that the guest sees; virtio needs ACPI, intel a q35 machine.",
            example="intel",
            must=True,
        ),
        Field(
            name="interruptRemapping",
            at="driver@intremap",
            codec=ON_OFF,
            doc="Whether interrupts are remapped (intel; needs a split interrupt controller).",
            example=True,
        ),
        Field(
            name="cachingMode",
            at="driver@caching_mode",
            codec=ON_OFF,
            doc="Whether the guest tells of new mappings too, which devices of the host need (intel).",
            example=True,
        ),
        Field(
            name="extendedInterrupts",
            at="driver@eim",
            codec=ON_OFF,
            doc="Whether more than 255 vCPUs can have interrupts (intel).",
            example=True,
        ),
        Field(
            name="deviceTlb",
            at="driver@iotlb",
            codec=ON_OFF,
            doc="Whether devices may cache translations (intel).",
            example=True,
        ),
        Field(
            name="addressWidth",
            at="driver@aw_bits",
            codec=integer(39, 64, unit="bits"),
            doc="The width of addresses that devices use (intel: 39 or 48).",
            example=48,
        ),
    ),
    short=("model",),
    example={"model": "intel"},
)
