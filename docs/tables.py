"""Markdown that every generated page uses."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence


def prose(text: str) -> list[str]:
    """A paragraph in lines of a readable length; words with hyphens stay whole."""
    return textwrap.wrap(" ".join(text.split()), 118, break_on_hyphens=False, break_long_words=False)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "| " + " | ".join("---" for _ in head) + " |"
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
