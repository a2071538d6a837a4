"""libvirt's formats as their RELAX NG schemas have them: every place, and the smallest example for each.

A place is an address without keys (`devices/disk/driver@cache`). Recursion is followed once: a backing store inside a
backing store has the places of the outer one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from re import _constants as sre
from re import _parser as parser

from lxml import etree

SCHEMAS = Path("/usr/share/libvirt/schemas")
_RNG = "{http://relaxng.org/ns/structure/1.0}"
_INFINITE = 10**9
_PREFIXES = {
    "http://libvirt.org/schemas/domain/qemu/1.0": "qemu",
    "http://libvirt.org/schemas/domain/lxc/1.0": "lxc",
    "http://libvirt.org/schemas/domain/xen/1.0": "xen",
    "http://libvirt.org/schemas/domain/vmware/1.0": "vmware",
    "http://libvirt.org/schemas/domain/bhyve/1.0": "bhyve",
    "http://libvirt.org/schemas/network/dnsmasq/1.0": "dnsmasq",
    "http://libvirt.org/schemas/storagepool/fs/1.0": "fs",
    "http://libvirt.org/schemas/storagepool/rbd/1.0": "rbd",
}
ANY = "*"


@dataclass(frozen=True, eq=False)
class Pattern:
    """A node of a schema: `kind` as RELAX NG calls it, the tag or name it has, and what is in it."""

    kind: str
    name: str = ""
    parts: tuple[Pattern, ...] = ()
    params: tuple[tuple[str, str], ...] = ()


def digest(*files: str) -> str:
    """What tells one version of these schema files from another; "" where one is missing."""
    paths = [SCHEMAS / name for name in files]
    if not all(path.is_file() for path in paths):
        return ""
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()[:16]


@dataclass
class Format:
    """One schema with all that it includes."""

    defines: dict[str, Pattern] = field(default_factory=dict)
    start: Pattern = Pattern("notAllowed")
    files: list[str] = field(default_factory=list)
    _costs: dict[int, int] = field(default_factory=dict)
    _found: dict[tuple[int, tuple[str, ...]], bool] = field(default_factory=dict)

    @classmethod
    def read(cls, file: str) -> Format:
        found = cls()
        found._include(file)
        return found

    def _include(self, file: str) -> None:
        if file in self.files:
            return
        self.files.append(file)
        for node in etree.parse(str(SCHEMAS / file)).getroot().iterchildren(etree.Element):
            tag = str(node.tag).removeprefix(_RNG)
            if tag == "include":
                self._include(node.get("href", ""))
            elif tag == "start":
                self.start = _group(node)
            elif tag == "define":
                name, pattern = node.get("name", ""), _group(node)
                if name in self.defines and node.get("combine") == "choice":
                    pattern = Pattern("choice", parts=(self.defines[name], pattern))
                self.defines[name] = pattern

    def inside(self, pattern: Pattern) -> Sequence[Pattern]:
        return (self.defines[pattern.name],) if pattern.kind == "ref" else pattern.parts

    # Every place

    def places(self) -> dict[str, bool]:
        """Each place below the root, in the order of the schema, and whether it holds a text of its own."""
        found: dict[str, bool] = {}
        root = next(self._elements(self.start))
        self._walk(root, "", (), found, set())
        return found

    def _elements(self, pattern: Pattern) -> Iterator[Pattern]:
        if pattern.kind == "element":
            yield pattern
            return
        for part in self.inside(pattern):
            yield from self._elements(part)

    def _walk(
        self, element: Pattern, at: str, above: tuple[int, ...], found: dict[str, bool], seen: set[tuple[str, int]]
    ) -> None:
        if id(element) in above or (at, id(element)) in seen:
            return
        seen.add((at, id(element)))
        for part in self._content(element):
            if self._cost(part) >= _INFINITE:
                continue
            if part.kind == "attribute":
                found[f"{at}@{part.name}"] = True
            elif part.kind == "element":
                place = f"{at}/{part.name}" if at else part.name
                text = any(each.kind in ("text", "data", "value", "list") for each in self._content(part))
                found[place] = found.get(place, False) or text
                # What is in an element of another namespace is one value with it.
                if ":" not in part.name and part.name != ANY:
                    self._walk(part, place, (*above, id(element)), found, seen)

    def _content(self, element: Pattern) -> Iterator[Pattern]:
        """What stands right in an element: elements, attributes and text, through all that groups them."""
        stack = list(reversed(element.parts))
        while stack:
            part = stack.pop()
            if part.kind in ("element", "attribute", "text", "data", "value", "list"):
                yield part
            else:
                stack.extend(reversed(self.inside(part)))

    # The smallest example

    def example(self, place: str) -> etree._Element:
        """The smallest document with something at a place; only what its elements cannot be without is beside it."""
        steps = tuple(step for part in place.split("/") for step in _steps(part))
        root = next(self._elements(self.start))
        element = etree.Element(root.name)
        self._fill(root.parts, steps, element)
        return element

    def _fill(self, parts: Sequence[Pattern], want: tuple[str, ...], into: etree._Element) -> None:
        """Build the parts of a group; one of them brings what is wanted."""
        bringing = next((part for part in parts if want and self._brings(part, want)), None)
        for part in parts:
            self._build(part, want if part is bringing else (), into)

    def _build(self, part: Pattern, want: tuple[str, ...], into: etree._Element) -> None:
        if part.kind in ("optional", "zeroOrMore"):
            if want:
                self._fill(part.parts, want, into)
        elif part.kind == "choice":
            fitting = [each for each in part.parts if not want or self._brings(each, want)]
            self._build(min(fitting, key=self._cost), want, into)
        elif part.kind == "element":
            child = etree.SubElement(into, _tag(part.name))
            self._fill(part.parts, want[1:], child)
        elif part.kind == "attribute":
            into.set("any" if part.name == ANY else part.name, self._text(part))
        elif part.kind in ("text", "data", "value", "list"):
            into.text = self._text(part)
        else:
            self._fill(self.inside(part), want, into)

    def _brings(self, part: Pattern, want: tuple[str, ...]) -> bool:
        """Whether something of this pattern can stand at the wanted steps."""
        key = id(part), want
        if key not in self._found:
            if part.kind == "attribute":
                self._found[key] = want == (f"@{part.name}",)
            elif part.kind == "element":
                rest = want[1:]
                self._found[key] = want[0] == part.name and (
                    not rest or any(self._brings(each, rest) for each in part.parts)
                )
            else:
                usable = (each for each in self.inside(part) if self._cost(each) < _INFINITE)
                self._found[key] = any(self._brings(each, want) for each in usable)
        return self._found[key]

    def _cost(self, part: Pattern) -> int:
        """How many elements and attributes the smallest example has; what may not be at all costs infinitely much."""
        if not self._costs:
            self._weigh([*self.defines.values(), self.start])
        return self._costs[id(part)]

    def _weigh(self, roots: Sequence[Pattern]) -> None:
        """Put a cost to every pattern, going round until nothing gets cheaper: patterns refer to each other."""
        every: list[Pattern] = []
        stack = list(roots)
        while stack:
            part = stack.pop()
            every.append(part)
            stack.extend(part.parts)
        self._costs = {id(part): _INFINITE for part in every}
        cheaper = True
        while cheaper:
            cheaper = False
            for part in reversed(every):
                cost = self._counted(part)
                cheaper, self._costs[id(part)] = cheaper or cost < self._costs[id(part)], cost

    def _counted(self, part: Pattern) -> int:
        if part.kind in ("optional", "zeroOrMore", "empty", "text", "data", "value"):
            return 0
        if part.kind == "notAllowed":
            return _INFINITE
        inner = [self._costs[id(each)] for each in self.inside(part)]
        if part.kind == "choice":
            return min(inner)
        return min(sum(inner) + (part.kind in ("element", "attribute")), _INFINITE)

    def _text(self, part: Pattern) -> str:
        if part.kind == "value":
            return part.name
        if part.kind == "data":
            return _sample(part.name, dict(part.params))
        if part.kind == "text":
            return "text"
        if part.kind in ("optional", "zeroOrMore", "empty", "notAllowed"):
            return ""
        if part.kind == "choice":
            return self._text(min(part.parts, key=lambda each: (self._cost(each), each.kind == "empty")))
        return " ".join(filter(None, (self._text(each) for each in self.inside(part))))


def _steps(part: str) -> Iterator[str]:
    element, at, attribute = part.partition("@")
    if element:
        yield element
    if at:
        yield f"@{attribute}"


def _tag(name: str) -> str:
    if name == ANY:
        return "{urn:example}any"
    prefix, colon, local = name.partition(":")
    return f"{{{next(uri for uri, known in _PREFIXES.items() if known == prefix)}}}{local}" if colon else name


def _group(node: etree._Element) -> Pattern:
    return Pattern("group", parts=tuple(map(_pattern, node.iterchildren(etree.Element))))


def _pattern(node: etree._Element) -> Pattern:
    kind = str(node.tag).removeprefix(_RNG)
    if kind == "value":
        return Pattern(kind, (node.text or "").strip())
    if kind == "data":
        params = tuple((param.get("name", ""), param.text or "") for param in node.iterchildren(f"{_RNG}param"))
        return Pattern(kind, node.get("type", ""), params=params)
    name, parts = node.get("name", ""), tuple(node.iterchildren(etree.Element))
    if kind in ("element", "attribute") and not name:
        name, parts = ANY, parts[1:]
    if kind == "element" and node.get("ns"):
        name = f"{_PREFIXES[node.get('ns', '')]}:{name}"
    inner = tuple(map(_pattern, parts))
    if kind == "attribute" and not inner:
        inner = (Pattern("text"),)
    return Pattern(kind, name, inner)


# Values

_PLAIN = {"dateTime": "2026-01-01T00:00:00", "string": "text", "NCName": "text", "positiveInteger": "1"}


def _sample(kind: str, params: Mapping[str, str]) -> str:
    """A value of a data type."""
    least = params.get("minInclusive", "")
    if "pattern" in params and not (least and re.fullmatch(params["pattern"], least)):
        return _matching(params["pattern"])
    return least or _PLAIN.get(kind, "0")


def _matching(pattern: str) -> str:
    """The first text that a pattern matches; its digits are not all zero where they need not be."""
    return "".join(_generated(parser.parse(re.sub(r"\\i", "[a-z]", re.sub(r"\\c", "[a-z]", pattern)))))


def _generated(tokens: Sequence[tuple[object, object]]) -> Iterator[str]:
    for operator, argument in tokens:
        if operator is sre.LITERAL:
            yield chr(argument)
        elif operator is sre.IN:
            yield _one_of(argument)
        elif operator is sre.BRANCH:
            yield from _generated(argument[1][0])
        elif operator is sre.SUBPATTERN:
            yield from _generated(argument[-1])
        elif operator in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            least, _, inner = argument
            yield "".join(_generated(inner)) * least
        elif operator in (sre.ANY, sre.NOT_LITERAL):
            yield "a"


def _one_of(members: Sequence[tuple[object, object]]) -> str:
    negated = members[0][0] is sre.NEGATE
    if negated:
        return "a"
    operator, argument = members[-1] if members[-1][0] is sre.RANGE and len(members) == 1 else members[0]
    if operator is sre.RANGE:
        low, high = argument
        return "1" if low == ord("0") and high >= ord("1") else chr(low)
    if operator is sre.CATEGORY:
        return "1"
    return chr(argument)
