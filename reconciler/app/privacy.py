"""Which documents and fields hold a secret, so that the cache never gets them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from reconciler.fields import Field, Group, Node
from reconciler.kind import Kind
from reconciler.manifest.load import Path
from reconciler.model.documents import Document


def is_private(document: Document, private: Collection[str], kinds: Mapping[str, Kind]) -> bool:
    """Whether a document may be kept nowhere; `private` are the digests of those that are known for it."""
    if document.digest in private:
        return True
    if document.ref.kind == "Profile" and "xml" in document.body:
        # Whether libvirt's own words hold a password shows only in a Domain, and none may use this Profile yet.
        return True
    kind = kinds.get(document.ref.kind) or kinds.get("Domain")
    return kind is not None and _holds_secret(kind.fields, document.body)


def is_kept_secret(kinds: Mapping[str, Kind], kind: str, path: Path) -> bool:
    """Whether the value at a path of such a document (`("spec", "graphics", 0, "password")`) is sealed on its way."""
    found = kinds.get("Domain" if kind == "Profile" else kind)
    return found is not None and path[:1] == ("spec",) and _hides(found.fields, path[1:])


def _hides(nodes: Iterable[Node], path: Path) -> bool:
    """Whether a single value at a path below these fields is that of one that is a secret."""
    node = next((each for each in nodes if path and each.name == path[0]), None)
    if node is None:
        return False
    if isinstance(node, Field):
        # Further down it says where the secret is kept, which is told.
        return node.secret and len(path) == 1
    # A list has the number of an entry between its own name and those of fields.
    rest = path[1:] if isinstance(node, Group) else path[2:]
    return bool(rest) and _hides(node.fields, rest)


def _holds_secret(nodes: Iterable[Node], body: Mapping[str, object]) -> bool:
    """Whether a field that must never be stored is written in a body."""
    return any(_is_secret(node, body[node.name]) for node in nodes if node.name in body)


def _is_secret(node: Node, value: object) -> bool:
    if isinstance(node, Field):
        return node.secret and not isinstance(value, Mapping)
    if isinstance(node, Group):
        whole = value if isinstance(value, Mapping) else dict.fromkeys(node.short, value)
        return _holds_secret(node.fields, whole)
    entries = value if isinstance(value, list) else []
    return any(
        _holds_secret(node.fields, entry if isinstance(entry, Mapping) else {node.short: entry}) for entry in entries
    )
