"""What passes an interface and how: VLANs, limits, filters, offloads, queues."""

from __future__ import annotations

from ipaddress import ip_address

from reconciler.codecs import ADDRESS, ON_OFF, TEXT, YES_NO, Codec, choice, integer, text
from reconciler.fields import Field, Group, Items, Node
from reconciler.kinds.domain.devices.card import CARD
from reconciler.kinds.domain.devices.codecs import boot_order, only
from reconciler.kinds.domain.devices.switch import VIRTUAL_PORT
from reconciler.model.documents import Address

# libvirt forgets target names with these beginnings: they are the ones it makes itself (domain_conf.c 9.0).
_TARGET = text(
    pattern=r"(?!vnet|macvtap|macvlan|vif)[A-Za-z0-9_.-]{1,15}",
    unit="name of a network device; not one that begins like libvirt's own vnet, vif, macvtap, macvlan",
)

_IP = Codec(
    schema=ADDRESS.schema,
    lower=lambda value: str(ip_address(str(value))),
    lift=str,
    unit=ADDRESS.unit,
)


def _family(claims: dict[Address, str | None]) -> None:
    claims["@family"] = "ipv6" if ":" in (claims.get("@address") or "") else "ipv4"


_IPS = Items(
    name="ips",
    at="ip",
    doc="The subnets that QEMU's own NAT gives the guest (type user), at most one of each family.",
    fields=(
        Field(name="address", at="@address", codec=_IP, doc="The subnet's address.", example="172.17.2.0", must=True),
        Field(name="prefix", at="@prefix", codec=integer(0, 128), doc="The length of the subnet's prefix.", example=24),
    ),
    derive=_family,
    derived={"@family": "address"},
    example=[{"address": "172.17.2.0", "prefix": 24}],
)

_VLAN = Group(
    name="vlan",
    doc="The VLANs of the interface, where the switch behind it knows them (Open vSwitch, SR-IOV).",
    fields=(
        Field(
            name="trunk",
            at="vlan@trunk",
            codec=YES_NO,
            doc="Whether frames arrive tagged; always so with several tags.",
            example=True,
            implied="no",
        ),
        Items(
            name="tags",
            at="vlan/tag",
            doc="VLAN IDs.",
            key="id",
            short="id",
            fields=(
                Field(name="id", at="@id", codec=integer(0, 4095), doc="The VLAN's ID.", example=42, must=True),
                Field(
                    name="native",
                    at="@nativeMode",
                    codec=choice("tagged", "untagged"),
                    doc="Makes this the trunk's native VLAN.",
                    example="untagged",
                ),
            ),
            example=[42, {"id": 47, "native": "untagged"}],
        ),
    ),
    example={"tags": [42]},
)


def _bandwidth(name: str, xml: str, direction: str) -> Group:
    at = f"bandwidth/{xml}"
    unit = "KiB per second"
    return Group(
        name=name,
        doc=f"The limit on what {direction}.",
        fields=(
            Field(
                name="average",
                at=f"{at}@average",
                codec=integer(1, unit=unit),
                doc="The rate in the long run.",
                example=1000,
            ),
            Field(name="peak", at=f"{at}@peak", codec=integer(1, unit=unit), doc="The rate of a burst.", example=5000),
            Field(
                name="burst",
                at=f"{at}@burst",
                codec=integer(1, unit="KiB"),
                doc="How much may pass at the peak rate.",
                example=1024,
            ),
            Field(
                name="floor",
                at=f"{at}@floor",
                codec=integer(1, unit=unit),
                doc="The rate that is held free for this interface, on a network with a limit of its own.",
                example=200,
            ),
        )[: 4 if xml == "inbound" else 3],
        example={"average": 1000, "peak": 5000},
    )


_FILTER = Group(
    name="filter",
    doc="The network filter in front of the interface.",
    fields=(
        Field(
            name="name",
            at="filterref@filter",
            codec=TEXT,
            doc="The filter's name.",
            example="clean-traffic",
            must=True,
            whole=True,
        ),
        Items(
            name="parameters",
            at="filterref/parameter",
            doc="Values for the filter's variables; a variable may be given several times.",
            key="name",
            fields=(
                Field(
                    name="name",
                    at="@name",
                    codec=text(pattern="[A-Za-z0-9_]+"),
                    doc="The variable.",
                    example="IP",
                    must=True,
                ),
                Field(
                    name="value",
                    at="@value",
                    codec=text(pattern="[A-Za-z0-9_.:]+"),
                    doc="Its value.",
                    example="10.0.0.7",
                    must=True,
                ),
            ),
            example=[{"name": "IP", "value": "10.0.0.7"}],
        ),
    ),
    short=("name",),
    example={"name": "clean-traffic", "parameters": [{"name": "IP", "value": "10.0.0.7"}]},
)

TRAFFIC: tuple[Node, ...] = (
    Field(
        name="link",
        at="link@state",
        codec=choice("up", "down"),
        doc="Whether the guest sees a cable.",
        example="down",
        implied="up",
    ),
    Field(
        name="mtu",
        at="mtu@size",
        codec=integer(68, 65535, unit="bytes"),
        doc="The largest packet on the host's side; a virtio card tells the guest.",
        example=9000,
    ),
    _VLAN,
    _bandwidth("inbound", "inbound", "reaches the guest"),
    _bandwidth("outbound", "outbound", "leaves the guest"),
    _FILTER,
    VIRTUAL_PORT,
    _IPS,
    boot_order(),
    Field(
        name="target",
        at="target@dev",
        codec=_TARGET,
        doc="What the host calls its end; vnet and a number if not given.",
        example="web-1-lan",
    ),
    Field(
        name="targetManaged",
        at="target@managed",
        codec=YES_NO,
        doc="Whether libvirt makes the tap device of an ethernet interface.",
        example=False,
    ),
    Field(
        name="script",
        at="script@path",
        codec=TEXT,
        doc="A program that the host runs to set up an ethernet interface.",
        example="/etc/qemu-ifup",
    ),
    Field(
        name="isolated",
        at="port@isolated",
        codec=YES_NO,
        doc="Whether other isolated interfaces on the same bridge are out of reach.",
        example=True,
        implied="no",
    ),
    Field(
        name="trustGuestRxFilters",
        at="@trustGuestRxFilters",
        codec=YES_NO,
        doc="Whether the guest may change the MAC address and the multicast filter of its macvtap device.",
        example=True,
        implied="no",
    ),
    Field(
        name="teaming",
        at="teaming@type",
        codec=only("persistent"),
        doc="Makes this the half of a failover pair that stays when the other leaves for a migration.",
        example="persistent",
    ),
    Field(
        name="coalesce",
        at="coalesce/rx/frames@max",
        codec=integer(0, unit="packets"),
        doc="How many packets the host gathers before it wakes the guest.",
        example=64,
    ),
    Field(
        name="sendBuffer",
        at="tune/sndbuf",
        codec=integer(0, unit="bytes"),
        doc="How much may wait in the tap device's send buffer.",
        example=1600,
    ),
    Field(
        name="romFile", at="rom@file", codec=TEXT, doc="The boot ROM that the card carries.", example="/srv/ipxe.rom"
    ),
    Field(name="rom", at="rom@enabled", codec=YES_NO, doc="Whether the card carries a boot ROM at all.", example=False),
    Field(name="romBar", at="rom@bar", codec=ON_OFF, doc="Whether the guest can see the boot ROM.", example=True),
    *CARD,
)
