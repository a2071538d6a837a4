"""The fields that a document leaves to others once they are made: one list for comparing and for applying."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase

from reconciler import entries
from reconciler.entries import Entry
from reconciler.kind import Kind
from reconciler.model.documents import Address, Spec

# Before the path of what has no field of its own, see `entries.path_of`.
_OVERLAY = "xml:"


def left_to_others(kind: Kind, spec: Spec) -> Callable[[Address], bool]:
    """Whether a field, or what it stands in, is one of the document's `ignoreFields`."""
    shapes = [shape for pattern in spec.policy.ignored for shape in _shapes(pattern)]
    if not shapes:
        return lambda address: False
    return lambda address: any(fnmatchcase(entries.path_of(kind.table, address), shape) for shape in shapes)


def doubt(table: Mapping[str, Entry], pattern: str) -> str:
    """Why a pattern can never match, with the nearest field that there is; "" where it may."""
    if pattern.startswith(_OVERLAY):
        return ""
    known = {part for entry in table.values() for part in _holders(entry.path)}
    shape = _literal(re.sub(r"\[[^]]*\]", "[]", pattern))
    if any(fnmatchcase(path, shape) for path in known):
        return ""
    near = get_close_matches(pattern, [path.replace("[]", "[*]") for path in sorted(known)], 1)
    return f"there is no field {pattern!r}" + (f"; did you mean {near[0]}?" if near else "")


def _shapes(pattern: str) -> tuple[str, ...]:
    literal = _literal(pattern)
    return literal, f"{literal}.*", f"{literal}[[]*", f"{literal}/*", f"{literal}@*"


def _literal(pattern: str) -> str:
    """The pattern with `*` as its only wildcard: brackets stand around keys here."""
    return "".join({"[": "[[]", "?": "[?]"}.get(letter, letter) for letter in pattern)


def _holders(path: str) -> set[str]:
    """The path and those of all that it stands in: `disks[].cache`, `disks[]`, `disks`."""
    found = {path}
    while "." in path or path.endswith("[]"):
        path = path[:-2] if path.endswith("[]") else path.rpartition(".")[0]
        found.add(path)
    return found
