"""How single values are written in YAML and in libvirt's XML, and the way between the two."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from reconciler.model.quantities import SIZE_PATTERN, format_size, parse_size

Json = object


@dataclass(frozen=True, kw_only=True, slots=True)
class Codec:
    """How one value is written in YAML (`schema`) and in libvirt's XML. `lower` may give None: must be absent.

    `unit` is for the reader. `unit_text` is what libvirt writes in a unit attribute beside the value.
    """

    schema: Mapping[str, Json]
    lower: Callable[[Json], str | None]
    lift: Callable[[str], Json]
    unit: str = ""
    unit_text: str = ""


_KINDS: Mapping[Json, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "number": (int, float),
}


def fits(schema: Mapping[str, Json], value: Json) -> bool:
    """Whether a value is valid by a codec's schema, which has few of JSON Schema's keywords."""
    named = schema["type"]
    types = [_KINDS[name] for name in (named if isinstance(named, list) else [named]) if name in _KINDS]
    if not types:
        return True
    if not any(isinstance(value, kind) and (kind is bool or not isinstance(value, bool)) for kind in types):
        return False
    if ("enum" in schema and value not in cast("list[Json]", schema["enum"])) or schema.get("const", value) != value:
        return False
    if isinstance(value, str):
        pattern = schema.get("pattern")
        long_enough = len(value) >= cast("int", schema.get("minLength", 0))
        return long_enough and (pattern is None or re.fullmatch(str(pattern), value) is not None)
    number = cast("float", value)
    return cast("float", schema.get("minimum", number)) <= number <= cast("float", schema.get("maximum", number))


def _text(value: Json) -> str:
    return str(value)


def text(*, pattern: str = "", unit: str = "") -> Codec:
    """A string; `pattern` is a regular expression for the whole of it."""
    schema: dict[str, Json] = {"type": "string", "minLength": 1}
    if pattern:
        schema["pattern"] = f"^(?:{pattern})$"
    return Codec(schema=schema, lower=_text, lift=_text, unit=unit)


def choice(*words: str, xml: Mapping[str, str] | None = None) -> Codec:
    """One of a few words; `xml` maps those that libvirt writes otherwise."""
    there = dict(xml or {})
    back = {value: key for key, value in there.items()}
    return Codec(
        schema={"type": "string", "enum": list(words)},
        lower=lambda value: there.get(str(value), str(value)),
        lift=lambda value: back.get(value, value),
    )


def _flag(on: str, off: str | None) -> Codec:
    return Codec(
        schema={"type": "boolean"},
        lower=lambda value: on if value else off,
        lift=lambda value: value == on,
    )


YES_NO = _flag("yes", "no")
ON_OFF = _flag("on", "off")
# An empty element that means yes by being there.
PRESENT = Codec(schema={"type": "boolean"}, lower=lambda value: "" if value else None, lift=lambda value: True)
TEXT = text()
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_.+-]*"
NAME = text(pattern=NAME_PATTERN)
NAMES = Codec(
    schema={"anyOf": [NAME.schema, {"type": "array", "items": NAME.schema, "minItems": 1}]},
    lower=lambda value: ",".join(value) if isinstance(value, list) else str(value),
    lift=lambda value: value.split(","),
)
LINES = Codec(
    schema={"type": "array", "items": {"type": "string", "minLength": 1, "pattern": r"^[^\n]*$"}},
    lower=lambda value: "\n".join(value) if isinstance(value, list) else str(value),
    lift=lambda value: value.split("\n"),
)
PATH = text(pattern=r"/[^\x00-\x1f]*", unit="absolute path on the host")
MAC = Codec(
    schema={"type": "string", "pattern": r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$"},
    lower=lambda value: str(value).lower(),
    lift=_text,
)
UUID = Codec(
    schema={"type": "string", "pattern": r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"},
    lower=lambda value: str(value).lower(),
    lift=_text,
)
CPUSET = text(pattern=r"\^?[0-9]+(-[0-9]+)?(,\^?[0-9]+(-[0-9]+)?)*", unit="list of CPU numbers such as 0-3,8")
ADDRESS = text(pattern=r"[0-9A-Fa-f.:]+", unit="IPv4 or IPv6 address")

DIGEST = text(pattern="sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
# Without a user and password: what is in a manifest, anybody may read.
URL = text(pattern=r"https?://[^\x00-\x20/@?#]+([/?#][^\x00-\x20]*)?", unit="address without a password")


def integer(low: int = 0, high: int | None = None, *, unit: str = "") -> Codec:
    """A whole number from `low` to `high`."""
    schema: dict[str, Json] = {"type": "integer", "minimum": low}
    if high is not None:
        schema["maximum"] = high
    return Codec(schema=schema, lower=_text, lift=_number, unit=unit)


def _number(value: str) -> Json:
    return int(value) if re.fullmatch(r"-?[0-9]+", value) else value


def size(unit: int, unit_text: str) -> Codec:
    """An amount of bytes that libvirt counts in `unit`; rounded up, as libvirt would."""
    return Codec(
        schema={"type": "string", "pattern": SIZE_PATTERN},
        lower=lambda value: str(-(-parse_size(str(value)) // unit)),
        lift=lambda value: format_size(int(value) * unit) if value.isdecimal() else value,
        unit="bytes with a unit, for example 2GiB",
        unit_text=unit_text,
    )


MEMORY = size(1024, "KiB")
VOLUME_SIZE = size(1, "bytes")
