"""Read a definition into texts, and write one: from nothing for a new object, over the host's own for an old one.

Writing over touches only what differs: UUID, MAC, PCI addresses, machine version and all that libvirt filled in stay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from reconciler import foreign, markup
from reconciler.codecs import TEXT, YES_NO, Json, choice
from reconciler.entries import Entry, entry_of
from reconciler.fields import Field, Group, Items, Lowered, Node, join
from reconciler.kind import Situation
from reconciler.markup import Element, Identities
from reconciler.model.addresses import entry_keys, inside, is_inside, pattern_of
from reconciler.model.documents import Address, Deletion, Observed, Policy, Spec, Texts
from reconciler.model.plans import Diff
from reconciler.model.refs import Ref
from reconciler.ports import error_code

OWNER = "reconciler:owner"
# virterror.h: VIR_ERR_INVALID_ARG, also for a flag that a driver does not support.
INVALID_ARGUMENT = 8


def build(skeleton: str, spec: Spec, identities: Identities, born: Mapping[Address, str]) -> str:
    """The definition of a new object: the skeleton, what it is born with, then all that the document claims."""
    root = markup.parse(skeleton)
    markup.graft(root, _in_definition(_merged(born, spec)), identities)
    return markup.serialise(root)


def _merged(born: Mapping[Address, str], spec: Spec) -> Iterator[tuple[Address, str]]:
    """The claims in the document's order, then what a new object is born with where nothing is claimed."""
    wanted = {address: text for address, text in spec.claims.items() if text is not None}
    refused = _refused(spec)
    quiet = {**born, **spec.hints}
    yield from wanted.items()
    for address, text in quiet.items():
        if address not in wanted and not is_inside(address, refused):
            yield address, text


def _refused(spec: Spec) -> tuple[Address, ...]:
    """What must not be there, with all that is in it."""
    return tuple(address for address, text in spec.claims.items() if text is None)


def revise(situation: Situation, diffs: Sequence[Diff], identities: Identities, born: Mapping[Address, str]) -> str:
    """The host's own definition with these differences carried out.

    `born` is for the elements that come new, and for what the host lacks that those cannot be without (a controller).
    """
    root = markup.parse(situation.observed.xml)
    markup.graft(root, _in_definition(_values(situation, diffs, born)), identities, situation.renamed)
    return markup.serialise(root)


def _values(
    situation: Situation, diffs: Sequence[Diff], born: Mapping[Address, str]
) -> Iterator[tuple[Address, str | None]]:
    yield from written(situation.spec, diffs, born)
    yield from _lacked(situation, born, [diff.address for diff in diffs])
    # A device that the document names but the host does not yet know by that name learns it now.
    for ours in situation.renamed:
        alias = f"{ours}/alias@name"
        if alias in situation.spec.hints and situation.spec.claims.get(ours) is not None:
            yield alias, situation.spec.hints[alias]


def written(spec: Spec, diffs: Sequence[Diff], born: Mapping[Address, str]) -> Iterator[tuple[Address, str | None]]:
    """The values that carry out these differences, `born` and hinted ones in the elements that come new."""
    # What goes makes room first: a target or an address that moves from one device to another is free by then.
    yield from ((diff.address, None) for diff in diffs if diff.after is None)
    for diff in diffs:
        if diff.after is None:
            continue
        if not diff.address.endswith("]") or diff.before is not None:
            yield diff.address, diff.after
            yield from _unit(spec, diff.address)
            continue
        claimed = inside(spec.claims, diff.address)
        refused = _refused(spec)
        quiet = {
            address: text
            for address, text in {**inside(born, diff.address), **inside(spec.hints, diff.address)}.items()
            if not is_inside(address, refused)
        }
        # In the document's order, then the rest; what is claimed wins.
        whole = claimed | quiet | claimed
        yield from ((address, text) for address, text in whole.items() if text is not None)


def _lacked(
    situation: Situation, born: Mapping[Address, str], written: Sequence[Address]
) -> Iterator[tuple[Address, str]]:
    """Born values outside the elements that are written, where neither the host nor the document has anything."""
    known, refused = {*situation.texts, *situation.spec.claims}, _refused(situation.spec)
    inside = tuple(f"{address}{mark}" for address in written if address.endswith("]") for mark in "/@")
    for address, text in born.items():
        if address in known or address in written or is_inside(address, refused):
            continue
        if not address.startswith(inside):
            yield address, text


def _unit(spec: Spec, address: Address) -> Iterator[tuple[Address, str | None]]:
    unit = spec.claims.get(f"{address}@unit")
    if unit is not None:
        yield f"{address}@unit", unit


def _in_definition(values: Iterable[tuple[Address, str | None]]) -> Iterator[tuple[Address, str | None]]:
    return ((address, text) for address, text in values if not address.startswith("!"))


def read_owner(root: Element) -> str:
    """The owner that an object's metadata names, "" if none."""
    uri = markup.NAMESPACES["reconciler"]
    found = root.find(f"metadata/{{{uri}}}owner")
    return "" if found is None else found.get("id", "")


@lru_cache(maxsize=16)  # All documents of a run have one owner.
def owner_mark(owner: str) -> str:
    """The metadata element that marks an object as ours."""
    element = markup.parse(f'<reconciler:owner xmlns:reconciler="{markup.NAMESPACES["reconciler"]}"/>')
    element.set("id", owner)
    return foreign.verbatim(element)


def persistent(describe: Callable[[int], str], flag: int) -> str:
    """The persistent definition; the only one where the driver has no flag for it (libvirt's test driver)."""
    try:
        return describe(flag)
    except Exception as error:
        if error_code(error) != INVALID_ARGUMENT:
            raise
        return describe(0)


def witness(
    ref: Ref, *, uuid: str, xml: str, live: str | None, facts: Texts, details: Mapping[str, str] | None = None
) -> Observed:
    """An object as seen, with the digest of all that was seen of it but the details."""
    parts = [xml, live if live is not None else "-", *(f"{name}={facts[name]}" for name in sorted(facts))]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return Observed(ref=ref, uuid=uuid, xml=xml, live=live, facts=facts, details=details or {}, digest=digest)


def overlay(root: str, texts: Texts, table: Mapping[str, Entry], identities: Identities) -> str:
    """The part of a definition that the table has no field for, as the XML of an `xml:` field; "" if there is none.

    Elements of keyed lists bring along what identifies them, so that reading it gives the same addresses again.
    """
    left = {
        address: text
        for address, text in texts.items()
        if text and not address.startswith("!") and entry_of(table, address) is None
    }
    if not left:
        return ""
    keys = {leaf: texts[leaf] for address in left for leaf in _identifying(address, identities) if leaf in texts}
    element = markup.parse(f"<{root}/>")
    markup.graft(element, {**keys, **left}.items(), identities)
    return markup.serialise(element)


def _identifying(address: Address, identities: Identities) -> Iterator[Address]:
    """Where the keys in an address may have come from."""
    end = address.find("]")
    while end >= 0:
        element = address[: end + 1]
        for leaf in identities.get(pattern_of(element)[:-2].replace("[]", ""), ()):
            yield f"{element}{'' if leaf.startswith('@') else '/'}{leaf}" if leaf else element
        end = address.find("]", end + 1)


POLICY: tuple[Field, ...] = (
    Field(
        name="deletionPolicy",
        at="!deletionPolicy",
        codec=choice("retain", "delete"),
        doc="What becomes of the data when the document goes.",
        example="retain",
        noted=True,
    ),
    Field(
        name="protect",
        at="!protect",
        codec=YES_NO,
        doc="Refuse to delete or replace it, even after the document is gone.",
        example=True,
        noted=True,
    ),
    Field(
        name="xml",
        at="!xml",
        codec=TEXT,
        doc="Anything else libvirt knows, in libvirt's own words; it wins over the fields.",
        example="<network><title>office</title></network>",
        noted=True,
    ),
)


def read_policy(body: Mapping[str, Json]) -> Policy:
    """What a document permits, for kinds without a guest inside."""
    return Policy(protect=body.get("protect") is True, deletion=Deletion(body.get("deletionPolicy", "retain")))


def claim_all(texts: Texts, nodes: Sequence[Node], table: Mapping[str, Entry]) -> Lowered:
    """What a plain XML document claims: every value it writes, and every list that the table owns."""
    claims = {
        address: text
        for address, text in texts.items()
        if text or address.endswith("]") or ((entry := entry_of(table, address)) and entry.field)
    }
    return Lowered(claims=dict(claims), lists=set(_lists(nodes, texts, "")))


def _lists(nodes: Iterable[Node], texts: Texts, base: Address) -> Iterator[Address]:
    for node in nodes:
        if isinstance(node, Group):
            yield from _lists(node.fields, texts, join(base, node.at))
        elif isinstance(node, Items):
            at = join(base, node.at)
            if node.owned:
                yield at
            for key in entry_keys(texts, at):
                yield from _lists(node.fields, texts, f"{at}[{key}]")


def marked(xml: str, owner: str) -> str:
    """The definition with our owner mark in its metadata."""
    root = markup.parse(xml)
    markup.graft(root, [(f"metadata/{OWNER}", owner_mark(owner))], {})
    return markup.serialise(root)
