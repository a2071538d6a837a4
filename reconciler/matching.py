"""Recognise the host's devices in the document's: by key, by what identifies them, by where they lead.

A document calls a disk `root`; the host may know it only by its target `vda`. Comparing and writing both need one name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from reconciler.markup import Identities
from reconciler.model.addresses import entry_keys, inside, pattern_of
from reconciler.model.documents import Address, Spec, Texts

Value = TypeVar("Value")


def align(spec: Spec, texts: Texts, identities: Identities) -> dict[Address, Address]:
    """The document's name of elements that the host calls otherwise: `devices/disk[root]` -> `devices/disk[vda]`."""
    renamed: dict[Address, Address] = {}
    for at in sorted({address.rpartition("[")[0] for address in _entries(spec)}):
        leaves = identities.get(pattern_of(at), ())
        wanted = [key for key in entry_keys(spec.claims, at) if f"{at}[{key}]" not in texts]
        if not wanted or not leaves:
            continue
        taken = set(entry_keys(spec.claims, at))
        free = [key for key in entry_keys(texts, at) if key not in taken]
        for key, theirs in _pairs(spec, texts, at, wanted, free, leaves):
            renamed[f"{at}[{key}]"] = f"{at}[{theirs}]"
    return renamed


def rivals(spec: Spec, texts: Texts, identities: Identities) -> Iterator[tuple[Address, tuple[Address, ...]]]:
    """Elements of `texts` that are as much like one of the document's as like another, with those."""
    for at in sorted({address.rpartition("[")[0] for address in _entries(spec)}):
        leaves = identities.get(pattern_of(at), ())
        taken = entry_keys(spec.claims, at)
        wanted = [f"{at}[{key}]" for key in taken if f"{at}[{key}]" not in texts]
        for theirs in (f"{at}[{key}]" for key in entry_keys(texts, at) if key not in taken):
            likeness = {ours: _likeness(spec, texts, ours, theirs, leaves) for ours in wanted}
            best = max(likeness.values(), default=0)
            fitting = tuple(ours for ours, score in likeness.items() if score == best)
            if best and len(fitting) > 1:
                yield theirs, fitting


def _entries(spec: Spec) -> Iterator[Address]:
    """The claimed entries of top-level lists; those inside an entry keep the keys they have."""
    return (address for address in spec.claims if address.endswith("]") and address.count("[") == 1)


def _pairs(
    spec: Spec, texts: Texts, at: Address, wanted: list[str], free: list[str], leaves: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """The best pairs first, each key once."""
    scored = sorted(
        (-_likeness(spec, texts, f"{at}[{ours}]", f"{at}[{theirs}]", leaves), first, second)
        for first, ours in enumerate(wanted)
        for second, theirs in enumerate(free)
    )
    left, right = set(range(len(wanted))), set(range(len(free)))
    for likeness, first, second in scored:
        if likeness < 0 and first in left and second in right:
            left.discard(first)
            right.discard(second)
            yield wanted[first], free[second]


def _likeness(spec: Spec, texts: Texts, ours: Address, theirs: Address, leaves: tuple[str, ...]) -> int:
    """How much speaks for one being the other: what identifies it counts most, then its source; 0 is nothing."""
    score = 0
    for leaf in leaves:
        wanted = _text(spec, f"{ours}{'' if leaf.startswith('@') else '/'}{leaf}")
        if leaf == "alias" or wanted is None:
            continue
        if wanted == texts.get(f"{theirs}{'' if leaf.startswith('@') else '/'}{leaf}"):
            score += 100
        elif f"{ours}/{leaf}" in spec.claims:
            return 0
    source = [(at, text) for at, text in spec.claims.items() if at.startswith(f"{ours}/source@") and text]
    same = sum(texts.get(theirs + at[len(ours) :]) == text for at, text in source)
    return score + (10 if source and same == len(source) else 0) or _same_in_all(spec, texts, ours, theirs)


def _same_in_all(spec: Spec, texts: Texts, ours: Address, theirs: Address) -> int:
    """1 where nothing tells it from others of its kind, but all that is asked of it is so (a memory module)."""
    asked = [(at, text) for at, text in inside(spec.claims, ours).items() if text]
    return int(bool(asked) and all(texts.get(theirs + at[len(ours) :]) == text for at, text in asked))


def _text(spec: Spec, address: Address) -> str | None:
    return spec.claims.get(address) or spec.hints.get(address)


def rename(texts: Mapping[Address, Value], renamed: Mapping[Address, Address]) -> Mapping[Address, Value]:
    """The texts with the document's names for elements."""
    if not renamed:
        return texts
    back = {theirs: ours for ours, theirs in renamed.items()}
    result: dict[Address, Value] = {}
    for address, value in texts.items():
        end = address.find("]") + 1
        ours = back.get(address[:end]) if end else None
        result[ours + address[end:] if ours else address] = value
    return result
