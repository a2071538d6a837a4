"""What must not be there, though libvirt 9.0 puts it into every machine or cannot be without it."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.addresses import is_inside
from reconciler.model.documents import Address, Claims

# What libvirt adds unless a definition names it as none.
_NAMED_NONE = {
    "devices/memballoon": {"@model": "none"},
    "devices/controller[usb]": {"@type": "usb", "@index": "0", "@model": "none"},
}
# What no definition is without.
_NEEDED = frozenset(
    {
        *("@type", "name", "uuid", "metadata", "metadata/reconciler:owner", "memory", "currentMemory", "vcpu"),
        *("os", "os/type", "os/type@machine", "os/type@arch", "clock", "clock@offset"),
        *("on_poweroff", "on_reboot", "on_crash", "devices", "devices/emulator"),
    }
)


def spelt_out(claims: dict[Address, str | None]) -> None:
    """Say in libvirt's words that something it adds by itself is not there; drop what is claimed inside an absence."""
    absent = tuple(address for address, text in claims.items() if text is None)
    for address in [each for each in claims if each not in absent and is_inside(each, absent)]:
        del claims[address]
    for element in (each for each in absent if each in _NAMED_NONE):
        claims[element] = ""
        claims.update({f"{element}{leaf}": text for leaf, text in _NAMED_NONE[element].items()})


def needed(claims: Claims) -> Iterator[Address]:
    """What is claimed not to be there and has to be."""
    return (address for address, text in claims.items() if text is None and address in _NEEDED)
