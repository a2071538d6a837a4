"""The fields of how a network is carried: forwarding, bridge, limits, VLANs."""

from __future__ import annotations

from reconciler.codecs import NAME, YES_NO, choice, integer
from reconciler.fields import Field, Group, Items
from reconciler.kinds.network.codecs import DEVICE, IP, ON_OFF_FLAG
from reconciler.kinds.network.xml import ISOLATED


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
