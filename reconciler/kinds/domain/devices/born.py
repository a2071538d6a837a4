"""What a new device gets where the document does not say: a place on its bus, a model, a MAC address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from itertools import count
from string import ascii_lowercase

from reconciler.kinds.domain.devices.channel import AGENT_AT, AGENT_BORN
from reconciler.model.addresses import entry_keys
from reconciler.model.documents import Address, Claims, Texts

_PREFIXES = {
    "virtio": "vd",
    "scsi": "sd",
    "sata": "sd",
    "usb": "sd",
    "sd": "sd",
    "ide": "hd",
    "fdc": "fd",
    "xen": "xvd",
}
_BUSES = {"vd": "virtio", "hd": "ide", "fd": "fdc", "xv": "xen"}
_FORMATS = {".qcow2": "qcow2", ".raw": "raw", ".iso": "raw", ".vmdk": "vmdk", ".vdi": "vdi"}
_PREFIX = re.compile("^(fd|hd|sd|vd|xvd)")
_QEMU = ("qemu", "kvm")
TPM_AT = "devices/tpm"
_DISK, _INTERFACE, _SCSI = "devices/disk", "devices/interface", "devices/controller[scsi]"


def born(claims: Claims) -> dict[Address, str]:
    """What the devices of a new domain get beyond its claims; `name` among them is the domain's."""
    return born_for(claims, {})


def born_for(claims: Claims, texts: Texts) -> dict[Address, str]:
    """What new devices get that join those in `texts`; nothing that those have is given twice."""
    machine = _Machine(claims, texts)
    values = {**_disks(claims, texts, machine), **dict(_interfaces(claims, machine))}
    if claims.get(AGENT_AT) is not None:
        values |= AGENT_BORN
    if claims.get(TPM_AT) is not None and claims.get(f"{TPM_AT}/backend@type") == "emulator" and TPM_AT not in texts:
        # libvirt 9.0 takes 1.2 for a TPM of no version, which current systems do without.
        values[f"{TPM_AT}/backend@version"] = "2.0"
    return {address: text for address, text in values.items() if claims.get(address) is None}


class _Machine:
    """What matters here of the machine around the devices."""

    def __init__(self, claims: Claims, texts: Texts) -> None:
        def of(address: Address, default: str) -> str:
            return claims.get(address) or texts.get(address) or default

        self.name = of("name", "")
        self.qemu = of("@type", "kvm") in _QEMU
        self.xen = of("@type", "kvm") == "xen"
        self.x86 = of("os/type@arch", "x86_64") in ("x86_64", "i686")
        self.old = of("os/type@machine", "q35").removeprefix("pc-").startswith(("pc", "i440fx"))


def _disks(claims: Claims, texts: Texts, machine: _Machine) -> dict[Address, str]:
    values: dict[Address, str] = {}
    taken = {*_places(texts), *_places(claims)}
    disks = [f"{_DISK}[{key}]" for key in entry_keys(claims, _DISK)]
    for disk in disks:
        target = claims.get(f"{disk}/target@dev")
        bus = claims.get(f"{disk}/target@bus") or _bus(claims.get(f"{disk}@device") or "disk", target, machine)
        values[f"{disk}/target@bus"] = bus
        if target is None:
            values[f"{disk}/target@dev"] = _free(_PREFIXES.get(bus, "sd"), taken)
            taken.add(values[f"{disk}/target@dev"])
        values |= dict(_driver(disk, claims, machine))
        if bus == "scsi" and machine.qemu and not any(known.startswith(_SCSI) for known in (*texts, *claims)):
            # libvirt's own choice is a controller of 1998 that few guests have a driver for.
            values |= {_SCSI: "", f"{_SCSI}@type": "scsi", f"{_SCSI}@index": "0", f"{_SCSI}@model": "virtio-scsi"}
    return values


def _places(known: Claims) -> Iterator[str]:
    """The targets that disks have, and those that stand for the same place on their bus (a vda that moved to SCSI)."""
    for disk in (f"{_DISK}[{key}]" for key in entry_keys(known, _DISK)):
        target, bus = known.get(f"{disk}/target@dev"), known.get(f"{disk}/target@bus")
        if target:
            yield target
        if target and bus:
            yield _PREFIXES.get(bus, "sd") + _PREFIX.sub("", target)


def _bus(device: str, target: str | None, machine: _Machine) -> str:
    """The bus for a kind of drive, or the one that a target's name stands for in libvirt."""
    if target is not None and target[:2] in _BUSES:
        return _BUSES[target[:2]]
    if device == "floppy":
        return "fdc"
    if device == "cdrom" and machine.x86 and not machine.xen:
        return "ide" if machine.old else "sata"
    if device in ("cdrom", "lun") or target is not None:
        return "scsi"
    return "xen" if machine.xen else "virtio" if machine.qemu else "sata"


def _free(prefix: str, taken: set[str]) -> str:
    """The first device name with this prefix that nobody has: sda, …, sdz, sdaa."""
    return next(name for name in (prefix + _letters(place) for place in count()) if name not in taken)


def _letters(place: int) -> str:
    rest, last = divmod(place, len(ascii_lowercase))
    return (_letters(rest - 1) if rest else "") + ascii_lowercase[last]


def _driver(disk: Address, claims: Claims, machine: _Machine) -> Iterator[tuple[Address, str]]:
    if not machine.qemu:
        return
    yield f"{disk}/driver@name", "qemu"
    for leaf in ("source@volume", "source@file"):
        source = claims.get(f"{disk}/{leaf}") or ""
        guessed = next((name for suffix, name in _FORMATS.items() if source.endswith(suffix)), None)
        if guessed:
            yield f"{disk}/driver@type", guessed


def _interfaces(claims: Claims, machine: _Machine) -> Iterator[tuple[Address, str]]:
    for key in entry_keys(claims, _INTERFACE):
        interface = f"{_INTERFACE}[{key}]"
        yield f"{interface}/mac@address", mac_of(machine.name, key)
        if machine.qemu and claims.get(f"{interface}@type") != "hostdev":
            yield f"{interface}/model@type", "virtio"


def mac_of(domain: str, interface: str) -> str:
    """The same address for the same names, in the range that QEMU and libvirt use for their own."""
    digest = sha256(f"{domain}/{interface}".encode()).hexdigest()
    return f"52:54:00:{digest[0:2]}:{digest[2:4]}:{digest[4:6]}"
