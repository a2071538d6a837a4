"""Every value in one of libvirt's RELAX NG schemas: its shape, `devices/disk/source@file`, and what its type is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from lxml import etree

FOLDER = Path("/usr/share/libvirt/schemas")
_RNG = "{http://relaxng.org/ns/structure/1.0}"
# Schemas recurse (a backing store has a backing store): three of one name say all.
_MOST_OF_ONE_NAME = 3


def _definitions(file: str) -> dict[str, list]:
    """Every named definition of a schema with all that it includes; `start` is the file's own."""
    found: dict[str, list] = {}
    for each in etree.parse(FOLDER / file).getroot().iter(f"{_RNG}define", f"{_RNG}start", f"{_RNG}include"):
        if each.tag == f"{_RNG}include":
            inner = _definitions(each.get("href"))
            inner.pop("start", None)
        else:
            inner = {each.get("name", "start"): [each]}
        for name, parts in inner.items():
            found.setdefault(name, []).extend(parts)
    return found


class _Walk:
    """One way through a schema, from its start to every element and attribute."""

    def __init__(self, file: str) -> None:
        self._definitions = _definitions(file)
        self._seen: set[tuple[str, str]] = set()
        self.found: dict[str, set[str]] = {}
        for start in self._definitions["start"]:
            self._visit(start, "")

    def _visit(self, node, at: str) -> None:
        for child in node.iterchildren(etree.Element):
            name = child.get("name", "")
            if child.tag == f"{_RNG}ref":
                self._follow(name, at)
            elif child.tag == f"{_RNG}attribute":
                for each in _names(child):
                    self._types(child, self.found.setdefault(f"{at}@{each}", set()), frozenset())
            elif child.tag == f"{_RNG}element":
                self._enter(child, at)
            else:
                self._visit(child, at)

    def _follow(self, name: str, at: str) -> None:
        if (name, at) not in self._seen:
            self._seen.add((name, at))
            for part in self._definitions.get(name, ()):
                self._visit(part, at)

    def _enter(self, element, at: str) -> None:
        for name in _names(element):
            here = f"{at}/{name}"
            if here.split("/").count(name) < _MOST_OF_ONE_NAME:
                self._types(element, self.found.setdefault(here, set()), frozenset())
                self._visit(element, here)

    def _types(self, node, into: set[str], on_the_way: frozenset[str]) -> None:
        for child in node.iterchildren(etree.Element):
            name = child.get("name", "")
            if child.tag == f"{_RNG}ref":
                into.add(name)
                for part in self._definitions.get(name, ()) if name not in on_the_way else ():
                    self._types(part, into, on_the_way | {name})
            elif child.tag not in (f"{_RNG}element", f"{_RNG}attribute"):
                self._types(child, into, on_the_way)


def _names(node) -> Iterator[str]:
    yield from [node.get("name")] if node.get("name") else [each.text for each in node.iter(f"{_RNG}name")]


@cache
def leaves(file: str) -> dict[str, frozenset[str]]:
    """Shape -> the names of the definitions that its value may be made of."""
    found = _Walk(file).found
    return {_inside(shape): frozenset(kinds) for shape, kinds in found.items() if _inside(shape)}


def _inside(shape: str) -> str:
    """The shape below its root element: `/domain/vcpu@current` is `vcpu@current`, `/domain@type` is `@type`."""
    root, slash, rest = shape[1:].partition("/")
    return rest if slash else "".join(root.partition("@")[1:])
