"""Which controllers and addresses of a machine come again by themselves where a definition does not say them.

Known is what QEMU's driver of libvirt 9.0 does with x86 machines. Of all others everything is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.kinds.domain.born import born
from reconciler.kinds.domain.devices import board
from reconciler.kinds.domain.devices.board import Leaves, Slot, UnknownBoard
from reconciler.model.documents import Address, Spec, Texts
from reconciler.model.refs import Ref

Found = dict[str, dict[Address, dict[str, str]]]
_ELEMENT = re.compile(r"devices/([^/@\[]+)(?:\[[^]]*\])?")
_MACHINE = re.compile(r"(?:pc-)?(q35|i440fx)(?:-[0-9.]+)?|pc")
# What an address of libvirt's own choice has: its type -> how it is told.
_PER_DRIVE = {"ide": (4, 2), "sata": (6, 6), "scsi": (7, 7), "fdc": (2, 2)}
_PREFIX = re.compile("^(fd|hd|sd|vd|xvd)")


_PORT_MODEL = re.compile(r"devices/controller\[pci[^]]*\]@model").fullmatch
_PLAIN_PORT = re.compile("@(type|index|model)|address@.*").fullmatch


def grouped(texts: Texts) -> Found:
    """The devices: name in libvirt -> element -> its leaves."""
    found: Found = {}
    for address, text in texts.items():
        match = _ELEMENT.match(address)
        if match:
            leaf = address[match.end() :].lstrip("/")
            found.setdefault(match[1], {}).setdefault(match[0], {})[leaf] = text
    return found


def unsaid(texts: Texts) -> frozenset[Address]:
    """The elements that may be left out: controllers, and the `address` of devices."""
    machine = _MACHINE.fullmatch(texts.get("os/type@machine", ""))
    if texts.get("@type") not in ("qemu", "kvm") or machine is None:
        return frozenset()
    found, express = grouped(texts), machine[1] == "q35"
    addresses = frozenset((*_pci(found, express), *_drives(found), *_ports(found)))
    ports = frozenset(_ports_of_new(texts, found, addresses) if express else ())
    return addresses | ports | frozenset(_controllers(found, express, addresses))


def _place(leaves: Leaves) -> Slot | None:
    if leaves.get("address@type") != "pci":
        return None
    parts = [leaves.get(f"address@{part}", "0") for part in ("domain", "bus", "slot", "function")]
    domain, bus, slot, function = (int(part, 16) for part in parts)
    return (bus, slot, function) if not domain else None


def _pci(found: Found, express: bool) -> Iterator[Address]:
    """The PCI addresses that libvirt would give again, if only the others were given."""
    controllers = found.get("controller", {})
    bridges = {
        int(leaves.get("@index", "-1")): at for at, leaves in controllers.items() if leaves.get("@type") == "pci"
    }
    models = {number: controllers[at].get("@model", "") for number, at in sorted(bridges.items())}
    if not models or not set(models.values()) <= set(board.KNOWN_MODELS):
        return
    buses = {number: at for number, at in sorted(bridges.items()) if models[number] not in ("pci-root", "pcie-root")}
    have = {at: place for each in found.values() for at, leaves in each.items() if (place := _place(leaves))}
    said: dict[str, Slot] = {}
    try:
        devices = tuple(board.devices(found, express))
        while True:
            given = board.assigned(models, buses, devices, said)
            wrong = [at for at, place in given.items() if at in have and have[at] != place and at not in said]
            if set(given) != set(have):
                return
            if not wrong:
                break
            said[wrong[0]] = have[wrong[0]]
    except UnknownBoard:
        return
    for at in have:
        extras = {"address@multifunction"} if at in buses.values() else set()
        known = {f"address@{part}" for part in ("type", "domain", "bus", "slot", "function")} | extras
        leaves = next(each[at] for each in found.values() if at in each)
        if at not in said and {leaf for leaf in leaves if leaf.startswith("address@")} <= known:
            yield f"{at}/address"


_MODELS = {
    "pcie-root-port": "pcie-root-port",
    "pcie-to-pci-bridge": "pcie-pci-bridge",
    "dmi-to-pci-bridge": "i82801b11-bridge",
    "pci-bridge": "pci-bridge",
}


def follows(address: Address, texts: Texts) -> bool:
    """Whether it follows from what else is said of a controller, or is the moment's: a name, a number, an alias."""
    element, _, leaf = address.partition("]")
    controller, leaf = f"{element}]", leaf.lstrip("/")
    text = texts[address]
    index = texts.get(f"{controller}@index")
    match leaf:
        case "alias" | "alias@name":
            return True
        case "model@name":
            return _MODELS.get(texts.get(f"{controller}@model", "")) == text
        case "target@chassis" | "target@chassisNr":
            return text == index
        case "target@port":
            slot, function = (texts.get(f"{controller}/address@{part}", "0") for part in ("slot", "function"))
            return int(text, 16) == (int(slot, 16) << 3) + int(function, 16)
        case _:
            return False


def _drives(found: Found) -> Iterator[Address]:
    """The addresses of drives that follow from their targets."""
    for disk, leaves in found.get("disk", {}).items():
        bus, target = leaves.get("target@bus", ""), leaves.get("target@dev", "")
        if leaves.get("address@type") != "drive" or bus not in _PER_DRIVE or not _PREFIX.match(target):
            continue
        number = _number(_PREFIX.sub("", target))
        per, units = _PER_DRIVE[bus]
        # Controller, bus, target, unit.
        place = (number // per, number % per // units, 0, number % units)
        told = tuple(leaves.get(f"address@{part}") for part in ("controller", "bus", "target", "unit"))
        if told == tuple(map(str, place)):
            yield f"{disk}/address"


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("a") + 1
    return number - 1


def _ports(found: Found) -> Iterator[Address]:
    """USB ports and ports of the virtio serial controller, where they are in libvirt's own order."""
    usb = [
        at
        for name in ("hub", "hostdev", "disk", "controller", "input", "serial", "sound", "redirdev")
        for at, leaves in found.get(name, {}).items()
        if leaves.get("address@type") == "usb"
    ]
    everything = {at: leaves for each in found.values() for at, leaves in each.items()}
    if "hub" not in found and all(
        (everything[at].get("address@bus"), everything[at].get("address@port")) == ("0", str(number))
        for number, at in enumerate(usb, start=1)
    ):
        yield from (f"{at}/address" for at in usb)
    serial = [at for at, leaves in found.get("channel", {}).items() if leaves.get("address@type") == "virtio-serial"]
    if all(
        [everything[at].get(f"address@{part}") for part in ("controller", "bus", "port")] == ["0", "0", str(number)]
        for number, at in enumerate(serial, start=1)
    ):
        yield from (f"{at}/address" for at in serial)
    for at, leaves in found.get("smartcard", {}).items():
        if [leaves.get(f"address@{part}") for part in ("type", "controller", "slot")] == ["ccid", "0", "0"]:
            yield f"{at}/address"


def _ports_of_new(texts: Texts, found: Found, addresses: frozenset[Address]) -> Iterator[Address]:
    """The PCI Express controllers, where they are such as a new machine gets, however many (see `ports`)."""
    group = _buses(found)
    plain = all(
        leaves.get("@index") == str(number)
        and leaves.get("@model") == ("pcie-root-port" if number else "pcie-root")
        and (number == 0 or f"{at}/address" in addresses)
        and all(_PLAIN_PORT(leaf) or follows(f"{at}/{leaf}", texts) for leaf in leaves if "@" in leaf)
        for number, (at, leaves) in enumerate(group.items())
    )
    if plain:
        yield from group


def _buses(found: Found) -> dict[Address, dict[str, str]]:
    return {at: leaves for at, leaves in found.get("controller", {}).items() if leaves.get("@type") == "pci"}


def ports(texts: Texts) -> int | None:
    """How many root ports a document has to ask for; None where those are no others than a new machine has anyway."""
    claims = {at: text for at, text in texts.items() if at != "name" and not at.startswith("devices/controller[pci")}
    new = born(Spec(ref=Ref("Domain", ""), host="", claims=claims))
    count = len(_buses(grouped(texts))) - 1
    return None if sum(_PORT_MODEL(at) is not None for at in new) == count + 1 else count


def _controllers(found: Found, express: bool, addresses: frozenset[Address]) -> Iterator[Address]:
    """The controllers that libvirt, or a new machine of ours, has by itself."""
    kinds: dict[str, list[Address]] = {}
    controllers = found.get("controller", {})
    for at, leaves in controllers.items():
        kinds.setdefault(leaves.get("@type", ""), []).append(at)
    for kind, group in kinds.items():
        if kind == "pci":
            if not express and len(group) == 1 and _said(controllers[group[0]]) <= {"@type", "@index", "@model"}:
                yield group[0]
            continue
        plain = all(_is_plain(kind, number, at, controllers[at], addresses) for number, at in enumerate(group))
        if plain and len(group) <= _wanted(kind, found, express):
            yield from group


def _is_plain(kind: str, number: int, at: Address, leaves: Leaves, addresses: frozenset[Address]) -> bool:
    placed = "address" not in leaves or f"{at}/address" in addresses
    models = {"usb": ("piix3-uhci", "qemu-xhci"), "scsi": ("virtio-scsi",)}
    good = leaves.get("@model") in models[kind] if kind in models else "@model" not in leaves
    return placed and good and _said(leaves) <= {"@type", "@index", "@model"} and leaves.get("@index") == str(number)


def _said(leaves: Leaves) -> set[str]:
    return {leaf for leaf in leaves if leaf and not leaf.startswith(("address", "alias"))}


def _wanted(kind: str, found: Found, express: bool) -> int:
    """How many controllers of a kind there are because something needs them."""
    match kind:
        case "usb":
            (leaves,) = [each for each in found["controller"].values() if each.get("@type") == "usb"][:1]
            return int(leaves.get("@model") == ("qemu-xhci" if express else "piix3-uhci"))
        case "sata" | "ide" | "fdc" | "scsi":
            drives = [leaves for leaves in found.get("disk", {}).values() if leaves.get("target@bus") == kind]
            used = [int(leaves.get("address@controller", "0")) + 1 for leaves in drives]
            most = max([*used, int(kind == "sata" and express)])
            return min(most, 1) if kind == "scsi" else most
        case "virtio-serial":
            virtio = (
                leaves.get("target@type") == "virtio"
                for name in ("channel", "console")
                for leaves in found.get(name, {}).values()
            )
            return int(any(virtio))
        case "ccid":
            return len(found.get("smartcard", {}))
        case _:
            return 0
