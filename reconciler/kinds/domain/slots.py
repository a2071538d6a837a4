"""What a device occupies in a running QEMU guest, or why it is not plugged there at all (libvirt 9.0, QEMU 7.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

from reconciler.model.addresses import pattern_of
from reconciler.model.documents import Address, Texts

_CONVENTIONAL_CARDS = ("rtl8139", "e1000", "e1000-82544gc", "e1000-82545em", "ne2k_pci", "pcnet", "i82551", "i82559er")
# Connections that libvirt 9.0 does not plug in (qemuDomainAttachNetDevice).
_COLD_CARDS = ("null", "internal", "server", "client", "mcast", "udp")


class Place(Enum):
    """What a device occupies in its machine.

    A PCI Express port of its own, one for the SCSI controller that comes with the first such disk, a slot of a
    conventional PCI bus, or none of these.
    """

    EXPRESS = "express"
    SCSI = "scsi"
    CONVENTIONAL = "conventional"
    NONE = "none"


class Stays(Exception):  # noqa: N818 (it is an answer)
    """Why a device can neither come nor go while the guest runs."""


def place_of(element: Address, leaves: Texts, live: Texts) -> Place:
    """What a device occupies. Raises Stays."""
    find = _PLACES.get(pattern_of(element).removeprefix("devices/").removesuffix("[]"))
    if find is None:
        raise Stays("such devices are not plugged in or out while the guest runs")
    return find(leaves, live)


def _disk(leaves: Texts, live: Texts) -> Place:
    if leaves.get("@device") == "floppy":
        raise Stays("floppy drives are not plugged in or out while the guest runs")
    if leaves.get("@device") == "cdrom" and not any(leaf.startswith("source") for leaf in leaves):
        raise Stays("an empty drive is not plugged in while the guest runs; give it a medium, or wait")
    match leaves.get("target@bus"):
        case "virtio":
            return Place.EXPRESS
        case "usb":
            return Place.NONE
        case "scsi":
            return Place.NONE if _has_controller(live, "scsi") else Place.SCSI
        case bus:
            raise Stays(f"the {bus} bus takes no disks while the guest runs; virtio, scsi and usb do")


def _interface(leaves: Texts, live: Texts) -> Place:
    if leaves.get("@type") in _COLD_CARDS:
        raise Stays(f"interfaces of type {leaves['@type']} are not plugged in or out while the guest runs")
    model = leaves.get("model@type", "")
    if model == "usb-net":
        return Place.NONE
    return Place.CONVENTIONAL if model in _CONVENTIONAL_CARDS else Place.EXPRESS


def _hostdev(leaves: Texts, live: Texts) -> Place:
    match leaves.get("@type"):
        case "usb":
            return Place.NONE
        case "scsi":
            return Place.NONE if _has_controller(live, "scsi") else Place.SCSI
        case _:
            return Place.EXPRESS


def _filesystem(leaves: Texts, live: Texts) -> Place:
    if leaves.get("driver@type") != "virtiofs":
        raise Stays("only virtiofs is plugged in and out while the guest runs")
    if live.get("memoryBacking/access@mode") != "shared":
        raise Stays("virtiofs needs memory.backing.access shared, which the guest was not booted with")
    return Place.EXPRESS


def _channel(leaves: Texts, live: Texts) -> Place:
    _needs_spice(leaves, live)
    if leaves.get("target@type", "virtio") != "virtio":
        raise Stays("only virtio channels are plugged in and out while the guest runs")
    channels = any(text == "virtio" and pattern_of(at) == "devices/channel[]/target@type" for at, text in live.items())
    if not channels and not _has_controller(live, "virtio-serial"):
        raise Stays("the guest was booted without a virtio-serial controller")
    return Place.NONE


def _redirdev(leaves: Texts, live: Texts) -> Place:
    _needs_spice(leaves, live)
    return Place.NONE


def _needs_spice(leaves: Texts, live: Texts) -> None:
    if leaves.get("@type") == "spicevmc" and "devices/graphics[spice]" not in live:
        raise Stays("the guest was booted without spice")


def _input(leaves: Texts, live: Texts) -> Place:
    match leaves.get("@bus"):
        case "usb":
            return Place.NONE
        case "virtio":
            return Place.EXPRESS
        case bus:
            raise Stays(f"{bus or 'such'} input devices are not plugged in or out while the guest runs")


def _watchdog(leaves: Texts, live: Texts) -> Place:
    if leaves.get("@model") != "i6300esb":
        raise Stays("only an i6300esb watchdog is plugged in while the guest runs")
    return Place.CONVENTIONAL


def _memory(leaves: Texts, live: Texts) -> Place:
    if "maxMemory" not in live:
        raise Stays("the guest was booted without room for memory modules (memory.hotplug)")
    if leaves.get("@model") == "virtio-mem":
        return Place.EXPRESS
    if leaves.get("@model") in ("dimm", "nvdimm"):
        return Place.NONE
    raise Stays("only dimm and virtio-mem are plugged in while the guest runs")


_PLACES: Mapping[str, Callable[[Texts, Texts], Place]] = {
    "disk": _disk,
    "interface": _interface,
    "hostdev": _hostdev,
    "filesystem": _filesystem,
    "channel": _channel,
    "input": _input,
    "watchdog": _watchdog,
    "memory": _memory,
    "rng": lambda leaves, live: Place.EXPRESS,
    "vsock": lambda leaves, live: Place.EXPRESS,
    "redirdev": _redirdev,
    "shmem": lambda leaves, live: Place.CONVENTIONAL,
}
# The elements of such devices, as patterns: lists, and those that a machine has one of.
LISTS = tuple(f"devices/{name}[]" for name in _PLACES if name not in ("watchdog", "vsock"))
SINGLE = ("devices/watchdog", "devices/vsock")


def _has_controller(live: Texts, kind: str) -> bool:
    return any(text == kind and pattern_of(address) == "devices/controller[]@type" for address, text in live.items())
