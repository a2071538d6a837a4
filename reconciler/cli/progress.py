"""How far something is that takes long: a bar on a terminal, now and then a line elsewhere; on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from reconciler.cli.terminal import tell

# Below this many nobody waits. Elsewhere than on a terminal, a line tells of each part of that many.
FEW = 20
PARTS = 10


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """What is told how many of how many are done."""
    shown = _Bar(label) if sys.stderr.isatty() else _Lines(label)
    try:
        yield shown.tell
    finally:
        shown.end()


class _Bar:
    """click's bar, made when the first number comes."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._bar: Any = None

    def tell(self, done: int, whole: int) -> None:
        if whole < FEW:
            return
        if self._bar is None:
            self._bar = click.progressbar(
                length=whole, label=self._label, file=sys.stderr, update_min_steps=whole // 100
            )
        self._bar.update(1)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.render_finish()


class _Lines:
    def __init__(self, label: str) -> None:
        self._label = label

    def tell(self, done: int, whole: int) -> None:
        if whole >= FEW and done * PARTS // whole != (done - 1) * PARTS // whole:
            tell(f"{self._label} {done} of {whole}")

    def end(self) -> None:
        pass
