"""Read a definition into texts, and write one: from nothing for a new object, over the host's own for an old one.

Writing over touches only what differs: UUID, MAC, PCI addresses, machine version and all that libvirt filled in stay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from reconciler import fields, foreign, markup
from reconciler.codecs import Json
from reconciler.entries import Entry, entry_of
from reconciler.fields import Group, Items, Lowered, Node, join
from reconciler.kind import Situation
from reconciler.markup import Element, Identities
from reconciler.model.addresses import element_of, entry_keys, inside, is_inside, pattern_of
from reconciler.model.documents import Address, Observed, Spec, Texts
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


def describe(root: str, nodes: Sequence[Node], texts: Texts, filled: Filled, identities: Identities) -> dict[str, Json]:
    """The `spec` of a document that claims these texts: fields where they say the same, the rest in `xml`.

    What libvirt `filled` in is left out. What a field would spell otherwise than the host is no field's.
    """
    kept = {address: text for address, text in texts.items() if not filled(address, text)}
    body: dict[str, Json] = {}
    claimed: set[Address] = set()
    for name, value in fields.lift(nodes, kept).items():
        claims = fields.lower(nodes, {name: value}).claims
        if all(kept.get(address, text) == text for address, text in claims.items() if not address.endswith("@unit")):
            body[name] = value
            claimed |= claims.keys()
    around = {holder for address in texts for holder in _around(address)}
    rest = {
        address: text
        for address, text in kept.items()
        if (text or address not in around)
        and address not in claimed
        and not address.startswith("!")
        and not (address.endswith("@unit") and _is_elsewhere(element_of(address), kept, claimed))
    }
    return {**body, "xml": _piece(root, rest, kept, identities)} if rest else body


def _is_elsewhere(amount: Address, kept: Texts, claimed: Collection[Address]) -> bool:
    """Whether the amount that a unit is of was filled in or is claimed by a field; the unit goes with it."""
    return amount in claimed or amount not in kept


# Whether libvirt puts this text there by itself.
Filled = Callable[[Address, str], bool]


def _piece(root: str, rest: Texts, kept: Texts, identities: Identities) -> str:
    """A part of a definition that gives the same addresses when it is read."""
    values: dict[Address, str] = {}
    for address, text in rest.items():
        values.update(_identifying(address, kept, identities))
        values[address] = text
    element = markup.parse(f"<{root}/>")
    markup.graft(element, values.items(), identities)
    return markup.serialise(element)


def _identifying(address: Address, kept: Texts, identities: Identities) -> Iterator[tuple[Address, str]]:
    """What each keyed element around an address is recognised by: what identifies it, else its elder siblings."""
    end = address.find("]")
    while end >= 0:
        element = address[: end + 1]
        leaves = identities.get(pattern_of(element)[:-2].replace("[]", ""), ())
        found = [(at, kept[at]) for leaf in leaves if (at := join(element, leaf)) in kept]
        start, key = element[:-1].rsplit("[", 1)
        if not found or "#" in key:
            elder = [f"{start}[{each}]" for each in entry_keys(kept, start)]
            found += [(each, kept.get(each, "")) for each in elder[: elder.index(element)]]
        yield from found
        end = address.find("]", end + 1)


def _around(address: Address) -> Iterator[Address]:
    """The elements that hold this leaf or element."""
    element, at, _ = address.rpartition("@")
    if at:
        yield element
    while "/" in (element or address):
        element = (element or address).rpartition("/")[0]
        yield element


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
