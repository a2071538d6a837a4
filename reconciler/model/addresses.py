"""What can be told of an address from its spelling alone: its pattern, its keys, and what is inside what."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import quote

from reconciler.model.documents import Address, Claims

_KEYS = re.compile(r"\[[^\]]*\]")


def pattern_of(address: Address) -> str:
    """The address with its keys emptied: `devices/disk[]/driver@cache`."""
    return _KEYS.sub("[]", address)


def keys_of(address: Address) -> list[str]:
    """The keys in an address, outermost first."""
    return [found[1:-1] for found in _KEYS.findall(address)]


def entry_keys(texts: Iterable[Address], at: Address) -> list[str]:
    """The keys of the elements at `at`, in order."""
    start = at + "["
    found = (address[len(start) : address.index("]", len(start))] for address in texts if address.startswith(start))
    return list(dict.fromkeys(found))


# The same keys come again in every definition: vda, 0, virtio-serial.
@lru_cache(maxsize=1024)
def quote_key(text: str) -> str:
    """A key with the characters that mean something in an address escaped."""
    return quote(text, safe=" :.,;+=!$&'()*~_-?")


def element_of(address: Address) -> Address:
    """The address of the element that holds this leaf."""
    return address.rpartition("@")[0] if "@" in address else address


def is_inside(address: Address, elements: Sequence[Address]) -> bool:
    """Whether this is one of the elements or something in one."""
    return any(address == element or address.startswith((element + "/", element + "@")) for element in elements)


def inside(values: Claims, *elements: Address) -> dict[Address, str | None]:
    """The values of these elements and of all that is in them."""
    starts = tuple(f"{element}{mark}" for element in elements for mark in "/@")
    return {address: text for address, text in values.items() if address in elements or address.startswith(starts)}
