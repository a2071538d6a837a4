"""Read a definition into texts, and write one: from nothing for a new object, over the host's own for an old one.

Writing over touches only what differs, so UUID, MAC, PCI addresses, machine version and all that libvirt filled in stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from reconciler import markup
from reconciler.kind import Situation
from reconciler.markup import Element, Identities
from reconciler.model.documents import Address, Spec
from reconciler.model.plans import Diff

OWNER = "reconciler:owner"


def build(skeleton: str, spec: Spec, identities: Identities, born: Mapping[Address, str]) -> str:
    """The definition of a new object: the skeleton, what it is born with, then all that the document claims."""
    root = markup.parse(skeleton)
    markup.graft(root, _in_definition(_merged(born, spec)), identities)
    return markup.serialise(root)


def _merged(born: Mapping[Address, str], spec: Spec) -> Iterator[tuple[Address, str]]:
    """Born values and hints where nothing is claimed, in an order that keeps a list's entries as the document has them."""
    wanted = {address: text for address, text in spec.claims.items() if text is not None}
    refused = {address for address, text in spec.claims.items() if text is None}
    quiet = {**born, **spec.hints}
    yield from wanted.items()
    yield from ((address, text) for address, text in quiet.items() if address not in wanted and address not in refused)


def revise(situation: Situation, diffs: Sequence[Diff], identities: Identities, born: Mapping[Address, str]) -> str:
    """The host's own definition with these differences carried out. `born` is for the elements that come new."""
    root = markup.parse(situation.observed.xml)
    markup.graft(root, _in_definition(_values(situation, diffs, born)), identities, situation.renamed)
    return markup.serialise(root)


def _values(
    situation: Situation, diffs: Sequence[Diff], born: Mapping[Address, str]
) -> Iterator[tuple[Address, str | None]]:
    spec = situation.spec
    # What goes makes room first: a target or an address that moves from one device to another is free by then.
    yield from ((diff.address, None) for diff in diffs if diff.after is None)
    for diff in diffs:
        if diff.after is None:
            continue
        if not diff.address.endswith("]") or diff.before is not None:
            yield diff.address, diff.after
            yield from _unit(spec, diff.address)
            continue
        inside = (diff.address, diff.address + "/", diff.address + "@")
        quiet = {**born, **spec.hints}
        for source in (spec.claims, {key: value for key, value in quiet.items() if key not in spec.claims}):
            yield from (
                (address, text)
                for address, text in source.items()
                if text is not None and (address == inside[0] or address.startswith(inside[1:]))
            )
    # A device that the document names but the host does not yet know by that name learns it now.
    for ours in situation.renamed:
        alias = f"{ours}/alias@name"
        if alias in spec.hints:
            yield alias, spec.hints[alias]


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


def owner_mark(owner: str) -> str:
    """The metadata element that marks an object as ours."""
    element = markup.parse(f'<reconciler:owner xmlns:reconciler="{markup.NAMESPACES["reconciler"]}"/>')
    element.set("id", owner)
    return markup.canonical(element)
