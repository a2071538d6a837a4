"""Lay pieces of libvirt's own XML (`xml:`) over what the fields claim, by what identifies elements.

`reconciler:remove="yes"` on an element says that it must not be there, `reconciler:remove="@cache @io"` that these
attributes must not. A later piece wins over an earlier one, and each over the fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from reconciler import entries, markup
from reconciler.entries import Entry
from reconciler.errors import ManifestError, Problem, trouble
from reconciler.fields import Lowered, join
from reconciler.markup import Identities
from reconciler.matching import align, rename, rivals
from reconciler.model.addresses import element_of, is_inside, pattern_of
from reconciler.model.documents import Address, Document, Spec, Texts

MARK = "@reconciler:remove"
_NAME_IT = "give it <alias name='ua-…'/> with the device's name"
# What a device says of itself that is more than a mention of another.
_WHOLE = ("@type", "@model")


@dataclass(frozen=True, kw_only=True)
class Format:
    """What a kind knows of its XML: its root element, what identifies elements, its fields, and how a piece is read."""

    root: str
    identities: Identities
    table: Mapping[str, Entry]
    read: Callable[[str], Texts]


@dataclass(frozen=True, slots=True)
class _Piece:
    """One `xml:` text: what it says at each address, and what must not be there; `known` identifies the latter."""

    texts: Texts
    known: Texts
    elements: tuple[Address, ...]
    attributes: tuple[Address, ...]


def texts_of(body: Mapping[str, object]) -> tuple[str, ...]:
    """The pieces of XML in a body, the lowest first: those of its Profiles and its own."""
    said = body.get("xml")
    return tuple(str(text) for text in said) if isinstance(said, list) else () if said is None else (str(said),)


def lay(lowered: Lowered, document: Document, form: Format) -> None:
    """Put every piece of the document over its claims. Raises R110, R111, R113, R114."""
    listed = texts_of(document.body)
    for number, text in enumerate(listed):
        path = ("spec", "xml", number) if len(listed) > 1 else ("spec", "xml")
        _Laying(lowered, document, form, text, path).lay()


@dataclass(frozen=True, slots=True)
class _Laying:
    """One piece on its way; `path` is where it stands in the document."""

    lowered: Lowered
    document: Document
    form: Format
    text: str
    path: tuple[str | int, ...]

    def lay(self) -> None:
        root = markup.parse_piece(self.text, self.document.place(*self.path))
        if root.tag != self.form.root:
            message = f"{self.document.ref}: the XML must be a <{self.form.root}>, not a <{root.tag!s}>"
            raise trouble("R111", message, self.document.place(*self.path))
        texts = self.form.read(markup.serialise(root))
        lines = {address: element.sourceline or 1 for address, element in markup.walk(root, self.form.identities)}
        self._check_name(texts)
        spec = Spec(ref=self.document.ref, host="", claims=self.lowered.claims, hints=self.lowered.hints)
        found = [
            *(self._rivalry(*each, lines) for each in rivals(spec, texts, self.form.identities)),
            *(self._problem(element, said, lines, "R114") for element, said in self._strangers(spec, texts)),
            *(self._problem(address, said, lines) for address, said in _contradictions(texts, self.form)),
        ]
        if found:
            raise ManifestError(found)
        named = rename(texts, align(spec, texts, self.form.identities))
        piece = _piece(named, self.form.identities)
        _refuse(self.lowered, piece, self.form)
        _say(self.lowered, piece, self.form)

    def _check_name(self, texts: Texts) -> None:
        name = texts.get("name", self.document.ref.name)
        if name != self.document.ref.name:
            message = f"{self.document.ref}: its XML has the name {name}; keep one of the two"
            raise trouble("R207", message, self.document.place(*self.path))

    def _problem(self, address: Address, said: str, lines: Mapping[Address, int], number: str = "R113") -> Problem:
        line = lines.get(element_of(address), 1)
        place = self.document.places.get(self.path)
        origin = f"line {line} of the XML of {place.by}" if place and place.by else f"line {line} of its XML"
        block = place and place.block
        where = f"{place.file}:{place.line + line}:{block}" if place and block else self.document.place(*self.path)
        return Problem(number, f"{self.document.ref}, {origin}: {said}", where)

    def _strangers(self, spec: Spec, texts: Texts) -> Iterator[tuple[Address, str]]:
        """Devices that only a name tells, and which none of those that the document lists whole has."""
        matched = {*align(spec, texts, self.form.identities).values(), *self.lowered.claims}
        for element in (address for address in texts if address.endswith("]") and address not in matched):
            at = element.rpartition("[")[0]
            named = "alias" in self.form.identities.get(pattern_of(at), ())
            listed = entries.path_of(self.form.table, element)
            if named and element.endswith("[0]") and not any(each.startswith(f"{element}/source") for each in texts):
                yield element, f"nothing tells which of {listed.removesuffix('[0]')} it is; {_NAME_IT}"
            elif named and at in self.lowered.lists and not {f"{element}{leaf}" for leaf in _WHOLE} & texts.keys():
                yield element, f"no field declares {listed}, and without a type it is no device of its own; {_NAME_IT}"

    def _rivalry(self, theirs: Address, ours: tuple[Address, ...], lines: Mapping[Address, int]) -> Problem:
        table = self.form.table
        named = " and ".join(entries.path_of(table, address) for address in ours)
        said = f"<{theirs.rpartition('/')[2].partition('[')[0]}> fits {named}; {_NAME_IT}"
        return self._problem(theirs, said, lines, "R114")


def _piece(texts: Texts, identities: Identities) -> _Piece:
    """The texts taken apart; marks that say nothing usable have been refused before."""
    marks = {element_of(address): text for address, text in texts.items() if address.endswith(MARK)}
    elements = tuple(element for element, text in marks.items() if text == "yes")
    attributes = tuple(f"{element}{name}" for element, text in marks.items() if text != "yes" for name in text.split())
    said = {
        address: text
        for address, text in texts.items()
        if address != "name" and not address.endswith(MARK) and not is_inside(address, elements)
    }
    full = {holder for address, text in said.items() if text for holder in around(address)}
    for holder in {holder for element in marks for holder in around(f"{element}{MARK}")} - full:
        # What only holds a mark says nothing of its own, but for an entry of a list.
        if not (holder.endswith("]") or said.get(holder)):
            said.pop(holder, None)
    leaves = (leaf for element in elements for leaf in _leaves(element, identities))
    known = {leaf: texts[leaf] for leaf in leaves if texts.get(leaf)}
    return _Piece(said, known, elements, attributes)


def _refuse(lowered: Lowered, piece: _Piece, form: Format) -> None:
    """Claim that these elements and attributes are not there, whatever the fields and earlier pieces say."""
    for element in piece.elements:
        known = {
            leaf: text
            for leaf in _leaves(element, form.identities)
            if (text := lowered.claims.get(leaf) or lowered.hints.get(leaf) or piece.known.get(leaf))
        }
        for address in [each for each in lowered.claims if is_inside(each, (element,))]:
            del lowered.claims[address]
        for address in [each for each in lowered.hints if is_inside(each, (element,))]:
            del lowered.hints[address]
        lowered.claims[element] = None
        # By these the host's element is recognised; nothing is written of them.
        lowered.hints.update(known)
    for attribute in piece.attributes:
        lowered.hints.pop(attribute, None)
        lowered.claims[attribute] = None


def _leaves(element: Address, identities: Identities) -> Iterator[Address]:
    for leaf in identities.get(pattern_of(element).replace("[]", ""), ()):
        yield f"{element}/alias@name" if leaf == "alias" else join(element, leaf)


def _say(lowered: Lowered, piece: _Piece, form: Format) -> None:
    """Claim what the piece says; what was refused around it by an earlier one is there again."""
    said = {address: text for address, text in piece.texts.items() if not _is_known(address, text, lowered)}
    for address, text in claimed(said, form.table).items():
        for holder in around(address):
            if lowered.claims.get(holder, "") is None:
                del lowered.claims[holder]
        # An element that is only named there to be found says nothing about its text.
        if text or lowered.claims.get(address) is None:
            lowered.claims[address] = text


def _is_known(address: Address, text: str, lowered: Lowered) -> bool:
    """Whether it says what is so anyway: the alias of a device that the fields name."""
    leaf = f"{address}@name" if address.endswith("/alias") else address
    return leaf.endswith("/alias@name") and leaf in lowered.hints and text in ("", lowered.hints[leaf])


def claimed(texts: Texts, table: Mapping[str, Entry]) -> dict[Address, str]:
    """Every value, and every element that is there for its own sake, has a key, or is one that the fields speak of."""
    holders = {holder for address in texts for holder in around(address)}
    return {
        address: text
        for address, text in texts.items()
        if text or address not in holders or address.endswith("]") or entries.entry_of(table, address) is not None
    }


def around(address: Address) -> Iterator[Address]:
    """The elements that hold this leaf or element, innermost first."""
    element, at, _ = address.rpartition("@")
    if at and element:
        yield element
    while "/" in (element or address):
        element = (element or address).rpartition("/")[0]
        yield element


def _contradictions(texts: Texts, form: Format) -> Iterator[tuple[Address, str]]:
    """What a piece says against itself, with the element that says it."""
    for address, text in texts.items():
        name = address.rpartition("@")[2]
        element = element_of(address)
        shown = f"<{element.rpartition('/')[2].partition('[')[0] or form.root}>"
        if not name.startswith("reconciler:") or "@" not in address:
            continue
        if address.endswith(MARK) and text == "yes":
            yield from ((element, said) for said in _removed(element, shown, texts, form))
        elif address.endswith(MARK) and re.fullmatch(r"\s*@[\w:.-]+(\s+@[\w:.-]+)*\s*", text):
            both = [word for word in text.split() if element + word in texts]
            yield from ((element, f"{shown} has {word} and says that it must not be there") for word in both)
        else:
            told = 'write reconciler:remove="yes" or reconciler:remove="@name"'
            yield element, f'{shown} has {name}="{text:.40}"; {told}'


def _removed(element: Address, shown: str, texts: Texts, form: Format) -> Iterator[str]:
    if not element:
        yield f"the whole {shown} cannot be removed; remove the document"
        return
    identity = {*_leaves(element, form.identities), f"{element}/alias@name", f"{element}{MARK}"}
    beside = [leaf for leaf, text in texts.items() if text and is_inside(leaf, (element,)) and leaf not in identity]
    if beside:
        inside = beside[0][len(element) :].lstrip("/") or "text"
        yield f"{shown} must not be there and yet has {inside}; keep only what identifies it"
    twin = re.sub(r"#\d+\]$", "]", element)
    leaves = form.identities.get(pattern_of(element).replace("[]", ""), ())
    twins = [each for each in texts if each != element and each.endswith("]") and re.sub(r"#\d+\]$", "]", each) == twin]
    if twins and leaves and not leaves[-1].endswith("type"):
        yield f"{shown} must not be there and yet is; keep one of the two"
