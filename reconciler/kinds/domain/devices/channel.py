"""Channels between host and guest: the guest agent's, SPICE's, and any other by name."""

from __future__ import annotations

from reconciler.codecs import PRESENT, YES_NO, choice, integer, text
from reconciler.fields import Field, Items, Node
from reconciler.kinds.domain.devices.character import KINDS, character, connects
from reconciler.kinds.domain.devices.codecs import boot_order
from reconciler.model.documents import Address

AGENT = "org.qemu.guest_agent.0"
AGENT_AT = f"devices/channel[{AGENT}]"
# What a guest agent's channel is made of; libvirt chooses the socket (formatdomain, "Channel").
AGENT_BORN: dict[Address, str] = {
    f"{AGENT_AT}@type": "unix",
    f"{AGENT_AT}/target@type": "virtio",
    f"{AGENT_AT}/target@name": AGENT,
}

GUEST_AGENT = Field(
    name="guestAgent",
    at=AGENT_AT,
    codec=PRESENT,
    doc="Whether there is a channel for the QEMU guest agent, which makes gentle shutdown and consistent backups work.",
    example=True,
)

_CHANNEL: tuple[Node, ...] = (
    Field(
        name="name",
        at="target@name",
        codec=text(pattern=r"[A-Za-z0-9_.-]+"),
        doc="The name that the guest finds the channel by, under /dev/virtio-ports.",
        example="org.example.0",
    ),
    *character(KINDS),
    Field(
        name="target",
        at="target@type",
        codec=choice("virtio", "guestfwd", "xen"),
        doc="How the guest reaches it; virtio if not given.",
        example="virtio",
        keep=True,
    ),
    Field(
        name="guestAddress",
        when=(("target", ("guestfwd",)),),
        at="target@address",
        codec=text(pattern=r"[0-9.]+"),
        doc="The address inside the guest's network that is forwarded (guestfwd).",
        example="10.0.2.1",
    ),
    Field(
        name="guestPort",
        when=(("target", ("guestfwd",)),),
        at="target@port",
        codec=integer(1, 65535),
        doc="The port inside the guest's network that is forwarded (guestfwd).",
        example=4600,
    ),
    Field(
        name="clipboard",
        when=(("type", ("qemu-vdagent",)),),
        at="source/clipboard@copypaste",
        codec=YES_NO,
        doc="Whether a qemu-vdagent channel shares the clipboard.",
        example=True,
    ),
    Field(
        name="mouse",
        when=(("type", ("qemu-vdagent",)),),
        at="source/mouse@mode",
        codec=choice("server", "client"),
        doc="Who draws the pointer on a qemu-vdagent channel.",
        example="client",
    ),
)


def _derive(claims: dict[Address, str | None]) -> None:
    connects(claims)
    claims.setdefault("target@type", "guestfwd" if "target@address" in claims else "virtio")


CHANNELS = Items(
    name="channels",
    at="devices/channel",
    doc="Channels between host and guest; the guest agent's is `guestAgent`.",
    key="name",
    fields=_CHANNEL,
    derive=_derive,
    example=[{"name": "org.example.0", "type": "unix", "mode": "bind", "path": "/run/web-1.sock"}],
)

REDIRECTIONS = Items(
    name="usbRedirections",
    at="devices/redirdev",
    doc="Free USB sockets that a viewer may plug devices into.",
    short="type",
    fields=(*character(("spicevmc", "tcp", "unix", "pty", "dbus")), boot_order()),
    derive=lambda claims: claims.update({"@bus": "usb"}),
    derived={"@bus": "type"},
    example=["spicevmc"],
)
