"""What of a domain no field says: as the piece of libvirt's XML that a document lays over its fields."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler import entries, fields, markup
from reconciler.kinds.domain import xml
from reconciler.kinds.domain.modules import with_modules
from reconciler.kinds.domain.spec import TABLE
from reconciler.model.addresses import element_of, pattern_of
from reconciler.model.documents import Address, Claims, Texts

_DEVICE = re.compile(r"devices/[^/]+")


def missing(claims: Claims, kept: Texts, texts: Texts) -> dict[Address, str]:
    """What of the kept texts nobody claims as it is. No secret is told.

    An element says nothing that holds others, some of which may be left out; but a device is there by itself.
    """
    holders = {at for at in _holders(texts) if not _DEVICE.fullmatch(at)} | _holders(kept)
    return {
        address: text
        for address, text in kept.items()
        if claims.get(address) != text
        and not address.startswith("!")
        and (text or "@" in address or (address not in holders and address not in claims))
        and not _is_unit(address, claims)
        and not _is_secret(address)
    }


def _holders(texts: Texts) -> set[Address]:
    """The elements that have something in them."""
    found: set[Address] = set()
    for address in texts:
        element, at, _ = address.rpartition("@")
        holder = element if at else address.rpartition("/")[0]
        while holder and holder not in found:
            found.add(holder)
            holder = holder.rpartition("/")[0]
    return found


def _is_unit(address: Address, claims: Claims) -> bool:
    """Whether it is the unit of an amount that is claimed."""
    return address.endswith("@unit") and any(
        claims.get(at) for at in (element_of(address), f"{element_of(address)}@memory", f"{element_of(address)}@size")
    )


def _is_secret(address: Address) -> bool:
    entry = entries.entry_of(TABLE, address)
    return entry is not None and entry.field is not None and entry.field.secret


def overlay(rest: Texts, texts: Texts, claims: Claims) -> str:
    """A <domain> with the rest, and with what identifies the elements it stands in."""
    root = markup.parse("<domain/>")
    values: dict[Address, str] = {}
    for address, text in rest.items():
        for at, known in _identifying(address, texts, claims):
            values.setdefault(at, known)
        element = element_of(address)
        if element != address and element not in claims and texts.get(element):
            values.setdefault(element, texts[element])
        values[address] = text
    markup.graft(root, values.items(), xml.IDENTITIES)
    text = markup.serialise(root)
    # In libvirt's words the memory counts the modules that stand beside it.
    return with_modules(text, rest["memory"], rest.get("currentMemory", "")) if "memory" in rest else text


def _identifying(address: Address, texts: Texts, claims: Claims) -> Iterator[tuple[Address, str]]:
    """What makes each keyed element around an address be recognised: its identity, or its elder siblings."""
    end = address.find("]")
    while end >= 0:
        element = address[: end + 1]
        yield from _identity(element, texts, claims)
        end = address.find("]", end + 1)


def _identity(element: Address, texts: Texts, claims: Claims) -> Iterator[tuple[Address, str]]:
    start, _, key = element[:-1].rpartition("[")
    leaves = xml.IDENTITIES.get(pattern_of(start).replace("[]", ""))
    alias = f"{markup.USER_ALIAS}{key}"
    if (leaves or ("",))[0] == "alias" and (element in claims or texts.get(f"{element}/alias@name") == alias):
        yield f"{element}/alias@name", alias
        return
    named = [fields.join(element, leaf) for leaf in leaves or () if leaf != "alias"]
    known = [(at, texts[at]) for at in named if at in texts]
    if not known or "#" in key:
        for elder in _elders(element, start, key.partition("#")[0] if known else None, texts):
            yield elder, ""
            yield from ((at, texts[at]) for at in (fields.join(elder, leaf) for leaf in leaves or ()) if at in texts)
    yield from known


def _elders(element: Address, start: Address, key: str | None, texts: Texts) -> Iterator[Address]:
    """The elements of the same name, and the same key, that stand before this one."""
    for address in texts:
        if address == element:
            return
        if address == start and key is None:
            yield address
        elif address.startswith(f"{start}[") and address.endswith("]") and "[" not in address[len(start) + 1 :]:
            theirs = address[len(start) + 1 : -1].partition("#")[0]
            if key in (None, theirs):
                yield address
