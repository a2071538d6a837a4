"""What the program's output may look like, and the one way in which it leaves."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from reconciler.errors import trouble

# Columns where there is no terminal to ask.
WIDTH = 100
# Select Graphic Rendition codes (ECMA-48), the only ones in use.
STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
# Names and XML come from repositories and hosts: what would move a cursor or turn text around is written out.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Terminal:
    """Standard output and standard error: whether they take colour and more than ASCII, and how wide they are.

    `interactive` is whether somebody is there to answer a question.
    """

    colour: bool = False
    error_colour: bool = False
    unicode: bool = True
    width: int = 100
    interactive: bool = False

    def style(self, text: str, *names: str) -> str:
        """The text in colour, if standard output takes it."""
        return _styled(text, names) if self.colour else text

    def error_style(self, text: str, *names: str) -> str:
        """The text in colour, if standard error takes it."""
        return _styled(text, names) if self.error_colour else text

    @property
    def ellipsis(self) -> str:
        return "…" if self.unicode else "..."


def _styled(text: str, names: tuple[str, ...]) -> str:
    return f"\x1b[{';'.join(STYLES[name] for name in names)}m{text}\x1b[0m"


def occupy() -> None:
    """Put nothing in the place of a standard stream that the caller has closed.

    Else the next file or socket would get its number, and what some program prints would end in it.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number is taken (POSIX open), which is this one.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, "r" if descriptor == 0 else "w", closefd=False))  # noqa: SIM115


def detect(colour: str, environment: Mapping[str, str]) -> Terminal:
    """The terminal as it is; `colour` is always, never or auto (a terminal without NO_COLOR, https://no-color.org)."""
    for stream in (sys.stdout, sys.stderr):
        _accept_any_name(stream)
    return Terminal(
        colour=_takes_colour(sys.stdout, colour, environment),
        error_colour=_takes_colour(sys.stderr, colour, environment),
        unicode=_takes_unicode(sys.stdout),
        width=_width() if sys.stdout.isatty() else WIDTH,
        interactive=sys.stdin.isatty() and sys.stderr.isatty(),
    )


def _width() -> int:
    """The columns of the terminal on standard output."""
    from shutil import get_terminal_size  # 3 ms, for it brings archives along.

    return get_terminal_size((WIDTH, 24)).columns


def _accept_any_name(stream: object) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _takes_colour(stream: TextIO, when: str, environment: Mapping[str, str]) -> bool:
    if when != "auto":
        return when == "always"
    return not environment.get("NO_COLOR") and environment.get("TERM") != "dumb" and stream.isatty()


def _takes_unicode(stream: TextIO) -> bool:
    try:
        "…".encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def printable(text: str) -> str:
    """The text with control characters written as escapes, so that it cannot command the terminal."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    """The text on one line, printable."""
    return printable(text.strip().replace("\n", " "))


def answer(text: str) -> None:
    """Write to standard output. A reader that has gone is no reason to stop working; a full disk is (R805)."""
    _write(sys.stdout, text)


def tell(text: str) -> None:
    """Write to standard error."""
    _write(sys.stderr, text)


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text if text.endswith("\n") else text + "\n")
        stream.flush()
    except BrokenPipeError:
        _silence(stream)
    except OSError as error:
        _silence(stream)
        raise trouble("R805", f"the output could not be written: {error.strerror}") from error


def _silence(stream: TextIO) -> None:
    """Send the rest to nowhere, so that neither later writes nor the interpreter's last flush fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def ask(question: str) -> str:
    """What the person at the terminal answers; "" at the end of input or on Ctrl-C."""
    sys.stderr.write(question)
    sys.stderr.flush()
    try:
        return sys.stdin.readline().strip()
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return ""


def write_private(path: Path, text: str) -> None:
    """Put a whole file in place, readable by its owner only."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise trouble("R805", f"cannot be written: {error.strerror}", str(path)) from error
