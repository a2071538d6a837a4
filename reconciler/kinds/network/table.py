"""The field table of networks."""

from __future__ import annotations

from reconciler.codecs import MAC, NAME, YES_NO, choice, integer
from reconciler.entries import index
from reconciler.fields import Field, Group, Items, Node
from reconciler.kinds.network.addressing import DNS, IPS, ROUTES
from reconciler.kinds.network.codecs import DNS_NAME, DNSMASQ_OPTIONS
from reconciler.kinds.network.links import BANDWIDTH, BRIDGE, FORWARD, VLAN
from reconciler.permits import POLICY

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
    Field(
        name="restartPolicy",
        at="!restartPolicy",
        codec=choice("never", "whenRequired"),
        doc="Whether the network may be restarted for changes that need it; its guests lose their link for a moment.",
        example="whenRequired",
        noted=True,
    ),
    *POLICY,
)
TABLE = index(FIELDS)
