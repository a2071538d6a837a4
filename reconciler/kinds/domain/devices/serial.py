"""Serial and parallel ports, and consoles."""

from __future__ import annotations

from reconciler.codecs import choice, integer
from reconciler.fields import Field, Items, Node
from reconciler.kinds.domain.devices.character import KINDS, character, connects

_HOST_SIDE = tuple(kind for kind in KINDS if kind not in ("spicevmc", "qemu-vdagent"))

_SERIAL: tuple[Node, ...] = (
    *character(_HOST_SIDE),
    Field(
        name="target",
        at="target@type",
        codec=choice(
            "isa-serial",
            "pci-serial",
            "usb-serial",
            "isa-debug",
            "system-serial",
            "spapr-vio-serial",
            "sclp-serial",
        ),
        doc="The bus of the serial port; which there are depends on the machine.",
        example="isa-serial",
        keep=True,
    ),
    Field(
        name="targetPort",
        at="target@port",
        codec=integer(0),
        doc="The number of the port; 0 is the guest's ttyS0.",
        example=0,
        keep=True,
    ),
)

SERIALS = Items(
    name="serials",
    at="devices/serial",
    doc="Serial ports; a new machine has one, [] keeps it from that.",
    short="type",
    # libvirt adds the serial port that a first console stands for.
    owned=False,
    none=True,
    fields=_SERIAL,
    derive=connects,
    example=[{"type": "file", "path": "/var/log/web-1.console"}],
)

PARALLELS = Items(
    name="parallels",
    at="devices/parallel",
    doc="Parallel ports.",
    short="type",
    fields=(
        *character(_HOST_SIDE),
        Field(
            name="targetPort",
            at="target@port",
            codec=integer(0),
            doc="The number of the port; 0 is the guest's lp0.",
            example=0,
            keep=True,
        ),
    ),
    derive=connects,
    example=["pty"],
)

CONSOLES = Items(
    name="consoles",
    at="devices/console",
    doc="Consoles; libvirt mirrors the first serial port here.",
    key="target",
    short="type",
    owned=False,
    fields=(
        *character(_HOST_SIDE),
        Field(
            name="target",
            at="target@type",
            codec=choice("serial", "virtio", "xen", "sclp", "sclplm", "lxc", "openvz"),
            doc="What kind of console the guest sees: serial if unsaid; virtio is its hvc0.",
            example="virtio",
            keep=True,
            implied="serial",
        ),
    ),
    derive=connects,
    example=[{"type": "pty", "target": "serial"}],
)
