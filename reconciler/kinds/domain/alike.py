"""Machines that are alike: they differ in nothing but their names, what people say of them, their MACs and their files.

What an import makes of such a value is the value itself, in one place, and nothing else depends on it: whatever it
makes of one of these machines is right for all of them, with their own values put in. So only the first is worked out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from reconciler.codecs import Codec, Json
from reconciler.entries import entry_of
from reconciler.errors import ReconcilerError
from reconciler.fields import lift_value
from reconciler.kinds.domain import seed, xml
from reconciler.kinds.domain.dump import dump
from reconciler.kinds.domain.spec import TABLE, UNPLUGGED
from reconciler.model.documents import Address, Texts

Body = dict[str, Json]
# Stand-in -> what this machine has in its place.
Own = Mapping[str, str]

# What may be a machine's own, as libvirt writes it: a text, or an attribute.
_OWN = re.compile(
    r"<(?P<element>name|uuid|title|description)>(?P<text>[^<>&]+)</"
    r"|<(?P<attribute>mac address|source file)=(?P<quote>['\"])(?P<value>[^'\"<>&]+)(?P=quote)"
)
# No document says them.
_IDENTITY = ("name", "uuid")
_SAID = re.compile(r"title|description|devices/interface\[[^]]*\]/mac@address|devices/disk\[[^]]*\]/source@file")


@dataclass(frozen=True, slots=True)
class _Make:
    """What is common to machines that are alike: their body with stand-ins, and how each of these is written."""

    body: Body
    codecs: Mapping[str, Codec]


def dumped(text: str, facts: Texts) -> Body:
    """The body of a document for a definition and what no definition holds: just as reading and dumping give it."""
    common, own = _apart(text)
    make = _make(common, tuple(facts.items())) if UNPLUGGED not in facts else None
    body = _together(make, common, own) if make is not None else None
    return dump({**xml.read(text), **facts}) if body is None else body


def _apart(text: str) -> tuple[str, Own]:
    """The definition with stand-ins for what may be the machine's own; and that."""
    own: dict[str, str] = {}

    def stand_in(found: re.Match[str]) -> str:
        group = "text" if found["value"] is None else "value"
        new = f"52:54:00:00:00:{len(own):02x}" if found["attribute"] == "mac address" else f"/stand-in/{len(own)}/"
        own[new] = found[group]
        start, end = (at - found.start() for at in found.span(group))
        return found[0][:start] + new + found[0][end:]

    return _OWN.sub(stand_in, text), own


@lru_cache(maxsize=1024)  # A thousand machines are of a few dozen makes.
def _make(common: str, facts: tuple[tuple[Address, str], ...]) -> _Make | None:
    """What there is to know of these machines; None where one of their own values is more than itself."""
    codecs: dict[str, Codec] = {}
    try:
        texts = {**xml.read(common), **dict(facts)}
        body = dump(texts)
    except ReconcilerError:
        # What is wrong is told of the very machine.
        return None
    loose = str(body.get("xml", ""))
    met = _counted(body)
    for new in _apart(common)[1].values():
        places = [at for at, text in texts.items() if new in text]
        if len(places) != 1 or texts[places[0]] != new or new in loose:
            return None
        (at,) = places
        entry = entry_of(TABLE, at)
        if at in _IDENTITY and new not in met:
            continue
        if met.count(new) != 1 or not _SAID.fullmatch(at) or entry is None or entry.field is None:
            return None
        codecs[new] = entry.field.codec
    return _Make(body, codecs)


def _counted(body: Body) -> list[str]:
    """Every text in a body."""
    met: list[str] = []
    _mapped(body, lambda text: met.append(text) or text)  # type: ignore[func-returns-value]
    return met


def _together(make: _Make, common: str, own: Own) -> Body | None:
    """The body with a machine's own values in their places; None where one of them may mean more than itself."""
    said = {new: own[new] for new in make.codecs}
    plain = len(set(said.values())) == len(said) and all(
        lift_value(make.codecs[new], text) == text == text.strip() and text not in common and not seed.is_seed(text)
        for new, text in said.items()
    )
    return cast("Body", _mapped(make.body, lambda text: said.get(text, text))) if plain else None


def _mapped(value: Json, change: Callable[[str], str]) -> Json:
    """The value with another text in the place of each."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(each, change) for each in value]
    if isinstance(value, dict):
        return {name: _mapped(each, change) for name, each in cast("Body", value).items()}
    return value
