"""Places in the machine: what a device loses when it moves to another bus or becomes another model."""

from __future__ import annotations

from reconciler.markup import element_of, pattern_of
from reconciler.model.documents import Address

# A change here takes the device off the bus that its address is on.
_MOVES = (
    "devices/disk[]/target@bus",
    "devices/disk[]/target@dev",
    "devices/disk[]@model",
    "devices/input[]@bus",
    "devices/input[]@model",
    "devices/interface[]/model@type",
    "devices/memballoon@model",
    "devices/panic[]@model",
    "devices/rng[]@model",
    "devices/serial[]/target@type",
    "devices/sound[]@model",
    "devices/video[]/model@type",
    "devices/vsock@model",
    "devices/watchdog@model",
    "devices/filesystem[]@model",
)

# What libvirt fills in beside the address and keeps from the old model, where the new one refuses it (libvirt 9.0).
_LOST = {"devices/serial[]/target@type": ("target/model",)}


def displaced(address: Address) -> tuple[Address, ...]:
    """What a change at this address leaves without meaning: the device's place on its old bus."""
    if pattern_of(address) not in _MOVES:
        return ()
    element = element_of(address)
    device = element[: element.index("]") + 1] if "]" in element else element
    lost = tuple(f"{device}/{part}" for part in _LOST.get(pattern_of(address), ()))
    return (f"{device}/address", *lost)
