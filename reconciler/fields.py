"""The field table: what a manifest calls a thing, where libvirt keeps it, and what it means.

Each kind writes its fields down once, as a tree of `Field`, `Group` and `Items`. From that table come the JSON Schema,
the way into libvirt's words (`lower`) and back (`lift`), the paths in a plan, and the reference pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

from reconciler.codecs import NAME_PATTERN, Codec, Json, fits
from reconciler.model.addresses import quote_key
from reconciler.model.documents import Address, Texts
from reconciler.model.secrets import reference_of

_KEYS = re.compile(r"\[[^\]]*\]")


@dataclass(frozen=True, kw_only=True)
class Field:
    """One value. `at` is its address, relative to the nearest Items; `doc` is one sentence for the reference.

    `must`: the document has to give it. `keep`: taking it out of the document leaves it as it is on the host, since
    libvirt cannot be without it. `whole`: taking it out removes the element it belongs to, which is nothing without it.
    `secret`: never shown, logged or stored; a document may say where the value is kept instead of giving it.
    `implied` is what libvirt means when it prints nothing.
    `noted`: the kind itself reads it (a name, a size to make a volume from); it claims nothing.
    `when`: fields beside it and the values with which alone this one means something to libvirt; () is any value.
    """

    name: str
    at: Address
    codec: Codec
    doc: str
    example: Json
    must: bool = False
    keep: bool = False
    whole: bool = False
    secret: bool = False
    implied: str | None = None
    noted: bool = False
    when: When = ()

    @cached_property
    def regions(self) -> frozenset[str]:
        """Where in a definition its addresses are, relative to the nearest Items."""
        return frozenset((region_of(self.at),))


@dataclass(frozen=True, kw_only=True)
class Group:
    """Fields under one name. A plain value written in its place is the value of each field that `short` names.

    `at` is an element that is there while the group is written and goes with it; the fields are relative to it, and
    `derive` and `derived` are as in Items. With `plain`, what it makes of the fields is the one way to write the group.
    """

    name: str
    doc: str
    fields: tuple[Node, ...]
    at: Address = ""
    short: tuple[str, ...] = ()
    derive: Derive | None = None
    derived: Mapping[Address, str] = field(default_factory=dict)
    plain: Callable[[Mapping[str, Json]], Json] | None = None
    example: Json = None
    when: When = ()

    @cached_property
    def regions(self) -> frozenset[str]:
        """Where in a definition its addresses are, relative to the nearest Items."""
        if self.at:
            return frozenset((region_of(self.at), *(region_of(join(self.at, each)) for each in self._inside)))
        return self._inside

    @property
    def _inside(self) -> frozenset[str]:
        return frozenset(region for child in self.fields for region in child.regions)


@dataclass(frozen=True, kw_only=True)
class Items:
    """A list of repeated elements at `at`, each with the key that the field `key` gives, else its position.

    `owned`: the whole list is ours once the document writes it; `none`: once it writes that there is none.
    `alias`: the host keeps the key as a user alias.
    A plain value written as an entry is that of the field `short`. `derive` adds what follows from an entry's other
    values (a disk's type from its source), by addresses in the entry; `derived` are the paths people see for those.
    """

    name: str
    at: Address
    doc: str
    fields: tuple[Node, ...]
    key: str = ""
    owned: bool = True
    none: bool = False
    alias: bool = False
    short: str = ""
    derive: Derive | None = None
    derived: Mapping[Address, str] = field(default_factory=dict)
    example: Json = None
    when: When = ()

    @cached_property
    def regions(self) -> frozenset[str]:
        """Where in a definition its addresses are, relative to the nearest Items."""
        return frozenset((region_of(self.at),))


Derive = Callable[[dict[Address, str | None]], None]
When = tuple[tuple[str, tuple[Json, ...]], ...]
Node = Field | Group | Items


@dataclass(slots=True)
class Lowered:
    """A document's body in libvirt's words."""

    claims: dict[Address, str | None] = field(default_factory=dict)
    lists: set[Address] = field(default_factory=set)
    hints: dict[Address, str] = field(default_factory=dict)


def region_of(address: Address) -> str:
    """The outermost two elements of an address without their keys: roughly where it is."""
    plain = _KEYS.sub("", address) if "[" in address else address
    return "/".join(plain.partition("@")[0].split("/", 2)[:2])


def join(base: Address, at: Address) -> Address:
    """`at` below an element: `join("devices/disk[root]", "driver@cache")`, `join(…, "@type")`, `join(…, "")`."""
    return base + at if at.startswith("@") or not (base and at) else f"{base}/{at}"


def lower(nodes: Iterable[Node], body: Mapping[str, Json], base: Address = "", into: Lowered | None = None) -> Lowered:
    """What a valid body claims, in the order of the table."""
    lowered = into if into is not None else Lowered()
    for node in nodes:
        if node.name in body:
            _lower_node(node, body[node.name], base, lowered)
    return lowered


def _lower_node(node: Node, value: Json, base: Address, lowered: Lowered) -> None:
    if isinstance(node, Field):
        if node.noted:
            return
        address = join(base, node.at)
        if node.secret and isinstance(value, Mapping):
            lowered.claims[address] = reference_of(value).text
            return
        lowered.claims[address] = node.codec.lower(value)
        if node.codec.unit_text and "@" not in node.at:
            lowered.claims[f"{address}@unit"] = node.codec.unit_text
    elif isinstance(node, Group):
        whole = value if isinstance(value, Mapping) else dict.fromkeys(node.short, value)
        if node.at:
            _lower_element(node, whole, join(base, node.at), lowered)
        else:
            lower(node.fields, whole, base, lowered)
    else:
        _lower_items(node, cast("list[Json]", value), base, lowered)


def _lower_items(node: Items, entries: list[Json], base: Address, lowered: Lowered) -> None:
    at = join(base, node.at)
    if node.owned or (node.none and not entries):
        lowered.lists.add(at)
    seen: dict[str, int] = {}
    for position, entry in enumerate(entries):
        item = entry if isinstance(entry, Mapping) else {node.short: entry}
        key = _key(node, item, position)
        # The same numbering of equal keys as in `markup.walk`.
        count = seen[key] = seen.get(key, -1) + 1
        element = f"{at}[{key}#{count}]" if count else f"{at}[{key}]"
        _lower_element(node, item, element, lowered)
        if node.alias:
            lowered.hints[f"{element}/alias@name"] = f"ua-{item.get(node.key, position)}"


def _key(node: Items, item: Mapping[str, Json], position: int) -> str:
    """What an entry is called: its key as libvirt spells it (an IPv6 address in its short form), else its position.

    A key that is not written is what libvirt means by that.
    """
    named = next((child for child in node.fields if child.name == node.key and isinstance(child, Field)), None)
    if node.key not in item:
        return (named.implied if named else None) or str(position)
    value = item[node.key]
    return quote_key((named.codec.lower(value) if named else None) or str(value))


def _lower_element(node: Group | Items, body: Mapping[str, Json], element: Address, lowered: Lowered) -> None:
    """An element of its own: it is claimed to be there, with what the body says of it and what follows from that."""
    inner = Lowered()
    inner.claims[""] = ""
    lower(node.fields, body, "", inner)
    if node.derive:
        node.derive(inner.claims)
    lowered.claims.update((join(element, leaf), text) for leaf, text in inner.claims.items())
    lowered.lists.update(f"{element}/{owned}" for owned in inner.lists)
    lowered.hints.update((join(element, leaf), text) for leaf, text in inner.hints.items())


def lift(nodes: Iterable[Node], texts: Texts, base: Address = "") -> dict[str, Json]:
    """The body that claims what `texts` hold, as far as the table has fields for it.

    A value that its field could not write again as it stands is left out, and so is a field beside which others say
    that it means nothing: what comes of this is always valid, and claims nothing that is not there.
    """
    body: dict[str, Json] = {}
    # Most of a table's nodes are about what a definition does not have, which shows from afar.
    present = None if base else {region_of(address) for address in texts}
    for node in nodes:
        if present is not None and node.regions.isdisjoint(present):
            continue
        found = _lift_node(node, texts, base)
        if found is not None and found not in ({}, []):
            body[node.name] = found
    for node in nodes:
        if node.when and node.name in body and not _means_something(node.when, body):
            del body[node.name]
    return body


def _means_something(when: When, body: Mapping[str, Json]) -> bool:
    """As the schema has it (see `shapes`): a value beside it that is written must be one of these."""
    return all(name in body if not values else body.get(name, values[0]) in values for name, values in when)


def _lift_node(node: Node, texts: Texts, base: Address) -> Json:
    if isinstance(node, Field):
        value = texts.get(join(base, node.at))
        return None if value is None or node.secret else lift_value(node.codec, value)
    if isinstance(node, Group):
        if node.plain:
            return _lift_plain(node, node.plain, texts, join(base, node.at))
        found = lift(node.fields, texts, join(base, node.at))
        return _shortened(node, found) if _has_all(node.fields, found) else None
    return list(_lift_items(node, texts, join(base, node.at)))


def _lift_plain(node: Group, plain: Callable[[Mapping[str, Json]], Json], texts: Texts, base: Address) -> Json:
    """The one value that several places of the definition make together; None where it would not give them again."""
    parts = [
        (child, text) for child in node.fields if isinstance(child, Field) and (text := texts.get(join(base, child.at)))
    ]
    found = {child.name: value for child, text in parts if (value := child.codec.lift(text)) is not None}
    whole = plain(found) if found else None
    if whole is None or not all(fits(child.codec.schema, whole) for child, _ in parts):
        return None
    return whole if all(child.codec.lower(whole) == text for child, text in parts) else None


def lift_value(codec: Codec, text: str) -> Json:
    """The value that is written for a text; None where no valid one comes out as this very text."""
    value = codec.lift(text)
    return value if value is not None and fits(codec.schema, value) and codec.lower(value) == text else None


def _has_all(nodes: Iterable[Node], body: Mapping[str, Json]) -> bool:
    """Whether the body says all that it must."""
    return all(node.name in body for node in nodes if isinstance(node, Field) and node.must)


def _shortened(node: Group, found: Mapping[str, Json]) -> Json:
    """The plain value where it says the same."""
    values = [found.get(name) for name in node.short]
    same = len(found) == len(values) and all(value is not None and value == values[0] for value in values)
    return values[0] if same and values and not isinstance(values[0], Mapping) else found


def _lift_items(node: Items, texts: Texts, at: Address) -> Iterator[Json]:
    start = at + "["
    inside: dict[str, dict[Address, str]] = {}
    for address, text in texts.items():
        if address.startswith(start):
            key, _, leaf = address[len(start) :].partition("]")
            inside.setdefault(key, {})[leaf.lstrip("/")] = text
    for position, (key, leaves) in enumerate(inside.items()):
        entry = lift(node.fields, leaves)
        if node.alias:
            named = re.fullmatch(NAME_PATTERN, key) and not key.isdecimal()
            entry = {node.key: key if named else f"{at.rpartition('/')[2]}{position}", **entry}
        if entry and _has_all(node.fields, entry):
            yield entry[node.short] if set(entry) == {node.short} else entry
