"""What a document says of devices that libvirt refuses or drops, found before anything is asked of a host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, cast

from reconciler.codecs import Json
from reconciler.kinds.domain.devices.disk import DISKS
from reconciler.kinds.domain.devices.hostdev import HOSTDEVS
from reconciler.kinds.domain.devices.interface import INTERFACES
from reconciler.kinds.domain.devices.module import MODULES

Entry = Mapping[str, Json]

# Where a device leads: an entry of these lists has one of these fields at most.
SOURCES: Mapping[str, tuple[str, ...]] = {
    "disks": ("file", "block", "dir", "volume", "network", "nvme", "vhostUser"),
    "interfaces": ("network", "bridge", "vdpa", "vhostUser", "direct", "hostdev", "internal", "type"),
    "hostdevs": ("usb", "mediated", "scsi", "pci", "vhostScsi"),
}
# VNC's own limit (RFC 6143, 7.2.2); libvirt 9.0 refuses more.
VNC_PASSWORD = 8


class Refusal(NamedTuple):
    """An error's number, what is wrong, and the path of the value in the body."""

    number: str
    message: str
    path: tuple[str | int, ...]


def refusals(body: Entry) -> Iterator[Refusal]:
    """Everything in a valid body's devices that cannot be meant."""
    yield from _namesakes(body)
    for name, sources in SOURCES.items():
        for place, entry in enumerate(_entries(body, name)):
            yield from _sources(entry, sources, (name, place))
    for place, disk in enumerate(_entries(body, "disks")):
        yield from _limits(disk, ("disks", place, "limits"))
    for place, screen in enumerate(_entries(body, "graphics")):
        yield from _screen(screen, ("graphics", place))


def _entries(body: Entry, name: str) -> Sequence[Entry]:
    """The entries of a list that are more than one plain value."""
    found = cast("Sequence[Json]", body.get(name, ()))
    return [entry if isinstance(entry, Mapping) else {} for entry in found]


def _namesakes(body: Entry) -> Iterator[Refusal]:
    """Names become libvirt's aliases, of which all devices of a domain have different ones."""
    seen: dict[str, str] = {}
    for path, entries in _named(body):
        for place, entry in enumerate(entries):
            name, here = str(entry.get("name", "")), f"{'.'.join(path)}[{place}]"
            if name and name in seen:
                message = f"{here} and {seen[name]} are both called {name}; give one of them another name"
                yield Refusal("R204", message, (*path, place, "name"))
            seen.setdefault(name, here)


def _named(body: Entry) -> Iterator[tuple[tuple[str, ...], Sequence[Entry]]]:
    """The lists whose entries have names, with their paths."""
    for items in (DISKS, INTERFACES, HOSTDEVS):
        yield (items.name,), _entries(body, items.name)
    memory = body.get("memory")
    if isinstance(memory, Mapping):
        yield ("memory", MODULES.name), _entries(memory, MODULES.name)


def _sources(entry: Entry, sources: Sequence[str], path: tuple[str | int, ...]) -> Iterator[Refusal]:
    given = [source for source in entry if source in sources]
    for source in given[1:]:
        message = f"{_written(path)} has {given[0]} and {source}; keep one of the two"
        yield Refusal("R207", message, (*path, source))


def _limits(disk: Entry, path: tuple[str | int, ...]) -> Iterator[Refusal]:
    """A limit on the total beside one on reads or writes; 0 is no limit (libvirt's virDomainDiskIoTune)."""
    limits = disk.get("limits")
    if not isinstance(limits, Mapping):
        return
    for total in (name for name, value in limits.items() if name.startswith("total") and value):
        rate = total.removeprefix("total")
        for part in (f"read{rate}", f"write{rate}"):
            if limits.get(part):
                message = f"{_written(path)} has {total} and {part}; keep the total or its parts"
                yield Refusal("R207", message, (*path, part))


def _screen(screen: Entry, path: tuple[str | int, ...]) -> Iterator[Refusal]:
    listen = screen.get("listen")
    socket = isinstance(listen, Mapping) and ("socket" in listen or listen.get("type") == "socket")
    if socket and "port" in screen:
        yield Refusal(
            "R207", f"{_written(path)} has a port and listens on a socket; keep one of the two", (*path, "port")
        )
    written = screen.get("password")
    # Of one that is kept elsewhere libvirt tells it when the screen is defined.
    password = written.encode() if isinstance(written, str) else b""
    if screen.get("type") == "vnc" and len(password) > VNC_PASSWORD:
        message = f"{_written(path)}.password is {len(password)} bytes long; VNC takes {VNC_PASSWORD} at most"
        yield Refusal("R204", message, (*path, "password"))


def _written(path: Sequence[str | int]) -> str:
    """A path as people write it: `disks[0].limits`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
