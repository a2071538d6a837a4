"""Where in which file a claim is written: a field, a line of an `xml:` overlay or XML file, or a Profile's field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler import markup
from reconciler.entries import path_of
from reconciler.errors import ReconcilerError
from reconciler.kind import Kind
from reconciler.manifest.load import Path
from reconciler.model.addresses import pattern_of
from reconciler.model.documents import Address, Document
from reconciler.ports import SourceFile

OVERLAY = ("spec", "xml")


@dataclass(frozen=True, slots=True)
class Written:
    """The documents of which a Spec was made, the topmost first, and the files that they are in."""

    documents: tuple[Document, ...]
    files: Mapping[str, str]

    def place(self, kind: Kind, address: Address, text: str) -> str:
        """Where a claim is written, as exactly as can be told; the document itself where that is all."""
        found = [each for document in self.documents for each in _places(self.files, document, kind, address, text)]
        if not found:
            return self.documents[0].place() if self.documents else ""
        return max(found, key=lambda each: each[0])[1]


# How exact a place is: a line of XML with this very text, the element at this address, one that is only like it.
# Between the last two are fields, by how deep in the document they are.
_THIS_TEXT, _THIS_ELEMENT, _LIKE_IT = 100, 50, 1


def _places(
    files: Mapping[str, str], document: Document, kind: Kind, address: Address, text: str
) -> Iterator[tuple[int, str]]:
    """Places in one document that may be meant, each with how exact it is."""
    yield from _in_xml(files, document, kind, address, text)
    path: tuple[str | int, ...] = ("spec", *_steps(document.body, path_of(kind.table, address)))
    while len(path) > 1 and path not in document.places:
        path = path[:-1]
    if len(path) > 1:
        yield len(path), document.place(*path)


def texts_of(files: Iterable[SourceFile]) -> dict[str, str]:
    """The files' texts by path."""
    return {file.path: file.content.decode(errors="replace") for file in files}


def _steps(body: object, path: str) -> Iterator[str | int]:
    """A path as people write it, `disks[root].file`, as steps into a body; it ends where the body does."""
    for part in _parts(path):
        step = _entry(body, part[1:-1]) if part.startswith("[") else part
        if step is None or not ((isinstance(body, Mapping) and step in body) or isinstance(body, list)):
            return
        yield step
        body = body[step]  # type: ignore[index]


def _parts(path: str) -> list[str]:
    return [part for part in _marked(path).split("\0") if part]


def _marked(path: str) -> str:
    """The path with a mark where a new step begins; dots in keys begin none."""
    depth, text = 0, ""
    for sign in path:
        if sign == "[":
            text += "\0" if not depth else ""
            depth += 1
        depth -= sign == "]"
        text += "\0" if sign == "." and not depth else sign
    return text


def _entry(entries: object, key: str) -> int | None:
    """Which entry of a list has a key: the one with it as one of its values, else the one at that position."""
    listed = entries if isinstance(entries, list) else []
    for position, entry in enumerate(listed):
        values = entry.values() if isinstance(entry, Mapping) else (entry,)
        if any(str(value) == key for value in values if isinstance(value, str | int)):
            return position
    return int(key) if key.isdecimal() and int(key) < len(listed) else None


def _in_xml(
    files: Mapping[str, str], document: Document, kind: Kind, address: Address, text: str
) -> Iterator[tuple[int, str]]:
    """The line of the element in an XML file or an overlay that claims this text."""
    for path, xml in _texts(document):
        try:
            root = markup.parse_piece(xml)
        except ReconcilerError:
            continue
        exact, element = _element(root, kind, address, text)
        if element is not None and (place := _line_of_value(files, document, path, int(element.sourceline or 1))):
            yield exact, place


def _texts(document: Document) -> Iterator[tuple[Path, str]]:
    """The texts of XML in a document with their paths, the topmost first; the path of a whole file is ()."""
    xml = document.body.get("xml") if document.xml is None else document.xml
    if isinstance(xml, list):
        yield from reversed([((*OVERLAY, number), str(text)) for number, text in enumerate(xml)])
    elif xml is not None:
        yield OVERLAY if document.xml is None else (), str(xml)


def _element(root: markup.Element, kind: Kind, address: Address, text: str) -> tuple[int, markup.Element | None]:
    """The element that holds a text at an address, and how sure that is."""
    element, _, attribute = address.partition("@")
    listed = tuple(markup.walk(root, kind.identities))
    same = [each for at, each in listed if at == element]
    alike = [each for at, each in listed if pattern_of(at) == pattern_of(element)]
    holding = [each for each in (*same, *alike) if _has(each, attribute, text)]
    ranked = ((_THIS_TEXT, holding), (_THIS_ELEMENT, same), (_LIKE_IT, alike))
    return next(((rank, each[0]) for rank, each in ranked if each), (0, None))


def _has(element: markup.Element, attribute: str, text: str) -> bool:
    return element.get(attribute) == text if attribute else bool(text) and (element.text or "").strip() == text


def _line_of_value(files: Mapping[str, str], document: Document, path: Path, line: int) -> str:
    """A line of an `xml:` value as one of its file: the lines of a literal block are the file's own."""
    place = document.places.get(path)
    if place is None:
        return ""
    if not path:
        return f"{place.file}:{line}:1"
    lines: Sequence[str] = files.get(place.file, "").split("\n")
    here = lines[place.line - 1][place.column - 1 :] if len(lines) >= place.line else ""
    if not here.startswith("|"):
        return str(place)
    written = lines[place.line + line - 1] if len(lines) > place.line + line - 1 else ""
    return f"{place.file}:{place.line + line}:{len(written) - len(written.lstrip()) + 1}"


def line_of(files: Mapping[str, str], document: Document, tag: str, attribute: str, value: str) -> str:
    """Where a document's own XML has an element with this tag, and attribute if one is given; "" if nowhere."""
    for path, xml in _texts(document):
        for each in markup.parse_piece(xml).iter(tag):
            if not attribute or each.get(attribute) == value:
                return _line_of_value(files, document, path, int(each.sourceline or 1)) or document.place()
    return ""
