"""Machines that are alike: they differ in nothing but their names, what people say of them, their MACs and their files.

What an import makes of such a value is the value itself, in one place, and nothing else depends on it: whatever it
makes of one of these machines is right for all of them, with their own values put in. So only the first is worked out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from reconciler.codecs import Json
from reconciler.entries import entry_of
from reconciler.fields import lift_value
from reconciler.kinds.domain import seed
from reconciler.kinds.domain.spec import TABLE, UNPLUGGED
from reconciler.model.documents import Address, Texts

Common = tuple[tuple[Address, str], ...]
# Stand-in -> what this machine has in its place.
Own = Mapping[str, str]

# No document says them.
_IDENTITY = ("name", "uuid")
_SAID = ("title", "description")
_MAC, _FILE = "/mac@address", "/source@file"
_STARTS = ("devices/interface[", "devices/disk[")


def apart(texts: Texts) -> tuple[Common, Own]:
    """What a machine has in common with others, with stand-ins for the rest; and that rest."""
    free = dict(_free(texts))
    own = {stand_in: texts[at] for at, stand_in in free.items()}
    keys = {f"devices/interface[{texts[at]}]": f"devices/interface[{new}]" for at, new in free.items() if _MAC in at}
    common = (
        (_renamed(address, keys), "" if address in _IDENTITY else free.get(address, text))
        for address, text in texts.items()
    )
    return tuple(common), own


def _renamed(address: Address, keys: Mapping[Address, Address]) -> Address:
    """The address below the stand-in where a MAC is the key of its interface."""
    if not (keys and address.startswith("devices/interface[")):
        return address
    end = address.index("]") + 1
    return keys.get(address[:end], address[:end]) + address[end:]


def _free(texts: Texts) -> Iterator[tuple[Address, str]]:
    """The values of a machine's own that no other of its texts may depend on, each with its stand-in."""
    values = list(texts.values())
    wanted = (
        at
        for at in texts
        if at in _SAID or (at.startswith(_STARTS) and at.endswith((_MAC, _FILE)) and at.count("[") == 1)
    )
    for number, address in enumerate(wanted):
        text, stand_in = texts[address], _stand_in(address, number)
        # A value that comes again somewhere else may mean more than itself there.
        if values.count(text) == 1 and stand_in not in values and _is_plain(address, text, texts):
            yield address, stand_in


def _stand_in(address: Address, number: int) -> str:
    if address.endswith(_MAC):
        return f"52:54:00:00:{number >> 8 & 255:02x}:{number & 255:02x}"
    return f"/stand-in/{number}"


def _is_plain(address: Address, text: str, texts: Texts) -> bool:
    """Whether the field of this address says the text as it stands, and a seed or a loose plug makes it no other's."""
    entry = entry_of(TABLE, address)
    field = entry.field if entry is not None else None
    if field is None or lift_value(field.codec, text) != text:
        return False
    return UNPLUGGED not in texts if address.endswith(_MAC) else not seed.is_seed(text.rpartition("/")[2])


def together(body: Mapping[str, Json], own: Own) -> dict[str, Json] | None:
    """The body with a machine's own values in the place of the stand-ins; None unless each has one place of its own."""
    met: list[str] = []
    whole = {name: _put(value, own, met) for name, value in body.items()}
    loose = str(body.get("xml", ""))
    alone = len(met) == len(own) == len(set(met)) and not any(stand_in in loose for stand_in in own)
    return whole if alone else None


def _put(value: Json, own: Own, met: list[str]) -> Json:
    if isinstance(value, str):
        if value not in own:
            return value
        met.append(value)
        return own[value]
    if isinstance(value, list):
        return [_put(each, own, met) for each in value]
    if isinstance(value, dict):
        return {name: _put(each, own, met) for name, each in cast("dict[str, Json]", value).items()}
    return value
