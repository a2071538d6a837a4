"""Network interfaces."""

from __future__ import annotations

from reconciler.codecs import MAC, NAME, PATH, TEXT, YES_NO, Codec, text
from reconciler.fields import Field, Group, Items, Node
from reconciler.kinds.domain.devices.codecs import name_of, only, reconnect
from reconciler.kinds.domain.devices.parts import pci_address
from reconciler.kinds.domain.devices.traffic import TRAFFIC
from reconciler.model.documents import Address

DEVICE = text(pattern=r"[A-Za-z0-9_.:@-]+", unit="name of a network device of the host")
# macvtap and vDPA share libvirt's attribute; only vDPA's is a path.
_DIRECT = Codec(schema=DEVICE.schema, lower=str, lift=lambda value: None if "/" in value else value, unit=DEVICE.unit)
_VDPA = Codec(schema=PATH.schema, lower=str, lift=lambda value: value if "/" in value else None, unit=PATH.unit)

# The leaf that gives a connection away -> the interface's type.
TYPES: dict[Address, str] = {
    "source@network": "network",
    "source@bridge": "bridge",
    "source@dev": "direct",
    "source@path": "vhostuser",
    "source/address@bus": "hostdev",
    "source@name": "internal",
}
LEAVES = (*TYPES, "source@portgroup", "source@mode", "source@type")

_HOSTDEV = Group(
    name="hostdev",
    doc="A network function of the host given to the guest whole, mostly an SR-IOV virtual function.",
    fields=(
        pci_address("address", "source/address", "The function's PCI address on the host."),
        Field(
            name="managed",
            at="@managed",
            codec=YES_NO,
            doc="Whether libvirt takes the function from the host's driver at start and gives it back.",
            example=True,
            implied="no",
        ),
    ),
    example={"address": "0000:05:10.0", "managed": True},
)

_VHOST_USER = Group(
    name="vhostUser",
    doc="A socket of a vhost-user switch such as Open vSwitch with DPDK; needs shared memory.",
    fields=(
        Field(name="path", at="source@path", codec=PATH, doc="The socket.", example="/run/vhost1.sock", must=True),
        Field(
            name="mode",
            at="source@mode",
            codec=only("client", "server"),
            doc="Whether QEMU connects to the socket or makes it.",
            example="server",
            must=True,
        ),
        *reconnect("source"),
    ),
    example={"path": "/run/vhost1.sock", "mode": "server"},
)

_DIRECT_DEVICE = Group(
    name="direct",
    doc="A network device of the host, shared by macvtap.",
    fields=(
        Field(
            name="device",
            at="source@dev",
            codec=_DIRECT,
            doc="The host's network device.",
            example="eth0",
            must=True,
        ),
        Field(
            name="mode",
            at="source@mode",
            codec=only("bridge", "vepa", "private", "passthrough"),
            doc="How guests on one device reach each other; vepa if not given.",
            example="bridge",
            keep=True,
        ),
    ),
    short=("device",),
    example={"device": "eth0", "mode": "bridge"},
)

_SOURCES: tuple[Node, ...] = (
    name_of("interface"),
    Field(name="network", at="source@network", codec=NAME, doc="A libvirt network.", example="default"),
    Field(
        name="portgroup",
        at="source@portgroup",
        codec=TEXT,
        doc="The port group of the network, which gives VLAN, bandwidth and port profile.",
        example="engineering",
    ),
    Field(
        name="external",
        at="!external",
        codec=Codec(schema={"type": "boolean"}, lower=str, lift=str),
        doc="Whether the network exists on the host already and is described by no document.",
        example=True,
        noted=True,
    ),
    Field(name="bridge", at="source@bridge", codec=DEVICE, doc="A bridge of the host.", example="br0"),
    Field(
        name="vdpa",
        at="source@dev",
        codec=_VDPA,
        doc="A vDPA device of the host.",
        example="/dev/vhost-vdpa-0",
    ),
    _VHOST_USER,
    _DIRECT_DEVICE,
    _HOSTDEV,
    Field(
        name="internal",
        at="source@name",
        codec=DEVICE,
        doc="A network inside a hypervisor other than QEMU.",
        example="lan",
    ),
    Field(
        name="type",
        at="@type",
        codec=only("user", "ethernet", "null"),
        doc="A connection without a source: QEMU's own NAT, a bare tap device, or none.",
        example="user",
        keep=True,
    ),
)

_DEVICE: tuple[Node, ...] = (
    Field(
        name="mac",
        at="mac@address",
        codec=MAC,
        doc="The MAC address; derived from the names of domain and interface if not given.",
        example="52:54:00:12:34:56",
        keep=True,
    ),
    Field(
        name="model",
        at="model@type",
        codec=text(pattern=r"[A-Za-z0-9_-]+"),
        doc="The network card that the guest sees; virtio if not given.",
        example="e1000e",
        keep=True,
    ),
)


def _derive(claims: dict[Address, str | None]) -> None:
    leaf = next((leaf for leaf in TYPES if leaf in claims), None)
    if leaf is None:
        return
    vdpa = leaf == "source@dev" and "/" in (claims[leaf] or "")
    claims["@type"] = "vdpa" if vdpa else TYPES[leaf]
    if claims["@type"] == "vhostuser":
        claims["source@type"] = "unix"
    if claims["@type"] == "hostdev":
        claims["source/address@type"] = "pci"
    # A macvtap mode that the document leaves open is the host's to keep.
    stale = (at for at in LEAVES if not (at == "source@mode" and claims["@type"] == "direct"))
    for at in stale:
        claims.setdefault(at, None)


INTERFACES = Items(
    name="interfaces",
    at="devices/interface",
    doc="Network interfaces.",
    key="name",
    alias=True,
    fields=(*_SOURCES, *_DEVICE, *TRAFFIC),
    derive=_derive,
    derived={"source@type": "vhostUser", "source/address@type": "hostdev"},
    example=[{"name": "lan", "network": "default"}],
)
