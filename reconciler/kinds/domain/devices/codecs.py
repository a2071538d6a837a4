"""Spellings that several devices share, as libvirt 9.0 prints them."""

from __future__ import annotations

from reconciler.codecs import ON_OFF, YES_NO, Codec, Json, integer, text
from reconciler.fields import Field, Group, Node, When
from reconciler.model.documents import Address
from reconciler.model.quantities import SIZE_PATTERN, format_size, parse_size


def only(*words: str) -> Codec:
    """One of the words that nothing else in the document implies; libvirt's other values are not shown."""
    return Codec(
        schema={"type": "string", "enum": list(words)},
        lower=str,
        lift=lambda value: value if value in words else None,
    )


def hexadecimal(digits: int) -> Codec:
    """A number written `0x1af4`, with as many digits as libvirt prints."""
    return Codec(
        schema={"type": "string", "pattern": f"^0x[0-9A-Fa-f]{{1,{digits}}}$"},
        lower=lambda value: f"0x{int(str(value), 16):0{digits}x}",
        lift=str,
    )


OCTAL = Codec(
    schema={"type": "string", "pattern": "^0?[0-7]{3}$"},
    lower=lambda value: f"{int(str(value), 8):04o}",
    lift=str,
    unit="octal file mode such as 0644",
)

PORT = Codec(
    schema={"type": "integer", "minimum": 1, "maximum": 65535},
    lower=str,
    lift=lambda value: int(value) if value.isdecimal() else value,
)

HOST_NAME = text(pattern=r"[A-Za-z0-9_.:-]+", unit="host name or address")


def _ceiling(value: Json) -> str:
    count = -(-parse_size(str(value)) // 1024)
    return str(1 << max(count - 1, 0).bit_length())


VIDEO_MEMORY = Codec(
    schema={"type": "string", "pattern": SIZE_PATTERN},
    lower=_ceiling,
    lift=lambda value: format_size(int(value) * 1024) if value.isdecimal() else value,
    unit="bytes with a unit, rounded up to a power of two as libvirt does",
)


def virtio_options() -> Group:
    """What QEMU's virtio devices share: `driver@iommu` and its neighbours."""
    options: tuple[Node, ...] = (
        Field(
            name="iommu",
            at="driver@iommu",
            codec=ON_OFF,
            doc="Whether the device reaches guest memory through the guest's IOMMU only.",
            example=True,
        ),
        Field(
            name="ats",
            at="driver@ats",
            codec=ON_OFF,
            doc="Whether the device may cache the guest IOMMU's translations.",
            example=True,
        ),
        Field(
            name="packed",
            at="driver@packed",
            codec=ON_OFF,
            doc="Whether packed virtqueues are offered, which cost fewer cache misses.",
            example=True,
        ),
        Field(
            name="pagePerQueue",
            at="driver@page_per_vq",
            codec=ON_OFF,
            doc="Whether each virtqueue's notification register gets a page of its own.",
            example=False,
        ),
    )
    return Group(name="virtio", doc="Options of the virtio transport.", fields=options, example={"packed": True})


def boot_order() -> Field:
    """The `boot@order` of a device that the guest can start from."""
    return Field(
        name="bootOrder",
        at="boot@order",
        codec=Codec(schema={"type": "integer", "minimum": 1}, lower=str, lift=int),
        doc="The firmware's place for this device when it looks for something to boot, 1 first; unique in a domain.",
        example=1,
        whole=True,
    )


def name_of(device: str) -> Field:
    """The name that a document gives a device and that the host keeps as user alias `ua-<name>`."""
    return Field(
        name="name",
        at="alias@name",
        codec=Codec(
            schema={"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]*$"},
            lower=str,
            lift=lambda value: value[3:] if value.startswith("ua-") else None,
        ),
        doc=f"What this document calls the {device}; it is recognised by it when everything else about it changes.",
        example="root" if device == "disk" else "lan",
        must=True,
        noted=True,
    )


def reconnect(at: Address, when: When = ()) -> tuple[Node, ...]:
    """Whether and when a lost peer of a socket is tried again."""
    return (
        Field(
            name="reconnect",
            at=f"{at}/reconnect@enabled",
            codec=YES_NO,
            doc="Whether a lost server is tried again.",
            when=when,
            example=True,
        ),
        Field(
            name="reconnectSeconds",
            at=f"{at}/reconnect@timeout",
            codec=integer(1, unit="seconds"),
            doc="How long to wait before a lost server is tried again.",
            when=(*when, ("reconnect", (True,))),
            example=10,
        ),
    )
