"""Documents as YAML text, in the order and style a person would write them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

import yaml

from reconciler.manifest.scalars import resolve

# What may stand without quotes: nothing in it begins a comment, a key, a list or an alias, and no end is a space.
_PLAIN = re.compile(r"[A-Za-z0-9/](?:[A-Za-z0-9_./+()=~;@ -]|:(?=[^\s]))*(?<! )")
# What can be one line of a literal block.
_LINES = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]*")

# Columns after which PyYAML would break a line.
_ENDLESS = 1 << 30


def resource(kind: str, metadata: Mapping[str, object], body: Mapping[str, object]) -> dict[str, object]:
    """A document of this program, in the order in which people write it."""
    return {"apiVersion": "reconciler/v1", "kind": kind, "metadata": dict(metadata), "spec": dict(body)}


def write_document(document: Mapping[str, object]) -> str:
    """One document; equal input gives equal bytes. Block style, lists indented, long texts as literal blocks.

    PyYAML's own writer takes milliseconds for a document, so that only single values are left to it.
    """
    return "\n".join(_mapping(document, "")) + "\n"


def _mapping(value: Mapping[str, object], indent: str) -> Iterator[str]:
    for key, inner in value.items():
        head = f"{indent}{_text(key)}:"
        if isinstance(inner, Mapping) and inner:
            yield head
            yield from _mapping(inner, indent + "  ")
        elif isinstance(inner, list | tuple) and inner:
            yield head
            yield from _list(inner, indent + "  ")
        else:
            yield f"{head} {_value(inner, indent)}"


def _list(value: list[object] | tuple[object, ...], indent: str) -> Iterator[str]:
    for inner in value:
        if isinstance(inner, Mapping | list | tuple) and inner:
            lines = _mapping(inner, indent + "  ") if isinstance(inner, Mapping) else _list(inner, indent + "  ")
            yield f"{indent}- {next(lines)[len(indent) + 2 :]}"
            yield from lines
        else:
            yield f"{indent}- {_value(inner, indent)}"


def _value(value: object, indent: str) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return _literal(value, indent + "  ") or _text(value)
        case Mapping():
            return "{}"
        case list() | tuple():
            return "[]"
        case None:
            return "null"
        case _:
            raise TypeError(f"no document holds a {type(value).__name__}")


def _literal(text: str, indent: str) -> str:
    """A text of several lines as a literal block; "" where it is none or cannot be one."""
    lines = text.removesuffix("\n").split("\n")
    if "\n" not in text or text.startswith((" ", "\t", "\n")) or any(not _LINES.fullmatch(line) for line in lines):
        return ""
    if not lines[-1].strip():
        return ""
    mark = "|" if text.endswith("\n") else "|-"
    return "\n".join([mark, *(f"{indent}{line}" if line else "" for line in lines)])


@lru_cache(maxsize=4096)  # The same words come again in every document.
def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and resolve(text) == (text, ""):
        return text
    # PyYAML chooses double quotes where something has to be escaped.
    return yaml.safe_dump(text, allow_unicode=True, width=_ENDLESS, default_style="'").removesuffix("\n")
