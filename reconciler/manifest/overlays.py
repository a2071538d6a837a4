"""Whether the piece of libvirt's XML inside a document can be read, with problems at their place in the YAML file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.errors import Problem, ReconcilerError
from reconciler.manifest.load import Loaded, Spot
from reconciler.manifest.tree import Node

if TYPE_CHECKING:
    from reconciler.markup import Element

PATH = ("spec", "xml")
# A Profile is a part of a Domain.
_ALIASES = {"Profile": "Domain"}


def overlay_problems(loaded: Loaded, lines: Sequence[str], file: str, roots: Mapping[str, str]) -> Iterator[Problem]:
    """What is wrong with the `xml:` of a document that the schema accepts; `lines` is its file's text."""
    text, spot = _text(loaded.value), loaded.places.get(PATH)
    if text is None or spot is None:
        return
    from reconciler import markup  # lxml takes 15 ms, and most documents hold no XML.

    try:
        root = markup.parse_piece(text, file)
    except ReconcilerError as error:
        yield from (_moved(problem, spot, lines, file) for problem in error.problems)
        return
    wanted = _root_of(loaded.value, roots)
    if root.tag != wanted:
        yield Problem("R111", f"the XML must be a <{wanted}>, not {_named(root)}", f"{file}:{spot[0]}:{spot[1]}")


def _text(value: object) -> str | None:
    spec = value.get("spec") if isinstance(value, dict) else None
    text = spec.get("xml") if isinstance(spec, dict) else None
    return text if isinstance(text, str) else None


def _root_of(value: object, roots: Mapping[str, str]) -> str:
    """The root element that the kind of a document has in libvirt's XML."""
    kind = value.get("kind") if isinstance(value, dict) else None
    kind = _ALIASES.get(str(kind), kind)
    return next((root for root, name in roots.items() if name == kind), "")


def _named(root: Element) -> str:
    """The element in a message; one of a foreign namespace has a long name."""
    return f"<{root.tag!s:.80}>"


def _moved(problem: Problem, spot: Spot, lines: Sequence[str], file: str) -> Problem:
    """The problem at its place in the YAML file as far as that can be told, else at the beginning of the value."""
    line, column = (int(number) for number in problem.where.rsplit(":", 2)[1:])
    if not _is_literal(lines[spot[0] - 1][spot[1] - 1 :]):
        said = problem.message if line == 1 else f"line {line} of the XML: {problem.message}"
        return Problem(problem.number, said, f"{file}:{spot[0]}:{spot[1]}")
    content = lines[spot[0] : spot[0] + line]
    filled = next((each for each in lines[spot[0] :] if each.strip()), "")
    indent = len(filled) - len(filled.lstrip(" "))
    # libxml2 counts on after the last line where an element is left open.
    return Problem(problem.number, problem.message, f"{file}:{spot[0] + len(content)}:{indent + column}")


def one_by_one(node: Node) -> list[Node]:
    """The document once for each of its pieces of XML, the lowest first; as it stands where it has not several."""
    spec, xml = node.at("spec"), node.at(*PATH)
    if spec is None or xml is None or not isinstance(xml.value, list):
        return [node]
    return [
        replace(node, value={**node.value, "spec": replace(spec, value={**spec.value, "xml": piece})})
        for piece in xml.value
    ]


def block_column(loaded: Loaded, lines: Sequence[str]) -> int:
    """The column of the lines of the XML in the file; 0 where its lines are not lines of the file."""
    spot = loaded.places.get(PATH)
    if spot is None or _text(loaded.value) is None or not _is_literal(lines[spot[0] - 1][spot[1] - 1 :]):
        return 0
    filled = next((each for each in lines[spot[0] :] if each.strip()), "")
    return len(filled) - len(filled.lstrip(" ")) + 1


def _is_literal(rest: str) -> bool:
    """Whether a value begins as a literal block (YAML 1.2.2, 8.1.2): its lines are lines of the file."""
    return rest.startswith("|")
