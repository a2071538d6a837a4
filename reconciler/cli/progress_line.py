"""How far long steps are: one line at the bottom of a terminal, written over as it changes; nothing elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from reconciler.cli.terminal import Terminal, one_line
from reconciler.model.quantities import SIZES

if TYPE_CHECKING:
    from reconciler.app.contents import Progress

# "Erase in Line" (ECMA-48): what an earlier, longer line has left behind.
REST = "\x1b[K"
MIB = SIZES["MiB"]


class ProgressLine:
    """The line, on standard error. It is there only while something is under way."""

    def __init__(self, terminal: Terminal) -> None:
        self._width = terminal.width - 1
        self._shown = ""
        self._wanted = sys.stderr.isatty()

    def show(self, progress: Progress) -> None:
        """Say how far a step is, if that is something new to a reader."""
        line = one_line(progress_text(progress))[: self._width]
        if self._wanted and line != self._shown:
            self._write(f"\r{line}{REST}")
            self._shown = line

    def clear(self) -> None:
        """Make room for a line that stays."""
        if self._shown:
            self._write(f"\r{REST}")
            self._shown = ""

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            # Nobody looks any more, and that is no reason to stop.
            self._wanted = False


def progress_text(progress: Progress) -> str:
    """`Volume/images/debian-12-… on hv1: fetching  42% of 400MiB`."""
    where = f"{progress.ref} on {progress.host}: {progress.what}"
    if not progress.total:
        return f"{where} {progress.done // MIB}MiB"
    return f"{where} {progress.done * 100 // progress.total:3}% of {-(-progress.total // MIB)}MiB"
