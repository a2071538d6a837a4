"""A document as a tree in which every value knows where it was written, whatever has been merged or moved since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.manifest.load import Loaded, Path
from reconciler.model.documents import Place

# A scalar, a mapping of Nodes or a list of them.
Content = Any


@dataclass(frozen=True, slots=True)
class Node:
    """One value; `key` is where its name in the mapping around it stands. None where a place is not known."""

    value: Content
    place: Place | None = None
    key: Place | None = None

    def at(self, *path: str | int) -> Node | None:
        """The value at a path below; None where there is none."""
        found: Node | None = self
        for step in path:
            found = found.child(step) if found is not None else None
        return found

    def child(self, step: str | int) -> Node | None:
        """One value directly below."""
        if isinstance(self.value, dict):
            return self.value.get(step)
        if isinstance(self.value, list) and isinstance(step, int) and step < len(self.value):
            found: Node = self.value[step]
            return found
        return None


EMPTY = Node({})


def planted(loaded: Loaded, file: str) -> Node:
    """The tree of a document as it was read from a file."""
    places = {path: Place(file, *spot) for path, spot in loaded.places.items()}
    keys = {path: Place(file, *spot) for path, spot in loaded.keys.items()}
    return grown(loaded.value, (), places, keys)


def grown(value: object, path: Path, places: Mapping[Path, Place], keys: Mapping[Path, Place]) -> Node:
    """The tree of a plain value that stands at a path."""
    inner: object = value
    if isinstance(value, Mapping):
        inner = {name: grown(each, (*path, name), places, keys) for name, each in value.items()}
    elif isinstance(value, list):
        inner = [grown(each, (*path, step), places, keys) for step, each in enumerate(value)]
    return Node(inner, places.get(path), keys.get(path))


def plain(node: Node) -> Any:
    """The value without its places."""
    if isinstance(node.value, dict):
        return {name: plain(each) for name, each in node.value.items()}
    if isinstance(node.value, list):
        return [plain(each) for each in node.value]
    return node.value


def walk(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """Every value with its path, from the top down."""
    yield path, node
    if isinstance(node.value, dict):
        for name, each in node.value.items():
            yield from walk(each, (*path, name))
    elif isinstance(node.value, list):
        for step, each in enumerate(node.value):
            yield from walk(each, (*path, step))


def places(node: Node, path: Path = ()) -> dict[Path, Place]:
    """Where each value stands, as far as it is known."""
    return {at: each.place for at, each in walk(node, path) if each.place is not None}


def lifted(node: Node) -> Loaded:
    """The document of a tree, which may come from several files."""
    loaded = Loaded(plain(node))
    for path, each in walk(node):
        if each.place is not None:
            loaded.places[path] = each.place.line, each.place.column
            loaded.origins[path] = each.place
        if each.key is not None:
            loaded.keys[path] = each.key.line, each.key.column
            loaded.key_files[path] = each.key.file
    return loaded
