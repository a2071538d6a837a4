"""What a piece of XML cannot ask for: to be without what every machine has, or to have what only a running one has.

As of libvirt 9.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.model.addresses import is_inside, pattern_of
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


# What libvirt shows of a running machine alone, and makes anew at each start.
_OF_THE_MOMENT = re.compile(
    r"@id|devices/disk(\[\])?/(mirror([/@].*)?|source@index)|devices/(serial|console|parallel|channel)(\[\])?(@tty|/target@state)"
)


def of_the_moment(place: str) -> bool:
    """Whether an address, with or without keys, is only that of a running machine."""
    return _OF_THE_MOMENT.fullmatch(pattern_of(place)) is not None


def impossible(claims: Claims) -> Iterator[tuple[Address, str]]:
    """What cannot be had, with the reason in words."""
    for address, text in claims.items():
        if text is None and address in _NEEDED:
            yield address, "is in every machine; take reconciler:remove away"
        elif text is not None and of_the_moment(address):
            yield address, "is libvirt's own note on a running machine; take it out of xml:"
