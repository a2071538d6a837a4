"""Values that libvirt rewrites: the same device address or MAC in another spelling."""

from __future__ import annotations

import re
from functools import lru_cache

from reconciler.model.addresses import pattern_of
from reconciler.model.documents import Address, Texts

_LOWERED = re.compile(r"devices/\w+(\[\])?(/mac@address|/source/address@uuid|/source/auth/secret@uuid)")
# Pattern of an address -> how many hexadecimal digits libvirt 9.0 prints.
_DIGITS = {"domain": 4, "bus": 2, "slot": 2, "function": 1, "id": 4}
_HEXADECIMAL = re.compile(
    r"devices/\w+(\[\])?/(source/)?address@(domain|bus|slot|function)|devices/\w+(\[\])?/source/(?:vendor|product)@(id)"
)

# A console without a target is one on the first serial port (libvirt 9.0; only people leave it out).
_BARE, _MIRROR = "devices/console[0]", "devices/console[serial]"


def normalise(texts: Texts) -> dict[Address, str]:
    """The texts as libvirt would print them."""
    if _BARE in texts and _MIRROR not in texts:
        texts = {_MIRROR + at[len(_BARE) :] if at.startswith(_BARE) else at: text for at, text in texts.items()}
    return {address: _spelled(address, text) for address, text in texts.items()}


def _spelled(address: Address, text: str) -> str:
    if text == text.lower() and text[:2] != "0x":
        return text
    spelling = _spelling(address)
    if spelling == 0:
        return text.lower()
    if spelling is not None and text.lower().startswith("0x"):
        return f"0x{int(text, 16):0{spelling}x}"
    return text


# Machines are much alike: thousands of them have a few hundred addresses between them.
@lru_cache(maxsize=4096)
def _spelling(address: Address) -> int | None:
    """How libvirt spells a value: hexadecimal with so many digits, 0: in lower case; None: as it is."""
    pattern = pattern_of(address)
    if _LOWERED.fullmatch(pattern):
        return 0
    return _DIGITS[pattern.rpartition("@")[2]] if _HEXADECIMAL.fullmatch(pattern) else None


def same(address: Address, want: str, have: str) -> bool:
    """Whether libvirt means one thing by both: a number in another base or with leading zeros, a name in capitals."""
    pattern = pattern_of(address)
    if _LOWERED.fullmatch(pattern) or pattern.endswith("@uuid"):
        return want.lower() == have.lower()
    if pattern.endswith(("@fmode", "@dmode")):
        return want.lstrip("0") == have.lstrip("0")
    return bool(_HEXADECIMAL.fullmatch(pattern)) and _number(want) == _number(have) is not None


def _number(text: str) -> int | None:
    try:
        return int(text, 0) if text.startswith("0x") else int(text)
    except ValueError:
        return None
