"""`${…}` in the texts of a document: names of values, of its host and of itself, put in where they stand. No code.

A text that is nothing but one placeholder becomes the value itself, whatever its type; in any other text the value is
written out. `$${` stands for `${`. A text of several lines is taken for another language (a script, user data, XML),
where `${HOME}` means something already: there only names with a dot are placeholders, which no shell variable has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.codecs import Json
from reconciler.errors import Problem
from reconciler.manifest.check import closest
from reconciler.manifest.load import Path
from reconciler.manifest.tree import Node
from reconciler.model.documents import Place

OPENS = "${"
_WORD = r"[A-Za-z0-9_][A-Za-z0-9_+-]*"
_NAME = re.compile(rf"{_WORD}(?:\.{_WORD})*")
_DOTTED = rf"{_WORD}(?:\.{_WORD})+"
# What is escaped, or else a name and whether it ends.
_STRICT = re.compile(r"\$(\$\{)|\$\{([^}]*)(\}?)")
_LENIENT = re.compile(rf"\$(\$\{{)(?={_DOTTED}\}})|\$\{{({_DOTTED})(\}})")
_ANY = re.compile(r"\$\{")
# What a name may begin with, and where it comes from.
ROOTS: Mapping[str, str] = {
    "values": "a values file",
    "metadata": "the document's own metadata",
    "host": "the Host document that the document goes to",
    "each": "generate",
    "index": "generate.count",
}
# As many known names as a message searches for a near one.
_MOST = 5000

# What has a meaning of its own in XML, elements and attributes alike (XML 1.0, 2.4).
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"})

Lines = Callable[[str], Sequence[str]]


def holds(node: Node) -> bool:
    """Whether a placeholder, or an escaped one, stands in any text of the value."""
    if isinstance(node.value, dict):
        return any(holds(each) for each in node.value.values())
    if isinstance(node.value, list):
        return any(holds(each) for each in node.value)
    return isinstance(node.value, str) and OPENS in node.value


@dataclass(slots=True)
class Filling:
    """What is put in: the known names as a mapping of Nodes. `lines` gives the text of a file, to point into it.

    `problems` are the names that are not known, each where it is written. `silent` says why a root is not known here.
    """

    known: Mapping[str, Node]
    lines: Lines
    silent: Mapping[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def fill(self, node: Node, path: Path = ()) -> Node:
        """The value with every placeholder filled in; one that cannot be is noted and left as it is."""
        if isinstance(node.value, dict):
            return replace(node, value={name: self.fill(each, (*path, name)) for name, each in node.value.items()})
        if isinstance(node.value, list):
            return replace(node, value=[self.fill(each, (*path, step)) for step, each in enumerate(node.value)])
        if isinstance(node.value, str) and OPENS in node.value:
            return self._text(node, quote=_escaped if path[:2] == ("spec", "xml") else str)
        return node

    def _text(self, node: Node, quote: Callable[[str], str]) -> Node:
        text: str = node.value
        form = _LENIENT if "\n" in text else _STRICT
        alone = form.fullmatch(text)
        if alone is not None and not alone[1]:
            return self._whole(node, alone)
        said: list[str] = []
        done = 0
        sources: dict[str, None] = {}
        for match in form.finditer(text):
            put, source = (match[1], "") if match[1] else self._put(node, match, quote)
            said += (text[done : match.start()], put)
            done = match.end()
            sources |= {source: None} if source else {}
        filled = "".join((*said, text[done:]))
        return replace(node, value=filled, place=_by(node.place, ", ".join(sources)))

    def _whole(self, node: Node, match: re.Match[str]) -> Node:
        """The value that a text stands for which is nothing but its name."""
        found = self._look_up(node, match)
        if found is None:
            return node
        return replace(node, value=found.value, place=_by(node.place, _short(found.place)))

    def _put(self, node: Node, match: re.Match[str], quote: Callable[[str], str]) -> tuple[str, str]:
        """The text of a value for the middle of another, and where it comes from."""
        found = self._look_up(node, match)
        if found is None:
            return match[0], ""
        if found.value is None or isinstance(found.value, dict | list):
            what = "nothing" if found.value is None else "a list" if isinstance(found.value, list) else "a mapping"
            self._note(node, match, f"{match[2]} is {what}, which cannot stand inside a text; name one value in it")
            return match[0], ""
        text = str(found.value).lower() if isinstance(found.value, bool) else str(found.value)
        return quote(text), _short(found.place)

    def _look_up(self, node: Node, match: re.Match[str]) -> Node | None:
        name = match[2]
        if not match[3] or _NAME.fullmatch(name) is None:
            message = f"{match[0][:40]} is no placeholder, which is a name such as ${{values.size}}"
            self._note(node, match, f"{message}; write $${{ for the text ${{ itself")
            return None
        found = find(self.known, name)
        if found is None:
            self._note(node, match, self._unknown(name))
        return found

    def _unknown(self, name: str) -> str:
        """Why a name is not known, and what may be meant."""
        root = name.partition(".")[0]
        if root not in self.known and root in ROOTS:
            return self.silent.get(root) or f"{name} is not known here, for there is no {ROOTS[root]}"
        names = [each for each, _ in zip(_names(self.known, ""), range(_MOST), strict=False)]
        near = closest(name, [each for each in names if not name.startswith(f"{each}.")])
        if near:
            return f"nothing is called {name}; did you mean {near}?"
        if root not in self.known:
            return f"nothing is called {name}; write $${{{name}}} for the text itself"
        around = name
        while (found := find(self.known, around)) is None:
            around = around.rpartition(".")[0]
        inner = sorted(found.value) if isinstance(found.value, dict) else []
        return f"nothing is called {name}; {around} has {', '.join(inner[:12]) or 'nothing below'}"

    def _note(self, node: Node, match: re.Match[str], message: str) -> None:
        self.problems.append(Problem("R116", message, str(_spot(node, match, self.lines))))


def escaped(value: Json) -> Json:
    """A value that comes to the given one when it is filled in: each `${` that would be taken for a name is escaped."""
    if isinstance(value, str):
        return (_LENIENT if "\n" in value else _ANY).sub(lambda match: f"${match[0]}", value)
    if isinstance(value, list | tuple):
        return [escaped(each) for each in value]
    return {name: escaped(each) for name, each in value.items()} if isinstance(value, Mapping) else value


def find(known: Mapping[str, Node], name: str) -> Node | None:
    """The value of a dotted name. A key with dots in it (`host.labels.example.org`) is found as well."""
    words = name.split(".")
    around: Mapping[str, Node] = known
    found: Node | None = None
    while words:
        taken = next((count for count in range(1, len(words) + 1) if ".".join(words[:count]) in around), 0)
        if not taken:
            return None
        found = around[".".join(words[:taken])]
        words = words[taken:]
        if words and isinstance(found.value, list):
            around = {str(step): each for step, each in enumerate(found.value)}
        else:
            around = found.value if isinstance(found.value, dict) else {}
    return found


def _names(known: Mapping[str, Node], above: str) -> Iterator[str]:
    for name, node in known.items():
        yield f"{above}{name}"
        if isinstance(node.value, dict):
            yield from _names(node.value, f"{above}{name}.")


def _escaped(text: str) -> str:
    """A value as it stands in XML: it stays a text there, whatever is in it."""
    return text.translate(_ENTITIES)


def _by(place: Place | None, source: str) -> Place | None:
    return replace(place, by=source) if place is not None and source else place


def _short(place: Place | None) -> str:
    return f"{place.file}:{place.line}" if place is not None else ""


def _spot(node: Node, match: re.Match[str], lines: Lines) -> Place | None:
    """Where a placeholder itself stands, as far as that can be told; else where its text begins."""
    place, text = node.place, lines(node.place.file) if node.place is not None else ()
    if place is None or place.line > len(text):
        return place
    first = text[place.line - 1]
    if first[place.column - 1 :].startswith("|"):
        down = node.value.count("\n", 0, match.start()) + 1
        line = text[place.line - 1 + down] if place.line - 1 + down < len(text) else ""
        column = line.find(match[0])
        return Place(place.file, place.line + down, column + 1) if column >= 0 else place
    before = node.value[: match.start()].count(match[0])
    column = place.column - 1
    for _ in range(before + 1):
        column = first.find(match[0], column) + 1
        if column == 0:
            return place
    return Place(place.file, place.line, column)
