"""Values that nobody may see: what holds one, where it is kept, and what stands for it everywhere else.

A secret value is in the clear in two places only: on its way in, as a `Secret`, and in the call that hands it to
libvirt. In between, in claims, definitions, steps, plans and records, a seal stands for it: a keyed digest, equal for
equal values, which is worth nothing to whoever has not the key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

HIDDEN = "(hidden)"
# In front of the digest; it tells a seal in a text from any other word.
SEALED = "sealed:"
_SEALS = re.compile(f"{SEALED}[0-9a-f]{{64}}")
# Neither XML nor a manifest can hold this character, so nobody can write a claim that looks like a reference.
_REFERENCE = "\0"
# How XML spells, in a text and in an attribute alike, what would mean something there.
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
)


class Secret:
    """One value in the clear. It prints as `(hidden)` and cannot be pickled, copied or turned into JSON."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value as text; bytes that are no UTF-8 are kept as lone surrogates (PEP 383)."""
        return self._value.decode("utf-8", "surrogateescape")

    def __repr__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    __hash__ = None  # type: ignore[assignment]  # A hash would be one more place where something of it shows.

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret value is not written anywhere")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """Where a value is kept: one of the `SOURCES`, and what it is called there.

    `at` is one path or name, or a program with its arguments. `key` leads to a value inside a SOPS file
    (`db.password`). `encoding` is `base64` where the source holds the bytes in that spelling, else "".
    """

    source: str
    at: tuple[str, ...]
    key: str = ""
    encoding: str = ""

    @property
    def text(self) -> str:
        """What stands for the value in a claim until it is read."""
        return _REFERENCE + json.dumps([self.source, list(self.at), self.key, self.encoding])

    def __str__(self) -> str:
        """How a message names it; a program's arguments are left out, for people put things there."""
        return f"{self.source} {self.at[0]}" + (f" ({self.key})" if self.key else "")


SOURCES = ("file", "env", "command", "sops", "age")


def reference_of(value: Mapping[str, object]) -> Reference:
    """The reference that a valid mapping of a manifest is: `{file: /run/keys/vnc}`."""
    source = next(name for name in SOURCES if name in value)
    at = value[source]
    return Reference(
        source=source,
        at=tuple(map(str, at)) if isinstance(at, list | tuple) else (str(at),),
        key=str(value.get("key", "")),
        encoding=str(value.get("encoding", "")),
    )


def says_where(value: object) -> bool:
    """Whether a value of a manifest is such a mapping. It is one value: one of another source replaces it whole."""
    if not isinstance(value, Mapping) or not any(name in value for name in SOURCES):
        return False
    return set(value) <= {*SOURCES, "key", "encoding"}


def is_reference(text: str | None) -> bool:
    """Whether a claim's text stands for a value that is still to be read."""
    return text is not None and text.startswith(_REFERENCE)


def read_reference(text: str) -> Reference:
    """The reference that a claim's text stands for."""
    source, at, key, encoding = json.loads(text[len(_REFERENCE) :])
    return Reference(source=source, at=tuple(at), key=key, encoding=encoding)


@dataclass(frozen=True, kw_only=True, slots=True)
class Grants:
    """What manifests may name as the place of a value. Whoever may commit must not thereby own the machine.

    commands      beginnings of command lines: `("pass", "show")`; one word permits a program with any arguments
    files         directories below which files may be read
    env           names of environment variables, with shell wildcards
    age_key_file  the file with the age identities, "" for where SOPS looks
    ignored       a settings file whose grants do not count, since it lies in the desired state's own tree; "" if none
    """

    commands: tuple[tuple[str, ...], ...] = ()
    files: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    age_key_file: str = ""
    ignored: str = ""


def is_seal(text: str | None) -> bool:
    """Whether a text is a seal and nothing else."""
    return text is not None and _SEALS.fullmatch(text) is not None


class Seal:
    """Turns values into seals, and seals that it made back into values. `key` is asked for when it is first needed."""

    def __init__(self, key: Callable[[], bytes]) -> None:
        self._key = key
        self._held: dict[str, Secret] = {}

    def digest(self, text: str, about: str = "") -> str:
        """A keyed digest (HMAC-SHA-256, hex) of a text; the same text about another thing has another one."""
        said = f"{about}\0{text}".encode("utf-8", "surrogateescape")
        return hmac.new(self._key(), said, hashlib.sha256).hexdigest()

    def close(self, text: str, about: str = "") -> str:
        """What stands for this value. A seal of our own stays as it is."""
        if text in self._held:
            return text
        token = SEALED + self.digest(text, about)
        self._held[token] = Secret(text.encode("utf-8", "surrogateescape"))
        return token

    def open(self, text: str) -> str:
        """The text with the values in place of their seals: as they are if it is a seal alone, else escaped for XML."""
        if SEALED not in text:
            return text
        if _SEALS.fullmatch(text):
            return self._value(text)
        return _SEALS.sub(lambda found: self._value(found[0]).translate(_ESCAPES), text)

    def _value(self, token: str) -> str:
        held = self._held.get(token)
        assert held is not None, "a seal is opened in the run that made it"
        return held.reveal()

    def hide(self, message: str) -> str:
        """A message from elsewhere (libvirt quotes what it is given) without any of the values."""
        for held in list(self._held.values()):
            value = held.reveal()
            for spelling in (value, value.translate(_ESCAPES)):
                message = message.replace(spelling, HIDDEN) if spelling else message
        return message


def without(text: str) -> str:
    """A text for people, `(hidden)` in place of every seal."""
    return _SEALS.sub(HIDDEN, text) if SEALED in text else text
