"""What character devices share: where their bytes come from and go to."""

from __future__ import annotations

from reconciler.codecs import ON_OFF, PATH, TEXT, YES_NO, choice
from reconciler.fields import Field, Node
from reconciler.kinds.domain.devices.codecs import HOST_NAME, PORT, reconnect
from reconciler.model.documents import Address

KINDS = (
    "pty",
    "tcp",
    "unix",
    "udp",
    "file",
    "pipe",
    "dev",
    "null",
    "stdio",
    "vc",
    "spicevmc",
    "spiceport",
    "dbus",
    "qemu-vdagent",
)

_SOCKETS, _NETWORK, _TCP = ("tcp", "unix", "udp"), ("tcp", "udp"), ("tcp",)


def character(kinds: tuple[str, ...], base: Address = "") -> tuple[Node, ...]:
    """The fields of a character device's host side, of those `kinds` alone; `base` is the element that holds it."""
    under = f"{base}/" if base else ""
    kind = Field(
        name="type",
        at=f"{base}@type",
        codec=choice(*kinds),
        doc="What the device is connected to on the host.",
        example="unix" if "unix" in kinds else kinds[0],
        must=True,
    )
    about = (*_files(under), *_socket(under), *_protocol(under), *_log(under))
    return (kind, *(node for node in about if not node.when or set(node.when[0][1]) & set(kinds)))


def _files(under: Address) -> tuple[Node, ...]:
    return (
        Field(
            name="path",
            at=f"{under}source@path",
            codec=PATH,
            doc="The socket, file, pipe or device on the host.",
            example="/run/web-1.sock",
            when=(("type", ("unix", "file", "pipe", "dev")),),
        ),
        Field(
            name="append",
            at=f"{under}source@append",
            codec=ON_OFF,
            doc="Whether a file is continued rather than emptied.",
            example=True,
            when=(("type", ("file",)),),
        ),
        Field(
            name="channel",
            at=f"{under}source@channel",
            codec=TEXT,
            doc="The name of a spiceport or D-Bus channel.",
            example="org.example.0",
            when=(("type", ("spiceport", "dbus")),),
        ),
    )


def _socket(under: Address) -> tuple[Node, ...]:
    return (
        Field(
            name="mode",
            at=f"{under}source@mode",
            codec=choice("connect", "bind"),
            doc="Whether QEMU connects to the socket or listens on it.",
            example="bind",
            keep=True,
            when=(("type", _SOCKETS),),
        ),
        Field(
            name="host",
            at=f"{under}source@host",
            codec=HOST_NAME,
            doc="The host name or address.",
            example="127.0.0.1",
            when=(("type", _NETWORK),),
        ),
        Field(
            name="port",
            at=f"{under}source@service",
            codec=PORT,
            doc="The port.",
            example=4555,
            when=(("type", _NETWORK),),
        ),
    )


def _protocol(under: Address) -> tuple[Node, ...]:
    return (
        Field(
            name="tls",
            at=f"{under}source@tls",
            codec=YES_NO,
            doc="Whether the connection is encrypted.",
            example=True,
            when=(("type", _TCP),),
        ),
        Field(
            name="protocol",
            at=f"{under}protocol@type",
            codec=choice("raw", "telnet", "telnets", "tls"),
            doc="What is spoken over the connection.",
            example="telnet",
            keep=True,
            when=(("type", _TCP),),
        ),
        *reconnect(f"{under}source", (("type", ("tcp", "unix")),)),
    )


def _log(under: Address) -> tuple[Node, ...]:
    return (
        Field(
            name="logFile",
            at=f"{under}log@file",
            codec=PATH,
            doc="A file on the host that keeps a copy of all output.",
            example="/var/log/web-1.log",
        ),
        Field(
            name="logAppend",
            at=f"{under}log@append",
            codec=ON_OFF,
            doc="Whether the log is continued at the next start rather than emptied.",
            example=True,
        ),
    )


def connects(claims: dict[Address, str | None]) -> None:
    """A UDP source without a mode is no source to libvirt: it sends."""
    if claims.get("@type") == "udp":
        claims.setdefault("source@mode", "connect")
