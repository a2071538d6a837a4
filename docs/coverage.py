"""The pages that say of each element and attribute of libvirt's formats where it goes: into a field or into `xml:`.

What is in the format is read from libvirt's schemas, what has a field from the kind's own table. With the schemas of
another libvirt than the one named here the committed page stays as it is, so that it is the same on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import formats
from tables import prose, table

from reconciler.kind import Kind
from reconciler.kinds.domain.absent import of_the_moment

LIBVIRT = "9.0"
# Kind -> its schema file, and the digest of that and all it includes in libvirt 9.0.0.
SCHEMAS = {
    "Domain": ("domain.rng", "c571aaec4bdf672c"),
    "Network": ("network.rng", "b6572b1a8f40e936"),
    "Pool": ("storagepool.rng", "c2f7debbf1799e80"),
    "Volume": ("storagevol.rng", "c19f2e927e275d49"),
    "NwFilter": ("nwfilter.rng", "4324edadbcc7e0bf"),
    "Secret": ("secret.rng", "040cb7a90ece08fe"),
}


class Where(Enum):
    """Where something of libvirt's format goes."""

    FIELD = "field"
    OVERLAY = "xml:"
    NOWHERE = "not accepted"


@dataclass(frozen=True, slots=True)
class Cover:
    """One place of the format: where it goes, and the fields or the reason."""

    place: str
    where: Where
    said: str = ""


def covers(kind: Kind, places: Mapping[str, bool]) -> list[Cover]:
    """Every place with where it goes, in the order of the schema."""
    fields = _fields(kind)
    return [_cover(kind, place, fields, text=text) for place, text in places.items()]


def _cover(kind: Kind, place: str, fields: Mapping[str, Sequence[str]], *, text: bool) -> Cover:
    place_of = SPELT.get(f"{kind.name}:{place}", place)
    found = fields.get(place_of) or fields.get(place.removesuffix("@unit"))
    if found:
        return Cover(place, Where.FIELD, ", ".join(f"`{name}`" for name in found))
    refused = _refused(kind, place)
    if refused:
        return Cover(place, Where.NOWHERE, refused)
    holds = not text and any(known.startswith((f"{place}/", f"{place}@")) for known in fields)
    return Cover(place, Where.FIELD if holds else Where.OVERLAY)


_NAME = "is the document's own name; another one is an error (R207)"
_COUNTED = "passed over: the host counts it"
_GIVEN = "passed over: the host gives it, once"
_LENT = "passed over: libvirt lends the file to QEMU"
_POOLS = "passed over: the pool decides it"
# What is another spelling of something else.
SPELT = {"Network:forward@dev": "forward/interface@dev"}
# Kind -> what it does not manage, as a pattern over places, and why.
_LEFT: Mapping[str, Mapping[str, str]] = {
    "Domain": {"name": _NAME},
    "Network": {"name": _NAME, "uuid": _GIVEN, ".*@connections": _COUNTED},
    "Pool": {
        "name": _NAME,
        "uuid": _GIVEN,
        "(capacity|allocation|available)(@unit)?|source/device/freeExtent(@.*)?": _COUNTED,
    },
    "Volume": {
        "name": _NAME,
        "@type|key|target/path|source": _POOLS,
        "(allocation|physical)(@unit)?|(target|backingStore)/timestamps(/.*)?": _COUNTED,
        "(target/permissions/(owner|group|label)|backingStore/permissions(/.*)?)": _LENT,
    },
}


def _refused(kind: Kind, place: str) -> str:
    if kind.name == "Domain" and of_the_moment(place):
        return "is libvirt's own note on a running machine (R215)"
    known = _LEFT.get(kind.name, {}).items()
    return next((why for pattern, why in known if re.fullmatch(pattern, place)), "")


def _fields(kind: Kind) -> dict[str, list[str]]:
    """Place -> the fields that have it, as people write them."""
    found: dict[str, list[str]] = {}
    for pattern, entry in kind.table.items():
        names = found.setdefault(re.sub(r"\[[^\]]*\]", "", pattern), [])
        if entry.path and entry.path not in names:
            names.append(entry.path)
    return {place: names for place, names in found.items() if names}


# Pages


def page(kinds: Mapping[str, Kind], committed: Path) -> Iterator[str]:
    """The page on all formats; the committed one where the machine has the schemas of another libvirt."""
    listed = [name for name in SCHEMAS if name in kinds]
    if not all(_is_known(name) for name in listed):
        yield from committed.read_text(encoding="utf-8").splitlines()[2:]
        return
    yield from _head()
    found = {name: covers(kinds[name], formats.Format.read(SCHEMAS[name][0]).places()) for name in listed}
    yield from table(("Kind", "", "A field", "`xml:`", "Not accepted"), _summary(found))
    for name, covered in found.items():
        yield from ("", f"## {name}")
        yield from _sections(covered)


def _is_known(name: str) -> bool:
    file, digest = SCHEMAS[name]
    return (formats.SCHEMAS / file).is_file() and formats.digest(*formats.Format.read(file).files) == digest


def _head() -> Iterator[str]:
    yield "# What goes where: libvirt's formats"
    yield ""
    yield from prose(f"""
        Each element and attribute that the schemas of libvirt {LIBVIRT} have, and where it goes in a document: into a
        field, or into [`xml:`](../how-to/xml.md), which takes everything else in libvirt's own words. A path starts at
        the element of its row; an element inside itself (a backing store's backing store) is listed once. An element of
        another namespace is one value. Tests send an example of each place of Domain, Network, Pool and Volume through
        the program and see it arrive.""")
    yield ""


def _summary(found: Mapping[str, Sequence[Cover]]) -> Iterator[Sequence[str]]:
    for name, covered in found.items():
        for what, attributes in (("elements", False), ("attributes", True)):
            counted = [each.where for each in covered if ("@" in each.place) is attributes]
            yield (f"[{name}](#{name.lower()})", what, *(str(counted.count(where)) for where in Where))


def _sections(covered: Sequence[Cover]) -> Iterator[str]:
    """A table for each part of the format."""
    parts: dict[str, list[Cover]] = {}
    for each in covered:
        parts.setdefault(_part(each.place), []).append(each)
    small = [each for part, members in parts.items() if len(members) < 4 for each in members]
    if small:
        yield from ("", "### Short ones", "")
        yield from _table("", small)
    for part, members in parts.items():
        if len(members) >= 4:
            yield from ("", f"### `{part}`", "")
            yield from _table(part, members)


def _part(place: str) -> str:
    names = re.split("[/@]", place)
    return "/".join(names[:2]) if names[0] in ("devices", "target", "source") and "/" in place else names[0]


def _table(part: str, members: Sequence[Cover]) -> Iterator[str]:
    rows: dict[str, list[Cover]] = {}
    alone = _alone(members)
    for each in members:
        element = each.place.partition("@")[0]
        holder = next((above for above in alone if element == above or element.startswith(f"{above}/")), element)
        rows.setdefault(holder, []).append(each)
    yield from table(("Element", "Fields", "In `xml:`"), (_row(part, element, each) for element, each in rows.items()))


def _alone(members: Sequence[Cover]) -> list[str]:
    """The largest elements with nothing in them but what goes one way that is not a field."""
    found: list[str] = []
    for each in members:
        if "@" in each.place or any(each.place.startswith(f"{above}/") for above in found):
            continue
        inside = [other for other in members if other.place.startswith((f"{each.place}/", f"{each.place}@"))]
        if each.where is not Where.FIELD and all(
            (other.where, other.said) == (each.where, each.said) for other in inside
        ):
            found.append(each.place)
    return found


def _row(part: str, element: str, members: Sequence[Cover]) -> Sequence[str]:
    named = element.removeprefix(part).lstrip("/") or part.rpartition("/")[2]
    if members[0].where is Where.NOWHERE and len({each.said for each in members}) == 1:
        return f"`{named or '@id'}`", members[0].said, ""
    fields, overlaid = [], []
    for each in members:
        leaf = each.place[len(element) :].lstrip("/")
        if each.where is Where.FIELD and each.said:
            fields.append(f"`{leaf}`: {each.said}" if leaf else each.said)
        elif each.where is Where.NOWHERE:
            fields.append(f"`{leaf}` {each.said}")
        elif each.where is Where.OVERLAY:
            overlaid.append(f"`{leaf}`" if leaf else "itself")
    return f"`{named}`" if named else "the root", "; ".join(fields), ", ".join(overlaid)
