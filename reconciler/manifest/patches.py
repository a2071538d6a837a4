"""Patches: parts of documents, with `patch` beside their metadata, laid over the whole one of their kind and name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from reconciler.errors import ManifestError, trouble
from reconciler.manifest.check import API_VERSION, advice
from reconciler.manifest.generate import GENERATE
from reconciler.manifest.merge import merged, on_pieces
from reconciler.manifest.placeholders import Filling
from reconciler.manifest.read import ref_of
from reconciler.manifest.tree import Node
from reconciler.model.refs import Ref

PATCH = "patch"
MERGE, REMOVE = "merge", "remove"
_PARTS = ("metadata", "spec")


@dataclass(frozen=True, slots=True)
class Patch:
    """What is laid over the document called `ref`, or that it is to go; `where` it is written."""

    ref: Ref
    node: Node
    where: str
    remove: bool = False


def is_patch(node: Node) -> bool:
    return isinstance(node.value, dict) and PATCH in node.value


def patch_of(node: Node, filling: Filling) -> Patch:
    """The patch in a document that is one; `filling` knows the values. Raises ManifestError R116, R204, R308."""
    word = node.value[PATCH]
    where = str(word.key or node.place)
    if word.value not in (MERGE, REMOVE):
        raise trouble("R308", f"patch is {MERGE} or {REMOVE}, not {str(word.value)[:40]!r}", str(word.place))
    if GENERATE in node.value:
        raise trouble("R308", "a patch generates nothing; write one for each document that it changes", where)
    for name, each in node.value.items():
        if name not in ("apiVersion", "kind", PATCH, *_PARTS):
            message = f"a patch has no field {name!r}; {advice(name, ('apiVersion', 'kind', PATCH, *_PARTS))}"
            raise trouble("R308", message, str(each.key))
    if word.value == REMOVE and "spec" in node.value:
        raise trouble("R308", "a document that is removed needs no spec; take it out", str(node.value["spec"].key))
    _check_xml(node)
    return Patch(_target(node, filling), _laid(node), where, word.value == REMOVE)


def _target(node: Node, filling: Filling) -> Ref:
    kind, name, version = node.at("kind"), node.at("metadata", "name"), node.at("apiVersion")
    if version is None or version.value != API_VERSION or kind is None or not isinstance(kind.value, str):
        raise trouble("R308", f"a patch has apiVersion: {API_VERSION}, kind and metadata.name", str(node.place))
    if name is None or not isinstance(name.value, str):
        raise trouble("R308", "a patch names the document that it changes; add metadata.name", str(node.place))
    pool = node.at("spec", "pool")
    said = [filling.fill(each) for each in (name, *((pool,) if pool is not None else ()))]
    if filling.problems:
        raise ManifestError(filling.problems)
    return ref_of(kind.value, str(said[0].value), {"pool": said[1].value} if pool is not None else {})


def _laid(node: Node) -> Node:
    """What is merged: everything but the words that make it a patch, and say of what."""
    metadata: Node = node.value["metadata"]
    parts = {name: each for name, each in node.value.items() if name in _PARTS}
    parts["metadata"] = replace(metadata, value={name: each for name, each in metadata.value.items() if name != "name"})
    return replace(node, value=parts)


def patched(node: Node, patches: Iterable[Patch]) -> Node:
    """A document under its patches, in their order; its places at the top stay its own. Raises R204."""
    _check_xml(node)
    whole = node
    for patch in patches:
        whole = replace(merged(whole, _over(whole, patch.node)), place=node.place)
    return whole


def _check_xml(node: Node) -> None:
    """Hold that the XML is one text: lists are what several of them become."""
    xml = node.at("spec", "xml")
    if xml is not None and isinstance(xml.value, list):
        raise trouble("R204", "spec.xml wants text, not a list", str(xml.place))


def _over(node: Node, patch: Node) -> Node:
    """The patch with its `xml` on that of the document."""
    under, over = node.at("spec"), patch.at("spec")
    if under is None or over is None:
        return patch
    return replace(patch, value={**patch.value, "spec": on_pieces(under, over)})


def by_target(patches: Iterable[Patch]) -> Mapping[Ref, tuple[Patch, ...]]:
    """The patches of each document, in their order."""
    found: dict[Ref, tuple[Patch, ...]] = {}
    for patch in patches:
        found[patch.ref] = (*found.get(patch.ref, ()), patch)
    return found
