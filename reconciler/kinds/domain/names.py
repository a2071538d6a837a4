"""What an import calls the devices of a machine: by what they are, the same at every import."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from reconciler.model.addresses import entry_keys
from reconciler.model.documents import Address, Texts

USER_ALIAS = "ua-"
DEFAULT_NETWORK = "default"
# What libvirt 9.0 takes in an alias (domain_conf.c); it drops one with anything else without a word.
_STRANGE = re.compile(r"[^A-Za-z0-9_-]+")
_DRIVES = {"cdrom": "cdrom", "floppy": "floppy"}
# What an interface is connected to -> how the name begins where that has none of its own.
_NAMELESS = {"user": "nat", "ethernet": "tap", "vhostuser": "switch", "hostdev": "function", "vdpa": "vdpa"}


def names(texts: Texts) -> dict[Address, Address]:
    """A name for each device that documents name: `devices/disk[root]` -> `devices/disk[vda]`, its address in `texts`.

    A user alias that the host keeps is the device's name already.
    """
    found: dict[Address, Address] = {}
    for at, name_of in _LISTS.items():
        devices = [f"{at}[{key}]" for key in entry_keys(texts, at)]
        given = {device: _given(device, texts) for device in devices}
        taken = {name for name in given.values() if name}
        for device, wanted in zip(devices, name_of(devices, texts), strict=True):
            name = given[device] or _free(wanted, taken)
            taken.add(name)
            found[f"{at}[{name}]"] = device
    return {ours: theirs for ours, theirs in found.items() if ours != theirs}


def _given(device: Address, texts: Texts) -> str:
    alias = texts.get(f"{device}/alias@name", "")
    return alias.removeprefix(USER_ALIAS) if alias.startswith(USER_ALIAS) else ""


def _free(wanted: str, taken: set[str]) -> str:
    """The name, or with the first number that nobody has."""
    name, count = wanted, 1
    while name in taken:
        count += 1
        name = f"{wanted}{count}"
    return name


def _disks(disks: list[Address], texts: Texts) -> Iterator[str]:
    root = _root(disks, texts)
    for disk in disks:
        yield _DRIVES.get(texts.get(f"{disk}@device", ""), "root" if disk == root else "data")


def _root(disks: list[Address], texts: Texts) -> Address:
    """The disk that the machine boots from: the first by its boot numbers, else the first at all."""
    fixed = [disk for disk in disks if texts.get(f"{disk}@device", "disk") not in _DRIVES]
    numbered = {disk: texts.get(f"{disk}/boot@order", "") for disk in fixed}
    booted = [disk for disk in fixed if numbered[disk].isdecimal()]
    return min(booted, key=lambda disk: int(numbered[disk])) if booted else next(iter(fixed), "")


def _interfaces(interfaces: list[Address], texts: Texts) -> Iterator[str]:
    for interface in interfaces:
        kind = texts.get(f"{interface}@type", "")
        leaves = {"network": "network", "bridge": "bridge", "direct": "dev", "internal": "name"}
        source = texts.get(f"{interface}/source@{leaves.get(kind, '')}", "")
        lan = kind == "network" and source == DEFAULT_NETWORK
        yield "lan" if lan else _plain(source) or _NAMELESS.get(kind, "net")


def _plain(text: str) -> str:
    return _STRANGE.sub("-", text).strip("-_")


def _hostdevs(hostdevs: list[Address], texts: Texts) -> Iterator[str]:
    for hostdev in hostdevs:
        kind = texts.get(f"{hostdev}@type", "")
        yield {"mdev": "slice", "scsi_host": "scsi"}.get(kind) or _plain(kind) or "device"


def _modules(modules: list[Address], texts: Texts) -> Iterator[str]:
    for module in modules:
        yield _plain(texts.get(f"{module}@model", "")) or "module"


_LISTS: Mapping[Address, Callable[[list[Address], Texts], Iterator[str]]] = {
    "devices/disk": _disks,
    "devices/interface": _interfaces,
    "devices/hostdev": _hostdevs,
    "devices/memory": _modules,
}
