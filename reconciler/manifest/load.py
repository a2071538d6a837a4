"""The one door for YAML: text to plain values with the place of each, in one pass over libyaml's events.

Values follow YAML 1.2's core schema. What YAML 1.1 tools read otherwise (`yes`, `0644`, `12:30`) is refused, as are
anchors, aliases, tags and merge keys. Events are not recursive, so no nesting can exhaust the stack.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from reconciler.errors import Problem
from reconciler.manifest.scalars import resolve
from reconciler.model.documents import Place
from reconciler.ports import LIMIT_YAML

LIMIT_DEPTH = 64
TOO_DEEP = f"more than {LIMIT_DEPTH} levels; look for a stray bracket or dash"
# More of one file help nobody, and a megabyte of them would be many.
LIMIT_PROBLEMS = 100
# What XML 1.0 cannot hold (section 2.2); in YAML only the escapes of double quotes can write it.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

Path = tuple[str | int, ...]
Spot = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Loaded:
    """One document: its value and, by path, line and column (from 1) of each value and of each key.

    One that was put together from several files has the whole place of each value in `origins`, and the file of each
    key in `key_files`.
    Of a `private` one, which was encrypted, no message shows a value.
    """

    value: object
    places: dict[Path, Spot] = field(default_factory=dict)
    keys: dict[Path, Spot] = field(default_factory=dict)
    origins: dict[Path, Place] = field(default_factory=dict)
    key_files: dict[Path, str] = field(default_factory=dict)
    private: bool = False


class _Mark(Protocol):
    line: int
    column: int


def decode(content: bytes, file: str) -> tuple[str, list[Problem]]:
    """The text of a file, without a byte order mark; a problem R102 and "" where it is not UTF-8."""
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        # The mark is not part of the text, so offsets behind it count from its end.
        read = content.removeprefix(b"\xef\xbb\xbf")[: error.start].decode("utf-8", "replace")
        where = f"{file}:{read.count(chr(10)) + 1}:{len(read) - read.rfind(chr(10))}"
        byte = f"byte 0x{error.object[error.start]:02x}"
        return "", [Problem("R102", f"{byte} is not UTF-8; save the file as UTF-8", where)]


def load(content: bytes, file: str) -> tuple[list[Loaded], list[Problem]]:
    """The documents of a file, and everything that is wrong with it; empty documents are left out."""
    if len(content) > LIMIT_YAML:
        return [], [Problem("R103", "the file is larger than 1 MiB; split it", f"{file}:1:1")]
    text, problems = decode(content, file)
    if problems:
        return [], problems
    builder = _Builder(file)
    _feed(text, builder)
    return builder.documents, builder.problems


def _feed(text: str, builder: _Builder) -> None:
    """Hand every event to the builder, up to the first thing that cannot be read on from."""
    import yaml  # A run that finds everything in the cache never needs it.

    try:
        parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        while (event := parser.get_event()) is not None:
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        spot = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        if "nesting depth" in f"{error.problem}":
            # libyaml reads ahead, and newer ones (PyYAML 6.0.4) count the brackets before we can.
            builder.note("R106", TOO_DEEP, spot)
            return
        context = f"{error.context}, " if error.context else ""
        builder.note("R101", f"{context}{error.problem}; mend the syntax here", spot)
    except yaml.reader.ReaderError:
        found = re.search(_UNPRINTABLE, text)
        before = text[: found.start()] if found else ""
        spot = before.count("\n") + 1, len(before) - before.rfind("\n")
        builder.note("R101", "a control character is not allowed here; remove it", spot)
    except _StopError:
        return


class _StopError(Exception):
    """Nothing more is to be learnt from this file."""


# YAML 1.2.2, 5.1: c-printable.
_UNPRINTABLE = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"

# What a mapping waits for: a key, or the value of a key that cannot be kept.
_WANTS_KEY = object()
_DROPPED = object()


@dataclass(slots=True)
class _Frame:
    """A list or mapping being filled. `stands_for_key` marks one that was written where a key belongs."""

    items: list[object] | dict[str, object]
    path: Path
    key: object = _WANTS_KEY
    stands_for_key: bool = False


class _Builder:
    """Puts events together to documents and notes what is wrong on the way."""

    def __init__(self, file: str) -> None:
        self.documents: list[Loaded] = []
        self.problems: list[Problem] = []
        self._file = file
        self._stack: list[_Frame] = []
        self._document = Loaded(None)
        self._takers: dict[str, Callable[[Any], None]] = {
            "DocumentStartEvent": self._start,
            "DocumentEndEvent": self._end,
            "MappingStartEvent": self._open_mapping,
            "SequenceStartEvent": self._open_list,
            "MappingEndEvent": self._close,
            "SequenceEndEvent": self._close,
            "ScalarEvent": self._scalar,
            "AliasEvent": self._alias,
        }

    def take(self, event: Any) -> None:
        taker = self._takers.get(type(event).__name__)
        if taker is not None:
            taker(event)

    def note(self, number: str, message: str, spot: Spot) -> None:
        self.problems.append(Problem(number, message, f"{self._file}:{spot[0]}:{spot[1]}"))

    def _complain(self, number: str, message: str, mark: _Mark) -> None:
        self.note(number, message, (mark.line + 1, mark.column + 1))
        if len(self.problems) >= LIMIT_PROBLEMS:
            raise _StopError

    def _start(self, event: Any) -> None:
        if event.tags:
            self._complain("R105", "a %TAG directive is not accepted; remove it", event.start_mark)

    def _end(self, event: Any) -> None:
        if self._document.places:
            self.documents.append(self._document)
            self._document = Loaded(None)

    def _open_mapping(self, event: Any) -> None:
        self._open(event, {})

    def _open_list(self, event: Any) -> None:
        self._open(event, [])

    def _open(self, event: Any, items: list[object] | dict[str, object]) -> None:
        if len(self._stack) >= LIMIT_DEPTH:
            self._complain("R106", TOO_DEEP, event.start_mark)
            raise _StopError
        self._refuse_marks(event)
        parent = self._stack[-1] if self._stack else None
        if parent is not None and isinstance(parent.items, dict) and parent.key is _WANTS_KEY:
            self._complain("R107", "a key has to be a plain string, not a list or mapping", event.start_mark)
            self._stack.append(_Frame(items, self._nowhere(parent), stands_for_key=True))
            return
        self._stack.append(_Frame(items, self._put(items, event.start_mark)))

    def _close(self, event: Any) -> None:
        frame = self._stack.pop()
        if frame.stands_for_key:
            self._stack[-1].key = _DROPPED

    def _alias(self, event: Any) -> None:
        self._complain("R105", "an alias is not accepted; write the value out, or use a Profile", event.start_mark)
        frame = self._stack[-1] if self._stack else None
        if frame is not None and isinstance(frame.items, dict) and frame.key is _WANTS_KEY:
            frame.key = _DROPPED
        else:
            self._put(None, event.start_mark)

    def _scalar(self, event: Any) -> None:
        if event.tag or event.anchor:
            self._refuse_marks(event)
        frame = self._stack[-1] if self._stack else None
        if frame is None and not event.value and not event.style:
            return
        if frame is not None and frame.key is _WANTS_KEY and isinstance(frame.items, dict):
            self._take_key(frame, event)
            return
        value = event.value
        if not event.style and not event.tag:
            value, trap = resolve(value)
            if trap:
                self._complain("R108", trap, event.start_mark)
        elif event.style == '"' and frame and frame.path[:1] == ("spec",) and (unfit := _UNFIT.search(value)):
            message = f"the character {unfit[0]!a} cannot stand in libvirt's XML; take it out"
            self._complain("R204", message, event.start_mark)
        self._put(value, event.start_mark)

    def _take_key(self, frame: _Frame, event: Any) -> None:
        """Make ready for the value of this key; a key that cannot be used drops its value."""
        name: str = event.value
        mark = event.start_mark
        frame.key = _DROPPED
        if not event.style:
            value, trap = resolve(name)
            if name == "<<":
                self._complain("R105", "a merge key is not accepted; write the values out, or use a Profile", mark)
                return
            if trap:
                self._complain("R108", trap, mark)
            elif value != name:
                self._complain("R107", f"the key {name or 'null'} is not a string; put it in quotes", mark)
                return
        path = (*frame.path, name)
        known = self._document.keys.get(path)
        if known is not None:
            self._complain("R104", f"{name!r} is in line {known[0]} already; keep one of the two", mark)
            return
        self._document.keys[path] = mark.line + 1, mark.column + 1
        frame.key = name

    def _put(self, value: object, mark: _Mark) -> Path:
        """Keep a value where the innermost list or mapping wants one; gives its path."""
        if not self._stack:
            self._document = Loaded(value, {(): (mark.line + 1, mark.column + 1)})
            return ()
        frame = self._stack[-1]
        step: Any = frame.key
        if isinstance(frame.items, list):
            step = len(frame.items)
            frame.items.append(value)
        else:
            frame.key = _WANTS_KEY
            if step is _DROPPED:
                return self._nowhere(frame)
            frame.items[step] = value
        path = (*frame.path, step)
        self._document.places[path] = mark.line + 1, mark.column + 1
        return path

    def _nowhere(self, frame: _Frame) -> Path:
        """A path that nothing else has: what is below it is read and judged, but kept nowhere."""
        return (*frame.path, f"\0{len(self.problems)}")

    def _refuse_marks(self, event: Any) -> None:
        if event.tag:
            self._complain("R105", "a tag is not accepted; write the plain value", event.start_mark)
        if event.anchor:
            self._complain("R105", "an anchor is not accepted; write the value out, or use a Profile", event.start_mark)
