"""Where the fields of a table stand: from an address to its field, the path people write and the value they read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from reconciler.fields import Field, Group, Node, join
from reconciler.model.addresses import keys_of, pattern_of
from reconciler.model.documents import Address, Claims
from reconciler.model.secrets import HIDDEN


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


def entry_of(table: Mapping[str, Entry], address: Address) -> Entry | None:
    """The entry for an address: a field that names a key outright (`entry[serial]`) goes before one for any key."""
    found, head, tail = table.get(address), address, ""
    while found is None and "[" in head:
        head, _, rest = head.rpartition("[")
        tail = f"[]{rest.partition(']')[2]}{tail}"
        found = table.get(head + tail)
    return found


def path_of(table: Mapping[str, Entry], address: Address) -> str:
    """The path people write for an address: `disks[root].cache`; `xml:…` where the table has no field."""
    entry = entry_of(table, address)
    path = entry.path if entry else _group_path(table, address)
    if not path:
        return address[1:] if address.startswith("!") else f"xml:{unquote(address)}"
    for key in keys_of(address)[-path.count("[]") :]:
        path = path.replace("[]", f"[{unquote(key)}]", 1)
    return path


def _group_path(table: Mapping[str, Entry], address: Address) -> str:
    """The path of the fields that an element without one of its own holds: `interfaces[].link`, `memtune`."""
    pattern = pattern_of(address)
    inside = [entry.path for known, entry in table.items() if known.startswith((f"{pattern}/", f"{pattern}@"))]
    shared = [parts[0] for parts in zip(*(path.split(".") for path in inside), strict=False) if len(set(parts)) == 1]
    return ".".join(shared)


def shown(table: Mapping[str, Entry], address: Address, value: str | None) -> str | None:
    """A value as people write it; secrets are hidden."""
    entry = entry_of(table, address)
    if value is None or entry is None or entry.field is None:
        return value
    if entry.field.secret:
        return HIDDEN
    lifted = entry.field.codec.lift(value)
    if lifted is None:
        return value
    return str(lifted).lower() if isinstance(lifted, bool) else str(lifted)


def is_whole(table: Mapping[str, Entry], address: Address) -> bool:
    """Whether the element around this leaf means nothing without it."""
    entry = entry_of(table, address)
    return bool(entry and entry.field and entry.field.whole)


def is_group(table: Mapping[str, Entry], address: Address) -> bool:
    """Whether this is the element of a group, which goes with it."""
    entry = entry_of(table, address)
    return entry is not None and entry.field is None and "@" not in address and not address.endswith("]")


def removable(table: Mapping[str, Entry], address: Address) -> bool:
    """Whether a managed field can be taken away from the host when it leaves the document."""
    entry = entry_of(table, address)
    return entry is None or entry.field is None or not entry.field.keep


def implied(table: Mapping[str, Entry], address: Address) -> str | None:
    """What libvirt means at this address when it prints nothing there."""
    entry = entry_of(table, address)
    return entry.field.implied if entry is not None and entry.field is not None else None


def secrets(claims: Claims, table: Mapping[str, Entry]) -> frozenset[Address]:
    """The addresses whose values must never be shown or stored."""
    found = ((address, entry_of(table, address)) for address in claims)
    return frozenset(address for address, entry in found if entry and entry.field and entry.field.secret)
