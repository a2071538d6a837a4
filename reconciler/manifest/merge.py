"""One part of a document laid over another: the one rule for Profiles, documents and patches.

Mappings are merged key by key, lists of named entries entry by entry; everything else is replaced. `null` takes away an
inherited field, `{name: x, $remove: true}` an inherited entry of a list. Both are kept until `settled`: what lies
further down may be meant as well. Pieces of libvirt's XML become a list, which a kind lays over one another.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.manifest.tree import Node
from reconciler.model.secrets import says_where

REMOVE, XML = "$remove", "xml"


def merged(under: Node, over: Node) -> Node:
    """`over` on top of `under`, with its removals still in it. Where a secret is kept is one value."""
    if says_where(under.value) and says_where(over.value):
        return over
    if isinstance(under.value, dict) and isinstance(over.value, dict) and not (_removes(under) or _removes(over)):
        return _by_key(under, over, over.value)
    if over.value and _named(under) and _named(over):
        entries = _by_key(Node(_entries(under)), over, _entries(over))
        return replace(over, value=list(entries.value.values()))
    return over


def on_pieces(under: Node, over: Node) -> Node:
    """The upper spec with its `xml` on that of the lower: by what identifies an element, only a kind can merge."""
    below, above = under.at(XML), over.at(XML)
    if below is None or above is None or below.value is None or above.value is None:
        return over
    return replace(over, value={**over.value, XML: replace(above, value=[*pieces(below), *pieces(above)])})


def pieces(xml: Node) -> list[Node]:
    """The pieces of an `xml` that may be one text, the lowest first."""
    return xml.value if isinstance(xml.value, list) else [xml]


def _by_key(under: Node, over: Node, values: dict[str, Node]) -> Node:
    both = dict(under.value)
    for name, node in values.items():
        both[name] = merged(both[name], node) if name in both else node
    return replace(over, value=both)


def _named(node: Node) -> bool:
    """Whether this is a list whose entries all have a name (an empty one is, too)."""
    return isinstance(node.value, list) and all(_name(entry) is not None for entry in node.value)


def _name(entry: Node) -> str | None:
    named = entry.at("name")
    return named.value if named is not None and isinstance(named.value, str) else None


def _entries(node: Node) -> dict[str, Node]:
    return {str(_name(entry)): entry for entry in node.value}


def _removes(node: Node) -> bool:
    """Whether an entry of a list says nothing but that it is to go."""
    mark = node.at(REMOVE)
    return mark is not None and mark.value is True and set(node.value) == {"name", REMOVE}


def settled(node: Node) -> Node:
    """The value without what is to go: no field of a mapping is null, and no entry of a list is marked for removal."""
    if isinstance(node.value, dict):
        kept = {name: settled(each) for name, each in node.value.items() if each.value is not None}
        return replace(node, value=kept)
    if isinstance(node.value, list):
        return replace(node, value=[settled(each) for each in node.value if not _removes(each)])
    return node
