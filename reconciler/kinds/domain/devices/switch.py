"""The port profile that a switch applies to an interface."""

from __future__ import annotations

from reconciler.codecs import UUID, choice, integer, text
from reconciler.fields import Field, Group

VIRTUAL_PORT = Group(
    name="virtualPort",
    doc="The port profile that the switch applies.",
    fields=(
        Field(
            name="type",
            at="virtualport@type",
            codec=choice("openvswitch", "802.1Qbg", "802.1Qbh", "midonet"),
            doc="The kind of switch.",
            example="openvswitch",
            must=True,
            whole=True,
        ),
        Field(
            name="profile",
            when=(("type", ("openvswitch", "802.1Qbh")),),
            at="virtualport/parameters@profileid",
            codec=text(pattern=r"[A-Za-z0-9_.-]{1,39}"),
            doc="The port profile's name (openvswitch, 802.1Qbh).",
            example="web",
        ),
        Field(
            name="interface",
            when=(("type", ("openvswitch", "midonet")),),
            at="virtualport/parameters@interfaceid",
            codec=UUID,
            doc="The UUID that the switch knows the port by (openvswitch, midonet).",
            example="09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f",
            keep=True,
        ),
        Field(
            name="manager",
            when=(("type", ("802.1Qbg",)),),
            at="virtualport/parameters@managerid",
            codec=integer(0, 255),
            doc="The VSI manager (802.1Qbg).",
            example=11,
        ),
        Field(
            name="typeId",
            when=(("type", ("802.1Qbg",)),),
            at="virtualport/parameters@typeid",
            codec=integer(0, 16777215),
            doc="The VSI type (802.1Qbg).",
            example=1193047,
        ),
        Field(
            name="typeVersion",
            when=(("type", ("802.1Qbg",)),),
            at="virtualport/parameters@typeidversion",
            codec=integer(0, 255),
            doc="The version of the VSI type (802.1Qbg).",
            example=2,
        ),
        Field(
            name="instance",
            when=(("type", ("802.1Qbg",)),),
            at="virtualport/parameters@instanceid",
            codec=UUID,
            doc="The VSI instance (802.1Qbg).",
            example="09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f",
            keep=True,
        ),
    ),
    short=("type",),
    example={"type": "openvswitch"},
)
