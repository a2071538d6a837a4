"""Places in the machine: what a device loses when it moves to another bus or becomes another model."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.model.addresses import element_of, entry_keys, pattern_of
from reconciler.model.documents import Address, Texts

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

# What libvirt fills in for the old kind and keeps, where the new one refuses it or means another thing (libvirt 9.0).
_LOST = {
    "devices/disk[]@device": ("readonly",),
    "devices/disk[]/source@protocol": ("source/host[]@port",),
    "devices/interface[]/virtualport@type": (
        "virtualport/parameters@interfaceid",
        "virtualport/parameters@instanceid",
    ),
    "devices/serial[]/target@type": ("target/model",),
    "devices/video[]/model@type": ("model@heads", "model@ram", "model@vram", "model@vram64", "model@vgamem"),
}


def displaced(address: Address, texts: Texts) -> tuple[Address, ...]:
    """What a change at this address leaves without meaning: the device's place on its old bus, and its old kind's."""
    pattern = pattern_of(address)
    parts = (("address",) if pattern in _MOVES else ()) + _LOST.get(pattern, ())
    if not parts:
        return ()
    element = element_of(address)
    device = element[: element.index("]") + 1] if "]" in element else element
    return tuple(found for part in parts for found in _found(f"{device}/{part}", texts))


def _found(address: Address, texts: Texts) -> Iterable[Address]:
    """The address; where it leaves a key open, those that `texts` have."""
    if "[]" not in address:
        return (address,)
    before, _, after = address.partition("[]")
    return (f"{before}[{key}]{after}" for key in entry_keys(texts, before))
