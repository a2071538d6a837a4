"""Whether a device can come to a running QEMU guest or leave it now, with the ports that its machine has left."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.kind import Situation
from reconciler.kinds.domain import devices
from reconciler.kinds.domain.slots import LISTS, SINGLE, Place, Stays, place_of
from reconciler.model.addresses import entry_keys, inside, pattern_of
from reconciler.model.documents import Address, Claims, Texts

QEMU = ("qemu", "kvm", "hvf")
PORT = "pcie-root-port"
# Machines whose devices sit behind PCI Express ports; on others every slot of the one PCI bus takes a device.
_EXPRESS = ("pc-q35", "q35", "virt")
# Lists whose entries have nothing but their position to be known by.
_NAMELESS = ("devices/rng", "devices/redirdev")
_BRIDGES = ("pcie-to-pci-bridge", "pci-bridge")


def cannot_come(element: Address, situation: Situation) -> str:
    """Why the document's new device has to wait for a restart; "" where it can be plugged in now."""
    leaves = _coming(element, situation)
    try:
        place = place_of(element, leaves, situation.live)
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
        place = place_of(element, leaves, situation.live)
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
    known = {**inside(situation.spec.hints, element), **inside(situation.spec.claims, element)}
    born = devices.born_for(known, situation.texts)
    whole = {**born, **{address: text for address, text in known.items() if text is not None}}
    return _leaves(whole, element)


def _leaves(texts: Claims, element: Address) -> dict[Address, str]:
    """The values in an element, by their address below it: `target@bus`, `@type`."""
    found = inside(texts, element).items()
    return {address[len(element) :].lstrip("/"): text for address, text in found if text is not None}


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
        for address, text in inside(situation.spec.claims, f"{at}[{key}]").items()
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
        place = place_of(element, _coming(element, situation), situation.live)
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
