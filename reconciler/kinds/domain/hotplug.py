"""Which devices come and go in a running QEMU guest, and what they need there (libvirt 9.0, QEMU 7.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum

from reconciler.kind import Situation
from reconciler.kinds.domain import devices
from reconciler.markup import entry_keys, pattern_of
from reconciler.model.documents import Address, Claims, Texts

QEMU = ("qemu", "kvm", "hvf")
PORT = "pcie-root-port"
# Machines whose devices sit behind PCI Express ports; on others every slot of the one PCI bus takes a device.
_EXPRESS = ("pc-q35", "q35", "virt")
_BRIDGES = ("pcie-to-pci-bridge", "pci-bridge")
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


def cannot_come(element: Address, situation: Situation) -> str:
    """Why the document's new device has to wait for a restart; "" where it can be plugged in now."""
    leaves = _coming(element, situation)
    try:
        place = _place(element, leaves, situation.live)
    except Stays as why:
        return str(why)
    if _in_a_moving_list(element, situation):
        return "other entries of the list, which have no names, change as well"
    if not _is_express(situation.live) or place is Place.NONE:
        return ""
    if place is Place.CONVENTIONAL:
        bridged = _has_bridge(situation.live)
        return "" if bridged else "it needs a conventional PCI slot, which this machine has none of"
    fits = _ports_up_to(element, situation) <= len(_free_ports(situation))
    return "" if fits else "the running machine has no free PCI Express port left"


def cannot_go(element: Address, situation: Situation) -> str:
    """Why the running guest keeps a device until its restart; "" where it can be asked to let go now."""
    leaves = _leaves(situation.live, element)
    try:
        place = _place(element, leaves, situation.live)
    except Stays as why:
        return str(why)
    if leaves.get("@model") == "virtio-mem":
        return "QEMU does not unplug virtio-mem; set requested to 0 to take the memory back"
    if _in_a_moving_list(element, situation):
        return "other entries of the list, which have no names, change as well"
    if place is Place.EXPRESS and _is_express(situation.live) and _bus(leaves) == 0:
        return "it is built into the machine's root bus"
    return ""


def _coming(element: Address, situation: Situation) -> Texts:
    """A new device's leaves as its definition will have them."""
    known = {**_within(situation.spec.hints, element), **_within(situation.spec.claims, element)}
    born = devices.born_for(known, situation.texts)
    whole = {**born, **{address: text for address, text in known.items() if text is not None}}
    return _leaves(whole, element)


def _within(values: Claims, element: Address) -> dict[Address, str | None]:
    starts = (f"{element}@", f"{element}/")
    return {address: text for address, text in values.items() if address == element or address.startswith(starts)}


def _leaves(texts: Claims, element: Address) -> dict[Address, str]:
    """The values in an element, by their address below it: `target@bus`, `@type`."""
    inside = _within(texts, element).items()
    return {address[len(element) :].lstrip("/"): text for address, text in inside if text is not None}


def _place(element: Address, leaves: Texts, live: Texts) -> Place:
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
# Lists whose entries have nothing but their position to be known by.
_NAMELESS = ("devices/rng", "devices/redirdev")


def _has_controller(live: Texts, kind: str) -> bool:
    return any(text == kind and pattern_of(address) == "devices/controller[]@type" for address, text in live.items())


def _has_bridge(live: Texts) -> bool:
    return any(text in _BRIDGES for address, text in live.items() if address.startswith("devices/controller["))


def _is_express(live: Texts) -> bool:
    return live.get("os/type@machine", "").startswith(_EXPRESS)


def _in_a_moving_list(element: Address, situation: Situation) -> bool:
    """Whether entries known by position only differ besides: then which of them comes or goes is not certain."""
    at = element.rpartition("[")[0]
    if at not in _NAMELESS:
        return False
    both = set(entry_keys(situation.spec.claims, at)) & set(entry_keys(situation.live, at))
    return any(
        text is not None and situation.live.get(address) != text
        for key in both
        for address, text in _within(situation.spec.claims, f"{at}[{key}]").items()
    )


def _ports_up_to(element: Address, situation: Situation) -> int:
    """How many ports the document's new devices take, in its order, from the first to this one."""
    wanted: set[str] = set()
    for address in situation.spec.claims:
        if pattern_of(address) in (*LISTS, *SINGLE) and address not in situation.live:
            wanted |= _wanted(address, situation)
        if address == element:
            break
    return len(wanted)


def _wanted(element: Address, situation: Situation) -> set[str]:
    try:
        place = _place(element, _coming(element, situation), situation.live)
    except Stays:
        return set()
    return {Place.EXPRESS: {element}, Place.SCSI: {"the controller"}}.get(place, set())


def _free_ports(situation: Situation) -> list[int]:
    """The PCI buses of root ports that nothing is plugged into, or what is in them goes now."""
    taken = {_bus_of(text) for text in _buses(situation)}
    return [bus for bus in _ports(situation.live) if bus not in taken]


def _ports(live: Texts) -> Iterator[int]:
    for address, text in live.items():
        if text == PORT and pattern_of(address) == "devices/controller[]@model":
            yield int(live.get(address.replace("@model", "@index"), "0"))


def _buses(situation: Situation) -> Iterator[str]:
    for address, text in situation.live.items():
        pci = address.endswith("/address@bus") and situation.live.get(address[:-4] + "@type") == "pci"
        if pci and not _goes(address.removesuffix("/address@bus"), situation):
            yield text


def _goes(element: Address, situation: Situation) -> bool:
    """Whether the document has a device no more that the guest can let go of."""
    unwanted = element.rpartition("[")[0] in situation.spec.lists and element not in situation.spec.claims
    return unwanted and not cannot_go(element, situation)


def _bus(leaves: Texts) -> int:
    return _bus_of(leaves.get("address@bus", "0x01"))


def _bus_of(text: str) -> int:
    return int(text, 16) if text.startswith("0x") else int(text or "0")
