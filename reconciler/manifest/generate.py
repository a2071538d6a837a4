"""Many documents from one: `generate` beside its metadata says how many, for which entries, or for which hosts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from reconciler.errors import ManifestError, trouble
from reconciler.manifest.check import advice
from reconciler.manifest.placeholders import Filling
from reconciler.manifest.tree import Node, plain
from reconciler.model.documents import Document

GENERATE = "generate"
MOST = 10_000
_WAYS = ("count", "forEach", "hosts")
_KNOWN = (*_WAYS, "start")


@dataclass(frozen=True, slots=True)
class Made:
    """One document of a generator, still with its placeholders; `known` are the names it may use because of it."""

    node: Node
    known: Mapping[str, Node] = field(default_factory=dict)


def made(node: Node, filling: Filling, hosts: Mapping[str, Document]) -> Iterator[Made]:
    """The documents of one that may have `generate`; itself where it has none.

    `filling` knows the values. Raises ManifestError R116, R119.
    """
    wish = node.at(GENERATE)
    if wish is None:
        yield Made(node)
        return
    kind = node.at("kind")
    if kind is not None and kind.value == "Profile":
        raise trouble("R119", "a Profile is no object, so it cannot be generated; write it once", str(wish.key))
    wish = filling.fill(wish)
    if filling.problems:
        raise ManifestError(filling.problems)
    rest = replace(node, value={name: each for name, each in node.value.items() if name != GENERATE})
    way, said = _way(wish)
    if way == "count":
        yield from _counted(rest, said, wish.at("start"))
    elif way == "forEach":
        yield from _listed(rest, said)
    else:
        yield from _hosted(rest, said, hosts)


def _way(wish: Node) -> tuple[str, Node]:
    """Which of the ways is chosen, and what it is given."""
    if not isinstance(wish.value, dict):
        raise trouble("R119", f"generate wants a mapping with one of {', '.join(_WAYS)}", str(wish.place))
    for name, node in wish.value.items():
        if name not in _KNOWN:
            raise trouble(
                "R119", f"generate has no field {name!r}; {advice(name, _KNOWN)}", str(node.key or node.place)
            )
    chosen = [name for name in _WAYS if name in wish.value]
    if len(chosen) != 1:
        raise trouble("R119", f"generate wants exactly one of {', '.join(_WAYS)}", str(wish.place))
    if "start" in wish.value and chosen != ["count"]:
        raise trouble("R119", "start belongs to count; take it out", str(wish.value["start"].key or wish.place))
    return chosen[0], wish.value[chosen[0]]


def _counted(node: Node, count: Node, start: Node | None) -> Iterator[Made]:
    first = _number(start, "generate.start") if start is not None else 0
    for number in range(first, first + _number(count, "generate.count")):
        index = Node(number, count.place)
        yield Made(node, {"index": index, "each": Node({"index": index}, count.place)})


def _number(node: Node, name: str) -> int:
    if isinstance(node.value, bool) or not isinstance(node.value, int) or not 0 <= node.value <= MOST:
        raise trouble("R119", f"{name} wants a whole number from 0 to {MOST}, not {plain(node)!r:.60}", str(node.place))
    return node.value


def _listed(node: Node, entries: Node) -> Iterator[Made]:
    if not isinstance(entries.value, list):
        raise trouble("R119", "generate.forEach wants a list, for example of names", str(entries.place))
    if len(entries.value) > MOST:
        raise trouble("R119", f"generate.forEach has more than {MOST} entries; split it", str(entries.place))
    for entry in entries.value:
        yield Made(node, {"each": entry})


def _hosted(node: Node, selector: Node, hosts: Mapping[str, Document]) -> Iterator[Made]:
    kind, metadata = node.at("kind"), node.at("metadata")
    if kind is not None and kind.value == "Host":
        raise trouble("R119", "hosts cannot generate Hosts; use forEach", str(selector.place))
    if metadata is None or not isinstance(metadata.value, dict):
        yield Made(node)
        return
    if "host" in metadata.value:
        where = metadata.value["host"].place
        raise trouble("R119", "generate.hosts chooses the host; take metadata.host out", str(where))
    labels = _labels(selector)
    for name, host in hosts.items():
        if all(host.labels.get(label) == text for label, text in labels.items()):
            there = replace(metadata, value={**metadata.value, "host": Node(name, selector.place)})
            yield Made(replace(node, value={**node.value, "metadata": there}))


def _labels(selector: Node) -> Mapping[str, str]:
    """What the labels of a Host have to be. Raises R119."""
    said = plain(selector)
    labels = said.get("labels", {}) if isinstance(said, dict) and set(said) <= {"labels"} else None
    if not isinstance(labels, dict) or not all(isinstance(text, str) for text in labels.values()):
        message = "generate.hosts wants labels with their texts, for example {labels: {role: hv}}, or {} for every Host"
        raise trouble("R119", message, str(selector.place))
    return labels
