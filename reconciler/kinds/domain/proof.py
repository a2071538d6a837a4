"""Whether an imported document says of its domain what is so, all of it and nothing else; and where it does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from reconciler import entries
from reconciler.codecs import Json
from reconciler.errors import ManifestError
from reconciler.fields import Group, Items, Node
from reconciler.kind import Context
from reconciler.kinds.domain import xml
from reconciler.kinds.domain.remainder import missing
from reconciler.kinds.domain.spec import FIELDS, TABLE, parse
from reconciler.matching import align, rename
from reconciler.model.documents import Address, Document, Place, Spec, Texts
from reconciler.model.refs import Ref

Body = dict[str, Json]
Path = tuple[str | int, ...]

_NODES = {node.name: node for node in FIELDS}
# Beside its name, what a device is recognised by.
_RECOGNISED = ("name", "target", "mac")


@dataclass(frozen=True, slots=True)
class Domain:
    """What is imported: its texts and those that a document has to say, by the document's names for devices.

    `original` are the texts by the host's own names, to which `called` leads.
    """

    texts: Texts
    kept: Texts
    original: Texts
    called: Mapping[Address, Address]

    @classmethod
    def of(cls, texts: Texts, kept: Texts, called: Mapping[Address, Address], body: Body | None = None) -> Domain:
        """With a body, only the devices in it have names."""
        if body is not None:
            there = set(_named(body))
            called = {ours: theirs for ours, theirs in called.items() if ours in there}
        return cls(texts=rename(texts, called), kept=rename(kept, called), original=texts, called=called)


def _named(body: Body) -> Iterator[Address]:
    """The devices in a body that have names."""
    for node, devices in _device_lists(body):
        for device in devices:
            yield f"{node.at}[{device[node.key]}]"


def _device_lists(body: Mapping[str, Json], nodes: Sequence[Node] = FIELDS) -> Iterator[tuple[Items, list[Body]]]:
    for node in nodes:
        value = body.get(node.name)
        if isinstance(node, Items) and node.alias and isinstance(value, list):
            yield node, cast("list[Body]", value)
        elif isinstance(node, Group) and isinstance(value, dict):
            yield from _device_lists(value, node.fields)


def doubtful(body: Body, domain: Domain) -> tuple[str, ...]:
    """Where a document with this body asks for something that is not so, or says nothing of what is.

    Paths as people write them: `disks[root].file`, `cpu.mode`, `xml:...`.
    """
    try:
        spec = parse(_document(body, domain.texts.get("name", "")), Context(""))
    except ManifestError as error:
        return tuple(dict.fromkeys(problem.where.partition(":")[0] for problem in error.problems))
    found = align(spec, domain.original, xml.IDENTITIES)
    strange = [ours for ours, theirs in domain.called.items() if ours in spec.claims and found.get(ours) != theirs]
    addresses = (*_overclaimed(spec, domain.texts), *missing(spec.claims, domain.kept, domain.texts), *strange)
    return tuple(dict.fromkeys(entries.path_of(TABLE, address) for address in addresses))


def _document(body: Body, name: str) -> Document:
    """The document that a file with this body would hold; each place in it is named by its path."""
    places: dict[tuple[str | int, ...], Place] = {(): Place("xml")}
    places.update({("spec", top): Place(top) for top in body})
    for node, devices in _device_lists(body):
        names = (f"{node.name}[{device[node.key]}]" for device in devices)
        places.update({("spec", node.name, at): Place(name) for at, name in enumerate(names)})
    return Document(ref=Ref("Domain", name), host=None, labels={}, body=body, places=places)


def _overclaimed(spec: Spec, texts: Texts) -> Iterator[Address]:
    """The claims that are not so."""
    for address, want in spec.claims.items():
        have = texts.get(address)
        if want == have or address.endswith("@unit") or address.startswith("!"):
            continue
        if want is None or have is None:
            implied = entries.implied(TABLE, address)
            if implied is None or implied not in (want, have):
                yield address
        elif not xml.same(address, want, have):
            yield address


def without(body: Body, paths: Iterable[str], attempt: int) -> Body:
    """The body without what these paths lead to; with each attempt what is around that goes too."""
    left: Json = body
    for path in paths:
        found = _found(body, path)
        if found and found[0] != "power":
            left = _removed(left, found[: max(1, len(found) - attempt)])
        elif not found:
            left = _without_cause(cast("Body", left), path)
    return {name: value for name, value in cast("Body", left).items() if value not in ({}, []) or value == body[name]}


def _found(body: Body, path: str) -> Path:
    """Where a path leads in a body, as far as there is anything; () where it leads nowhere.

    In a list without names for its entries it leads to the whole list: the others would be counted anew.
    """
    value: Json = body
    nodes: Mapping[str, Node] = _NODES
    found: Path = ()
    for step in path.split("."):
        name, bracket, key = step.partition("[")
        if not isinstance(value, dict) or name not in value or name not in nodes:
            break
        value, node, found = value[name], nodes[name], (*found, name)
        if bracket:
            position = _position(node, value, key.rstrip("]"))
            if position is None:
                break
            value, found = cast("list[Json]", value)[position], (*found, position)
        nodes = {} if not isinstance(node, Group | Items) else {child.name: child for child in node.fields}
    return found


def _position(node: Node, devices: Json, key: str) -> int | None:
    if not isinstance(node, Items) or not node.alias:
        return None
    entries_ = cast("list[Body]", devices)
    return next((at for at, device in enumerate(entries_) if str(device[node.key]) == key), None)


def _removed(value: Json, path: Path) -> Json:
    """The value without what is at the path; a device first loses all but what it is recognised by."""
    step, rest = path[0], path[1:]
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        device = cast("Body", value[step])
        bare = {name: device[name] for name in _RECOGNISED if name in device}
        less = _removed(device, rest) if rest and rest[0] not in _RECOGNISED else bare
        return [*value[:step], *([less] if less != device else []), *value[step + 1 :]]
    if isinstance(value, dict) and step in value:
        inner = _removed(value[step], rest) if rest else None
        return {
            name: inner if name == step else old
            for name, old in value.items()
            if name != step or inner not in (None, {}, [])
        }
    return value


def _without_cause(body: Body, path: str) -> Body:
    """The body without the part that means what stands at a path without saying it."""
    for name in body:
        less = {other: value for other, value in body.items() if other not in (name, "power", "xml")}
        try:
            spec = parse(_document(less, ""), Context(""))
        except ManifestError:
            continue
        if name not in ("power", "xml") and path not in {entries.path_of(TABLE, at) for at in spec.claims}:
            return {other: value for other, value in body.items() if other != name}
    return body
