"""What character devices share: where their bytes come from and go to."""

from __future__ import annotations

from reconciler.fields import ON_OFF, PATH, TEXT, YES_NO, Field, Node, choice
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

# libvirt chooses a pseudoterminal at each start and forgets one that is given.
_PATH_DOC = "The socket, file, pipe or device on the host."


def character(kinds: tuple[str, ...], base: Address = "") -> tuple[Node, ...]:
    """The fields of a character device's host side; `base` is the element that holds it."""
    under = f"{base}/" if base else ""
    return (
        Field(
            name="type",
            at=f"{base}@type",
            codec=choice(*kinds),
            doc="What the device is connected to on the host.",
            example="unix" if "unix" in kinds else kinds[0],
            must=True,
        ),
        Field(
            name="path",
            when=(
                (
                    "type",
                    (
                        "unix",
                        "file",
                        "pipe",
                        "dev",
                    ),
                ),
            ),
            at=f"{under}source@path",
            codec=PATH,
            doc=_PATH_DOC,
            example="/run/web-1.sock",
        ),
        *_socket(under),
        Field(
            name="channel",
            when=(
                (
                    "type",
                    (
                        "spiceport",
                        "dbus",
                    ),
                ),
            ),
            at=f"{under}source@channel",
            codec=TEXT,
            doc="The name of a spiceport or D-Bus channel.",
            example="org.example.0",
        ),
        Field(
            name="append",
            when=(("type", ("file",)),),
            at=f"{under}source@append",
            codec=ON_OFF,
            doc="Whether a file is continued rather than emptied.",
            example=True,
        ),
        *_log(under),
    )


def _socket(under: Address) -> tuple[Node, ...]:
    return (
        Field(
            name="mode",
            when=(
                (
                    "type",
                    (
                        "tcp",
                        "unix",
                    ),
                ),
            ),
            at=f"{under}source@mode",
            codec=choice("connect", "bind"),
            doc="Whether QEMU connects to the socket or listens on it (udp sends).",
            example="bind",
            keep=True,
        ),
        Field(
            name="host",
            when=(
                (
                    "type",
                    (
                        "tcp",
                        "udp",
                    ),
                ),
            ),
            at=f"{under}source@host",
            codec=HOST_NAME,
            doc="The host name or address (tcp, udp).",
            example="127.0.0.1",
        ),
        Field(
            name="port",
            when=(
                (
                    "type",
                    (
                        "tcp",
                        "udp",
                    ),
                ),
            ),
            at=f"{under}source@service",
            codec=PORT,
            doc="The port (tcp, udp).",
            example=4555,
        ),
        Field(
            name="tls",
            when=(("type", ("tcp",)),),
            at=f"{under}source@tls",
            codec=YES_NO,
            doc="Whether a tcp connection is encrypted.",
            example=True,
        ),
        Field(
            name="protocol",
            when=(("type", ("tcp",)),),
            at=f"{under}protocol@type",
            codec=choice("raw", "telnet", "telnets", "tls"),
            doc="What is spoken over tcp.",
            example="telnet",
            keep=True,
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
