"""The field table: what a manifest calls a thing, where libvirt keeps it, and what it means.

Each kind writes its fields down once, as a tree of `Field`, `Group` and `Items`. From that table come the JSON Schema,
the way into libvirt's words (`lower`) and back (`lift`), the paths in a plan, and the reference pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from reconciler.markup import keys_of, pattern_of, quote_key
from reconciler.model.documents import Address, Claims, Texts
from reconciler.model.quantities import SIZE_PATTERN, format_size, parse_size

Json = object


@dataclass(frozen=True, kw_only=True, slots=True)
class Codec:
    """How one value is written in YAML (`schema`) and in libvirt's XML. `lower` may give None: must be absent.

    `unit` is for the reader. `unit_text` is what libvirt writes in a unit attribute beside the value.
    """

    schema: Mapping[str, Json]
    lower: Callable[[Json], str | None]
    lift: Callable[[str], Json]
    unit: str = ""
    unit_text: str = ""


def _text(value: Json) -> str:
    return str(value)


def text(*, pattern: str = "", unit: str = "") -> Codec:
    """A string; `pattern` is a regular expression for the whole of it."""
    schema: dict[str, Json] = {"type": "string", "minLength": 1}
    if pattern:
        schema["pattern"] = f"^(?:{pattern})$"
    return Codec(schema=schema, lower=_text, lift=_text, unit=unit)


def choice(*words: str, xml: Mapping[str, str] | None = None) -> Codec:
    """One of a few words; `xml` maps those that libvirt writes otherwise."""
    there = dict(xml or {})
    back = {value: key for key, value in there.items()}
    return Codec(
        schema={"type": "string", "enum": list(words)},
        lower=lambda value: there.get(str(value), str(value)),
        lift=lambda value: back.get(value, value),
    )


def _flag(on: str, off: str | None) -> Codec:
    return Codec(
        schema={"type": "boolean"},
        lower=lambda value: on if value else off,
        lift=lambda value: value == on,
    )


YES_NO = _flag("yes", "no")
ON_OFF = _flag("on", "off")
# An empty element that means yes by being there.
PRESENT = Codec(schema={"type": "boolean"}, lower=lambda value: "" if value else None, lift=lambda value: True)
TEXT = text()
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.+-]*"
NAME = text(pattern=NAME_PATTERN)
PATH = text(pattern=r"/[^\x00-\x1f]*", unit="absolute path on the host")
MAC = Codec(
    schema={"type": "string", "pattern": r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$"},
    lower=lambda value: str(value).lower(),
    lift=_text,
)
UUID = Codec(
    schema={"type": "string", "pattern": r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"},
    lower=lambda value: str(value).lower(),
    lift=_text,
)
CPUSET = text(pattern=r"\^?[0-9]+(-[0-9]+)?(,\^?[0-9]+(-[0-9]+)?)*", unit="list of CPU numbers such as 0-3,8")
ADDRESS = text(pattern=r"[0-9A-Fa-f.:]+", unit="IPv4 or IPv6 address")


def integer(low: int = 0, high: int | None = None, *, unit: str = "") -> Codec:
    """A whole number from `low` to `high`."""
    schema: dict[str, Json] = {"type": "integer", "minimum": low}
    if high is not None:
        schema["maximum"] = high
    return Codec(schema=schema, lower=_text, lift=_number, unit=unit)


def _number(value: str) -> Json:
    return int(value) if re.fullmatch(r"-?[0-9]+", value) else value


def size(unit: int, unit_text: str, *, step: int = 1) -> Codec:
    """An amount of bytes that libvirt counts in `unit`; rounded up to `step` of them, as libvirt would."""
    block = unit * step
    return Codec(
        schema={"type": "string", "pattern": SIZE_PATTERN},
        lower=lambda value: str(-(-parse_size(str(value)) // block) * step),
        lift=lambda value: format_size(int(value) * unit) if value.isdecimal() else value,
        unit="bytes with a unit, for example 2GiB",
        unit_text=unit_text,
    )


MEMORY = size(1024, "KiB")
VOLUME_SIZE = size(1, "bytes", step=512)


@dataclass(frozen=True, kw_only=True)
class Field:
    """One value. `at` is its address, relative to the nearest Items; `doc` is one sentence for the reference.

    `must`: the document has to give it. `keep`: taking it out of the document leaves it as it is on the host, since libvirt
    cannot be without it. `whole`: taking it out removes the element it belongs to, which is nothing without it.
    `secret`: never shown, logged or stored. `implied` is what libvirt means when it prints nothing.
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


@dataclass(frozen=True, kw_only=True)
class Group:
    """Fields under one name. A plain value written in its place is the value of each field that `short` names.

    `at` is an element that is there while the group is written and goes with it; the fields are relative to it, and
    `derive` and `derived` are as in Items. With `plain` the plain value is the only way to write the group:
    it is what `plain` makes of the fields.
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


@dataclass(frozen=True, kw_only=True)
class Items:
    """A list whose entries are repeated elements at `at`, each with the key that the field `key` gives, else its position.

    `owned`: the whole list is ours once the document writes it. `alias`: the key is kept on the host as libvirt's user alias.
    A plain value written as an entry is the value of the field `short`. `derive` adds what follows from an entry's other
    values (a disk's type from its source), given and returning addresses relative to the entry; `derived` says which
    path people see for those that have no field.
    """

    name: str
    at: Address
    doc: str
    fields: tuple[Node, ...]
    key: str = ""
    owned: bool = True
    alias: bool = False
    short: str = ""
    derive: Derive | None = None
    derived: Mapping[Address, str] = field(default_factory=dict)
    example: Json = None
    when: When = ()


Derive = Callable[[dict[Address, str | None]], None]
When = tuple[tuple[str, tuple[Json, ...]], ...]
Node = Field | Group | Items


@dataclass(slots=True)
class Lowered:
    """A document's body in libvirt's words."""

    claims: dict[Address, str | None] = field(default_factory=dict)
    lists: set[Address] = field(default_factory=set)
    hints: dict[Address, str] = field(default_factory=dict)


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
    if node.owned:
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
    """What an entry is called: its key as libvirt spells it (an IPv6 address in its short form), else its position."""
    if node.key not in item:
        return str(position)
    named = next((child for child in node.fields if child.name == node.key and isinstance(child, Field)), None)
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
    """The body that claims what `texts` hold, as far as the table has fields for it."""
    body: dict[str, Json] = {}
    for node in nodes:
        found = _lift_node(node, texts, base)
        if found is not None and found != {} and found != []:
            body[node.name] = found
    return body


def _lift_node(node: Node, texts: Texts, base: Address) -> Json:
    if isinstance(node, Field):
        value = texts.get(join(base, node.at))
        return None if value is None or node.secret else node.codec.lift(value)
    if isinstance(node, Group):
        found = lift(node.fields, texts, join(base, node.at))
        return node.plain(found) if node.plain and found else found
    return list(_lift_items(node, texts, join(base, node.at)))


def _lift_items(node: Items, texts: Texts, at: Address) -> Iterator[dict[str, Json]]:
    for position, key in enumerate(entry_keys(texts, at)):
        element = f"{at}[{key}]"
        inside = {
            known[len(element) :].lstrip("/"): value for known, value in texts.items() if known.startswith(element)
        }
        entry = lift(node.fields, inside)
        if node.alias and node.key not in entry:
            named = re.fullmatch(NAME_PATTERN, key) and not key.isdecimal()
            entry = {node.key: key if named else f"{at.rpartition('/')[2]}{position}", **entry}
        if entry:
            yield entry


def entry_keys(texts: Iterable[Address], at: Address) -> list[str]:
    """The keys of the elements at `at`, in order."""
    start = at + "["
    found = (address[len(start) : address.index("]", len(start))] for address in texts if address.startswith(start))
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a field stands in a table: its path as people write it, with `[]` for each key."""

    path: str
    field: Field | None


def index(nodes: Iterable[Node]) -> dict[str, Entry]:
    """Every address pattern of a table, and the elements of its lists, with the path people write."""
    return dict(_index(nodes, "", ""))


def _index(nodes: Iterable[Node], path: str, base: Address) -> Iterator[tuple[str, Entry]]:
    for node in nodes:
        here = f"{path}.{node.name}" if path else node.name
        if isinstance(node, Field):
            yield join(base, node.at), Entry(here, node)
        elif isinstance(node, Group):
            if node.at:
                element = join(base, node.at)
                yield element, Entry(here, None)
                yield from ((join(element, at), Entry(f"{here}.{name}", None)) for at, name in node.derived.items())
            yield from _index(node.fields, here, join(base, node.at))
        else:
            element = join(base, node.at) + "[]"
            yield element, Entry(here + "[]", None)
            yield from ((join(element, at), Entry(f"{here}[].{name}", None)) for at, name in node.derived.items())
            yield from _index(node.fields, here + "[]", element)


def path_of(table: Mapping[str, Entry], address: Address) -> str:
    """The path people write for an address: `disks[root].cache`; `xml:…` where the table has no field."""
    entry = table.get(pattern_of(address))
    if entry is None:
        return address[1:] if address.startswith("!") else f"xml:{address}"
    path = entry.path
    for key in keys_of(address):
        path = path.replace("[]", f"[{key}]", 1)
    return path


def shown(table: Mapping[str, Entry], address: Address, value: str | None) -> str | None:
    """A value as people write it; secrets are hidden."""
    entry = table.get(pattern_of(address))
    if value is None or entry is None or entry.field is None:
        return value
    if entry.field.secret:
        return "(hidden)"
    lifted = entry.field.codec.lift(value)
    if lifted is None:
        return value
    return str(lifted).lower() if isinstance(lifted, bool) else str(lifted)


def schema(nodes: Iterable[Node]) -> dict[str, Json]:
    """The JSON Schema of an object with these fields."""
    listed = tuple(nodes)
    result: dict[str, Json] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {node.name: _node_schema(node) for node in listed},
    }
    must = [node.name for node in listed if isinstance(node, Field) and node.must]
    bound = {node.name: _bound(node.when) for node in listed if node.when}
    if must:
        result["required"] = must
    if bound:
        result["dependentSchemas"] = bound
    return result


def _bound(when: When) -> dict[str, Json]:
    """What has to hold of an object for a field in it to mean something."""
    values = {name: {"enum": list(values)} for name, values in when if values}
    return {"properties": values, "required": [name for name, values in when if not values]}


def _node_schema(node: Node) -> dict[str, Json]:
    if isinstance(node, Field):
        about: dict[str, Json] = {"description": _sentence(node), "examples": [node.example]}
        if node.secret:
            about["writeOnly"] = True
        return {**node.codec.schema, **about}
    inner = schema(node.fields)
    about = {"description": node.doc, **({"examples": [node.example]} if node.example is not None else {})}
    if isinstance(node, Group):
        if not node.short:
            return {**inner, **about}
        if node.plain:
            return {**node.fields[0].codec.schema, **about} if isinstance(node.fields[0], Field) else about
        plain = next(child for child in node.fields if child.name == node.short[0])
        return {"anyOf": [_node_schema(plain), inner], **about}
    if node.short:
        plain = next(child for child in node.fields if child.name == node.short)
        return {"type": "array", "items": {"anyOf": [_node_schema(plain), inner]}, **about}
    return {"type": "array", "items": inner, **about}


def _sentence(node: Field) -> str:
    return f"{node.doc} Unit: {node.codec.unit}." if node.codec.unit else node.doc


def is_whole(table: Mapping[str, Entry], address: Address) -> bool:
    """Whether the element around this leaf means nothing without it."""
    entry = table.get(pattern_of(address))
    return entry is not None and entry.field is not None and entry.field.whole


def removable(table: Mapping[str, Entry], address: Address) -> bool:
    """Whether a managed field can be taken away from the host when it leaves the document."""
    entry = table.get(pattern_of(address))
    return entry is None or entry.field is None or not entry.field.keep


def implied(table: Mapping[str, Entry], address: Address) -> str | None:
    """What libvirt means at this address when it prints nothing there."""
    entry = table.get(pattern_of(address))
    return entry.field.implied if entry is not None and entry.field is not None else None


def secrets(claims: Claims, table: Mapping[str, Entry]) -> frozenset[Address]:
    """The addresses whose values must never be shown or stored."""
    return frozenset(
        address
        for address in claims
        if (entry := table.get(pattern_of(address))) is not None and entry.field is not None and entry.field.secret
    )
