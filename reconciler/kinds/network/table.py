"""The field table of networks."""

from __future__ import annotations

from reconciler.definitions import POLICY
from reconciler.fields import (
    ADDRESS,
    MAC,
    NAME,
    PATH,
    TEXT,
    YES_NO,
    Codec,
    Field,
    Group,
    Items,
    Json,
    Node,
    choice,
    index,
    integer,
    text,
)
from reconciler.kinds.network.xml import ISOLATED, spell_address
from reconciler.markup import NAMESPACES, canonical
from reconciler.markup import parse as parse_xml
from reconciler.model.documents import Address
from reconciler.model.quantities import DURATION_PATTERN, parse_duration

DNSMASQ = NAMESPACES["dnsmasq"]
FOREVER = "infinite"
ON_OFF_FLAG = Codec(
    schema=YES_NO.schema, lower=lambda value: "on" if value else "off", lift=lambda value: value == "on"
)
IP = Codec(
    schema=ADDRESS.schema, lower=lambda value: spell_address(str(value)), lift=lambda value: value, unit=ADDRESS.unit
)
DEVICE = text(pattern=r"[^/\x00-\x20]{1,15}", unit="name of a network device, at most 15 characters")
DNS_NAME = text(pattern=r"[A-Za-z0-9_.-]+")


def _lift_lease(value: str) -> Json:
    seconds = int(value)
    unit, factor = next((pair for pair in (("h", 3600), ("m", 60)) if seconds % pair[1] == 0), ("s", 1))
    return f"{seconds // factor}{unit}" if seconds else FOREVER


LEASE = Codec(
    schema={"type": "string", "pattern": f"{DURATION_PATTERN}|^{FOREVER}$"},
    lower=lambda value: "0" if value == FOREVER else str(parse_duration(str(value))),
    lift=_lift_lease,
)


def _lower_options(value: Json) -> str | None:
    root = parse_xml(f'<d:options xmlns:d="{DNSMASQ}"/>')
    for option in value if isinstance(value, list) else []:
        root.append(root.makeelement(f"{{{DNSMASQ}}}option", {"value": str(option)}))
    return canonical(root) if len(root) else None


DNSMASQ_OPTIONS = Codec(
    schema={"type": "array", "items": {"type": "string", "minLength": 1}},
    lower=_lower_options,
    lift=lambda value: [option.get("value", "") for option in parse_xml(value)],
)


def _family(claims: dict[Address, str | None]) -> None:
    """libvirt takes an address for IPv4 unless its family is written (formatnetwork, "Addressing")."""
    if ":" in (claims.get("@address") or ""):
        claims["@family"] = "ipv6"


def _lease_unit(claims: dict[Address, str | None]) -> None:
    if "lease@expiry" in claims:
        claims["lease@unit"] = "seconds"


def _rate(name: str, doc: str) -> Group:
    leaf = f"bandwidth/{name}"
    speed = integer(1, unit="KiB per second")
    return Group(
        name=name,
        doc=doc,
        fields=(
            Field(name="average", at=f"{leaf}@average", codec=speed, doc="The rate in the long run.", example=1000),
            Field(name="peak", at=f"{leaf}@peak", codec=speed, doc="The rate of a burst.", example=5000),
            Field(
                name="burst",
                at=f"{leaf}@burst",
                codec=integer(1, unit="KiB"),
                doc="How much at peak rate.",
                example=1024,
            ),
        ),
    )


BANDWIDTH = Group(
    name="bandwidth",
    doc="Limits of traffic; for a network it is what all its guests share.",
    fields=(_rate("inbound", "To the guests."), _rate("outbound", "From the guests.")),
    example={"inbound": {"average": 1000, "peak": 5000, "burst": 1024}},
)
VLAN = Group(
    name="vlan",
    doc="VLAN tags, for networks on Open vSwitch or SR-IOV devices.",
    fields=(
        Field(
            name="trunk", at="vlan@trunk", codec=YES_NO, doc="Pass several tags through.", example=True, implied="no"
        ),
        Items(
            name="tags",
            at="vlan/tag",
            doc="The tags.",
            key="id",
            short="id",
            fields=(
                Field(name="id", at="@id", codec=integer(0, 4095), doc="The tag.", example=42),
                Field(
                    name="nativeMode",
                    at="@nativeMode",
                    codec=choice("tagged", "untagged"),
                    doc="How untagged traffic of a trunk is treated.",
                    example="untagged",
                ),
            ),
            example=[42],
        ),
    ),
    example={"tags": [42]},
)
FORWARD = Group(
    name="forward",
    doc="How the network reaches the world.",
    short=("mode",),
    fields=(
        Field(
            name="mode",
            at="forward@mode",
            codec=choice("nat", "route", "open", ISOLATED, "bridge", "private", "vepa", "passthrough", "hostdev"),
            doc="isolated reaches nothing; nat, route and open have a bridge of libvirt's; others use the host's.",
            example="nat",
        ),
        Items(
            name="interfaces",
            at="forward/interface",
            doc="The host's devices that traffic goes through.",
            key="dev",
            short="dev",
            fields=(Field(name="dev", at="@dev", codec=DEVICE, doc="A network device of the host.", example="eth0"),),
            example=["eth0"],
        ),
        Group(
            name="nat",
            doc="Address translation.",
            fields=(
                Field(
                    name="ipv6", at="forward/nat@ipv6", codec=YES_NO, doc="For IPv6 too.", example=True, implied="no"
                ),
                Group(
                    name="addresses",
                    doc="The addresses that guests appear with; without it the host's own.",
                    fields=(
                        Field(
                            name="start",
                            at="forward/nat/address@start",
                            codec=IP,
                            doc="The first.",
                            example="192.0.2.1",
                            must=True,
                            whole=True,
                        ),
                        Field(
                            name="end",
                            at="forward/nat/address@end",
                            codec=IP,
                            doc="The last.",
                            example="192.0.2.9",
                            must=True,
                            whole=True,
                        ),
                    ),
                ),
                Group(
                    name="ports",
                    doc="The ports that guests appear with.",
                    fields=(
                        Field(
                            name="start",
                            at="forward/nat/port@start",
                            codec=integer(1, 65535),
                            doc="The first.",
                            example=1024,
                            must=True,
                            whole=True,
                            implied="1024",
                        ),
                        Field(
                            name="end",
                            at="forward/nat/port@end",
                            codec=integer(1, 65535),
                            doc="The last.",
                            example=65535,
                            must=True,
                            whole=True,
                            implied="65535",
                        ),
                    ),
                ),
            ),
        ),
        Field(
            name="managed",
            at="forward@managed",
            codec=YES_NO,
            doc="Detach hostdev devices from the host when used.",
            example=True,
            implied="no",
        ),
        Field(
            name="physicalFunction",
            at="forward/pf@dev",
            codec=DEVICE,
            doc="Use all virtual functions of this device.",
            example="eth0",
            whole=True,
        ),
        Field(
            name="driver",
            at="forward/driver@name",
            codec=choice("vfio", "kvm"),
            doc="How devices are handed over.",
            example="vfio",
            whole=True,
        ),
    ),
    example={"mode": "nat"},
)
BRIDGE = Group(
    name="bridge",
    doc="The bridge that carries the network; libvirt names one virbrN if nothing is written.",
    short=("name",),
    fields=(
        Field(name="name", at="bridge@name", codec=DEVICE, doc="Its device.", example="virbr7", keep=True),
        Field(
            name="stp", at="bridge@stp", codec=ON_OFF_FLAG, doc="Spanning tree protocol.", example=True, implied="on"
        ),
        Field(
            name="delay",
            at="bridge@delay",
            codec=integer(0, unit="seconds"),
            doc="Forward delay.",
            example=0,
            implied="0",
        ),
        Field(
            name="macTableManager",
            at="bridge@macTableManager",
            codec=choice("kernel", "libvirt"),
            doc="Who fills the bridge's table of MAC addresses.",
            example="libvirt",
            implied="kernel",
        ),
        Field(name="zone", at="bridge@zone", codec=NAME, doc="The firewalld zone.", example="libvirt"),
    ),
    example={"name": "virbr7"},
)
DNS = Group(
    name="dns",
    doc="The network's DNS server.",
    fields=(
        Field(name="enable", at="dns@enable", codec=YES_NO, doc="Whether there is one.", example=True, implied="yes"),
        Field(
            name="forwardPlainNames",
            at="dns@forwardPlainNames",
            codec=YES_NO,
            doc="Ask the host's servers about names without a dot.",
            example=False,
            implied="yes",
        ),
        Items(
            name="forwarders",
            at="dns/forwarder",
            doc="Where other names are looked up.",
            short="address",
            fields=(
                Field(name="address", at="@addr", codec=IP, doc="A DNS server.", example="192.0.2.53"),
                Field(
                    name="domain",
                    at="@domain",
                    codec=DNS_NAME,
                    doc="Only for names of this domain.",
                    example="example.com",
                ),
            ),
            example=["192.0.2.53"],
        ),
        Items(
            name="hosts",
            at="dns/host",
            doc="Names for addresses.",
            key="ip",
            fields=(
                Field(name="ip", at="@ip", codec=IP, doc="The address.", example="10.17.3.2", must=True, whole=True),
                Items(
                    name="names",
                    at="hostname",
                    doc="Its names.",
                    key="name",
                    short="name",
                    fields=(Field(name="name", at="", codec=DNS_NAME, doc="A name.", example="db"),),
                    example=["db", "db.example.com"],
                ),
            ),
            example=[{"ip": "10.17.3.2", "names": ["db"]}],
        ),
        Items(
            name="txt",
            at="dns/txt",
            doc="TXT records.",
            key="name",
            fields=(
                Field(
                    name="name", at="@name", codec=DNS_NAME, doc="The name.", example="example", must=True, whole=True
                ),
                Field(name="value", at="@value", codec=TEXT, doc="The text.", example="hello", must=True, whole=True),
            ),
            example=[{"name": "example", "value": "hello"}],
        ),
        Items(
            name="srv",
            at="dns/srv",
            doc="SRV records.",
            fields=(
                Field(
                    name="service", at="@service", codec=NAME, doc="The service.", example="ldap", must=True, whole=True
                ),
                Field(
                    name="protocol",
                    at="@protocol",
                    codec=choice("tcp", "udp"),
                    doc="The protocol.",
                    example="tcp",
                    must=True,
                    whole=True,
                ),
                Field(name="domain", at="@domain", codec=DNS_NAME, doc="Its domain.", example="example.com"),
                Field(name="target", at="@target", codec=DNS_NAME, doc="Who serves it.", example="ldap.example.com"),
                Field(name="port", at="@port", codec=integer(1, 65535), doc="Where.", example=389),
                Field(
                    name="priority", at="@priority", codec=integer(0, 65535), doc="Lower is asked first.", example=10
                ),
                Field(name="weight", at="@weight", codec=integer(0, 65535), doc="Share among equals.", example=10),
            ),
            example=[{"service": "ldap", "protocol": "tcp", "target": "ldap.example.com", "port": 389}],
        ),
    ),
    example={"hosts": [{"ip": "10.17.3.2", "names": ["db"]}]},
)
LEASE_TIME = Field(
    name="leaseTime",
    at="lease@expiry",
    codec=LEASE,
    doc="How long an address is lent; infinite, or two minutes at least.",
    example="12h",
    whole=True,
)
DHCP = Group(
    name="dhcp",
    doc="Addresses given out.",
    fields=(
        Items(
            name="ranges",
            at="dhcp/range",
            doc="Addresses for anybody.",
            key="start",
            derive=_lease_unit,
            fields=(
                Field(
                    name="start", at="@start", codec=IP, doc="The first.", example="10.17.3.100", must=True, whole=True
                ),
                Field(name="end", at="@end", codec=IP, doc="The last.", example="10.17.3.199", must=True, whole=True),
                LEASE_TIME,
            ),
            example=[{"start": "10.17.3.100", "end": "10.17.3.199"}],
        ),
        Items(
            name="hosts",
            at="dhcp/host",
            doc="Addresses for certain machines, known by mac, id (IPv6) or name.",
            key="ip",
            derive=_lease_unit,
            fields=(
                Field(name="ip", at="@ip", codec=IP, doc="The address.", example="10.17.3.2", must=True, whole=True),
                Field(name="mac", at="@mac", codec=MAC, doc="The machine's MAC address.", example="52:54:00:12:34:56"),
                Field(
                    name="id",
                    at="@id",
                    codec=TEXT,
                    doc="The machine's DHCPv6 unique identifier.",
                    example="0:1:0:1:18:aa:62:fe:0:16:3e:44:55:66",
                ),
                Field(name="name", at="@name", codec=TEXT, doc="The machine's name.", example="db"),
                LEASE_TIME,
            ),
            example=[{"ip": "10.17.3.2", "mac": "52:54:00:12:34:56", "name": "db"}],
        ),
        Group(
            name="bootp",
            doc="What machines boot from over the network.",
            fields=(
                Field(
                    name="file",
                    at="dhcp/bootp@file",
                    codec=TEXT,
                    doc="The file.",
                    example="pxelinux.0",
                    must=True,
                    whole=True,
                ),
                Field(
                    name="server",
                    at="dhcp/bootp@server",
                    codec=TEXT,
                    doc="Its server, if not this network.",
                    example="192.0.2.5",
                ),
            ),
        ),
    ),
)
IPS = Items(
    name="ips",
    at="ip",
    doc="The host's own addresses on the network, and what it gives out for each.",
    key="address",
    derive=_family,
    fields=(
        Field(
            name="address",
            at="@address",
            codec=IP,
            doc="The host's address.",
            example="10.17.3.1",
            must=True,
            whole=True,
        ),
        Field(
            name="prefix",
            at="@prefix",
            codec=integer(0, 128, unit="bits"),
            doc="The length of the network's prefix.",
            example=24,
        ),
        Field(
            name="localPtr",
            at="@localPtr",
            codec=YES_NO,
            doc="Do not forward reverse lookups.",
            example=True,
            implied="no",
        ),
        Field(
            name="tftp", at="tftp@root", codec=PATH, doc="A directory served by TFTP.", example="/srv/tftp", whole=True
        ),
        DHCP,
    ),
    example=[
        {"address": "10.17.3.1", "prefix": 24, "dhcp": {"ranges": [{"start": "10.17.3.100", "end": "10.17.3.199"}]}}
    ],
)
ROUTES = Items(
    name="routes",
    at="route",
    doc="Routes through the network that the host adds to its table.",
    key="address",
    derive=_family,
    fields=(
        Field(name="address", at="@address", codec=IP, doc="Where to.", example="10.18.0.0", must=True, whole=True),
        Field(
            name="prefix", at="@prefix", codec=integer(0, 128, unit="bits"), doc="The length of its prefix.", example=16
        ),
        Field(name="gateway", at="@gateway", codec=IP, doc="Through whom.", example="10.17.3.2", must=True, whole=True),
        Field(name="metric", at="@metric", codec=integer(1), doc="Lower is preferred.", example=2),
    ),
    example=[{"address": "10.18.0.0", "prefix": 16, "gateway": "10.17.3.2"}],
)
TRUST = Field(
    name="trustGuestRxFilters",
    at="@trustGuestRxFilters",
    codec=YES_NO,
    doc="Accept the MAC addresses and filters that a guest sets.",
    example=False,
    implied="no",
)
PORTGROUPS = Items(
    name="portgroups",
    at="portgroup",
    doc="Named sets of settings that interfaces choose from.",
    key="name",
    fields=(
        Field(name="name", at="@name", codec=NAME, doc="Its name.", example="engineering", must=True, whole=True),
        Field(
            name="default",
            at="@default",
            codec=YES_NO,
            doc="For interfaces that choose none.",
            example=True,
            implied="no",
        ),
        TRUST,
        BANDWIDTH,
        VLAN,
    ),
    example=[{"name": "engineering", "default": True}],
)
FIELDS: tuple[Node, ...] = (
    Field(
        name="active",
        at="!active",
        codec=YES_NO,
        doc="Whether the network runs; true unless written.",
        example=True,
        keep=True,
    ),
    Field(name="autostart", at="!autostart", codec=YES_NO, doc="Whether it comes up with its host.", example=True),
    FORWARD,
    BRIDGE,
    Field(
        name="mac",
        at="mac@address",
        codec=MAC,
        doc="The bridge's MAC address; libvirt makes one.",
        example="52:54:00:12:34:56",
        keep=True,
    ),
    Field(
        name="mtu",
        at="mtu@size",
        codec=integer(68, 65535, unit="bytes"),
        doc="The largest packet.",
        example=9000,
        whole=True,
    ),
    Group(
        name="domain",
        doc="The DNS domain of the network.",
        short=("name",),
        fields=(
            Field(
                name="name",
                at="domain@name",
                codec=DNS_NAME,
                doc="The domain.",
                example="lab.example.com",
                must=True,
                whole=True,
            ),
            Field(
                name="localOnly",
                at="domain@localOnly",
                codec=YES_NO,
                doc="Never forward its names.",
                example=True,
                implied="no",
            ),
        ),
        example="lab.example.com",
    ),
    DNS,
    IPS,
    ROUTES,
    PORTGROUPS,
    BANDWIDTH,
    VLAN,
    Field(
        name="isolatedPorts",
        at="port@isolated",
        codec=YES_NO,
        doc="Guests cannot reach each other.",
        example=True,
        implied="no",
    ),
    Field(
        name="ipv6",
        at="@ipv6",
        codec=YES_NO,
        doc="Guests reach each other by IPv6 without any IPv6 address here.",
        example=True,
        implied="no",
    ),
    TRUST,
    Field(
        name="dnsmasqOptions",
        at="dnsmasq:options",
        codec=DNSMASQ_OPTIONS,
        doc="Lines for dnsmasq's own configuration.",
        example=["log-queries"],
    ),
    *POLICY,
)
TABLE = index(FIELDS)
