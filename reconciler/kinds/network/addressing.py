"""The fields of a network's addresses, DHCP, DNS and routes."""

from __future__ import annotations

from reconciler.codecs import MAC, NAME, PATH, TEXT, YES_NO, choice, integer
from reconciler.fields import Field, Group, Items
from reconciler.kinds.network.codecs import DNS_NAME, IP, LEASE
from reconciler.model.documents import Address


def _family(claims: dict[Address, str | None]) -> None:
    """libvirt takes an address for IPv4 unless its family is written (formatnetwork, "Addressing")."""
    if ":" in (claims.get("@address") or ""):
        claims["@family"] = "ipv6"


def _lease_unit(claims: dict[Address, str | None]) -> None:
    if "lease@expiry" in claims:
        claims["lease@unit"] = "seconds"


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
                Field(name="port", at="@port", codec=integer(1, 65535), doc="The port it listens on.", example=389),
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
