"""Screens that people look at from outside: VNC, SPICE and QEMU's other displays."""

from __future__ import annotations

from reconciler.codecs import NAME, PATH, TEXT, YES_NO, Codec, choice, text
from reconciler.fields import Field, Group, Items, Node
from reconciler.kinds.domain.devices.codecs import HOST_NAME, PORT, only
from reconciler.kinds.domain.devices.spice import SPICE
from reconciler.model.documents import Address

_TIME = text(pattern=r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", unit="moment in UTC")

_LISTEN = Group(
    name="listen",
    when=(("type", ("vnc", "spice", "rdp")),),
    doc="Where the server listens; the host's qemu.conf decides if not given.",
    fields=(
        Field(
            name="address", at="listen@address", codec=HOST_NAME, doc="The address to listen on.", example="127.0.0.1"
        ),
        Field(
            name="network",
            at="listen@network",
            codec=NAME,
            doc="The libvirt network on whose host address to listen.",
            example="default",
        ),
        Field(
            name="socket", at="listen@socket", codec=PATH, doc="The unix socket to listen on.", example="/run/web-1.vnc"
        ),
        Field(
            name="type",
            at="listen@type",
            codec=only("socket", "none"),
            doc="How to listen, where nothing above says it: a socket of libvirt's own choice, or not at all.",
            example="none",
            keep=True,
        ),
    ),
    short=("address",),
    example="127.0.0.1",
)

_GL = Group(
    name="gl",
    when=(
        (
            "type",
            ("spice", "sdl", "egl-headless", "dbus"),
        ),
    ),
    doc="Whether frames are drawn by the host's GPU (spice, sdl, egl-headless, dbus).",
    fields=(
        Field(name="enable", at="gl@enable", codec=YES_NO, doc="Whether OpenGL is used.", example=True),
        Field(
            name="renderNode",
            at="gl@rendernode",
            codec=PATH,
            doc="The GPU to draw with.",
            example="/dev/dri/renderD128",
        ),
    ),
    short=("enable",),
    example=True,
)

_SERVER: tuple[Node, ...] = (
    Field(
        name="type",
        at="@type",
        codec=choice("vnc", "spice", "sdl", "egl-headless", "dbus", "rdp", "desktop"),
        doc="The kind of display; a domain has one of each at most.",
        example="vnc",
        must=True,
    ),
    Field(
        name="port",
        when=(("type", ("vnc", "spice", "rdp")), ("autoport", (False,))),
        at="@port",
        codec=PORT,
        doc="The TCP port of a VNC, SPICE or RDP server.",
        example=5901,
    ),
    Field(
        name="tlsPort",
        when=(("type", ("spice",)), ("autoport", (False,))),
        at="@tlsPort",
        codec=PORT,
        doc="The TCP port for encrypted SPICE, which qemu.conf has to allow.",
        example=5902,
    ),
    Field(
        name="autoport",
        when=(("type", ("vnc", "spice", "rdp")),),
        at="@autoport",
        codec=YES_NO,
        doc="Whether libvirt picks a free port at each start; so it is if no port is given.",
        example=True,
        keep=True,
    ),
    _LISTEN,
    Field(
        name="password",
        when=(
            (
                "type",
                ("vnc", "spice"),
            ),
        ),
        at="@passwd",
        codec=TEXT,
        doc="What a viewer must know; VNC looks at the first eight characters.",
        example="secret",
        secret=True,
    ),
    Field(
        name="passwordValidTo",
        when=(
            (
                "type",
                ("vnc", "spice"),
            ),
        ),
        at="@passwdValidTo",
        codec=_TIME,
        doc="When the password stops being accepted.",
        example="2027-01-01T00:00:00",
    ),
    Field(
        name="connected",
        when=(
            (
                "type",
                ("vnc", "spice"),
            ),
        ),
        at="@connected",
        codec=choice("keep", "disconnect", "fail"),
        doc="What happens to a connected viewer when the password changes (VNC: keep only).",
        example="keep",
    ),
    Field(
        name="keymap",
        when=(
            (
                "type",
                ("vnc", "spice"),
            ),
        ),
        at="@keymap",
        codec=text(pattern="[A-Za-z0-9-]+"),
        doc="The keyboard layout.",
        example="de",
    ),
)

_VNC: tuple[Node, ...] = (
    Field(
        name="sharePolicy",
        when=(("type", ("vnc",)),),
        at="@sharePolicy",
        codec=choice("allow-exclusive", "force-shared", "ignore"),
        doc="Whether a VNC viewer may shut others out.",
        example="force-shared",
    ),
    Field(
        name="websocket",
        when=(("type", ("vnc",)),),
        at="@websocket",
        codec=PORT,
        doc="The port for VNC inside a WebSocket.",
        example=5701,
    ),
    Field(
        name="powerControl",
        when=(("type", ("vnc",)),),
        at="@powerControl",
        codec=YES_NO,
        doc="Whether a VNC viewer may shut down and reset the guest.",
        example=False,
    ),
)

# libvirt takes no address beside p2p, not even beside p2p='no'.
_PEERS = Codec(
    schema={"type": "boolean"},
    lower=lambda value: "yes" if value else None,
    lift=lambda value: value == "yes",
)

_LOCAL: tuple[Node, ...] = (
    _GL,
    Field(
        name="display",
        when=(
            (
                "type",
                ("sdl", "desktop"),
            ),
        ),
        at="@display",
        codec=TEXT,
        doc="The X display of an SDL or desktop window.",
        example=":0.0",
    ),
    Field(
        name="xauth",
        when=(("type", ("sdl",)),),
        at="@xauth",
        codec=PATH,
        doc="The X authority file of an SDL window.",
        example="/root/.Xauthority",
    ),
    Field(
        name="fullscreen",
        when=(
            (
                "type",
                ("sdl", "desktop"),
            ),
        ),
        at="@fullscreen",
        codec=YES_NO,
        doc="Whether an SDL or desktop window fills the screen.",
        example=True,
        implied="no",
    ),
    Field(
        name="peerToPeer",
        when=(("type", ("dbus",)),),
        at="@p2p",
        codec=_PEERS,
        doc="Whether D-Bus viewers connect to QEMU directly.",
        example=True,
        implied="no",
    ),
    Field(
        name="bus",
        when=(("type", ("dbus",)),),
        at="@address",
        codec=TEXT,
        doc="The D-Bus that the display is shown on.",
        example="unix:path=/run/web-1.bus",
    ),
)

_LISTENS: dict[Address, str] = {"listen@address": "address", "listen@network": "network", "listen@socket": "socket"}


def _derive(claims: dict[Address, str | None]) -> None:
    """What libvirt mirrors into older attributes, and refuses when the two disagree (domain_conf.c 9.0)."""
    if "@port" in claims or "@tlsPort" in claims:
        claims.setdefault("@autoport", "no")
    leaf = next((leaf for leaf in _LISTENS if leaf in claims), None)
    if leaf:
        claims["listen@type"] = _LISTENS[leaf]
    if "listen@type" not in claims:
        return
    for other in _LISTENS:
        claims.setdefault(other, None)
    claims["@listen"] = claims["listen@address"]
    if claims["@type"] == "vnc":
        claims["@socket"] = claims["listen@socket"]


GRAPHICS = Items(
    name="graphics",
    at="devices/graphics",
    doc="Screens that people look at from outside.",
    key="type",
    short="type",
    fields=(*_SERVER, *_VNC, *SPICE, *_LOCAL),
    derive=_derive,
    derived={"@listen": "listen", "@socket": "listen"},
    example=[{"type": "vnc", "listen": "127.0.0.1"}],
)
