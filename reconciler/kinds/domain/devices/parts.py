"""Values that a document writes as one word and libvirt keeps in several attributes: `0000:06:00.0`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.codecs import Codec, Json
from reconciler.fields import Field, Group
from reconciler.model.documents import Address

PCI = r"(?:([0-9A-Fa-f]{4}):)?([0-9A-Fa-f]{2}):([01][0-9A-Fa-f])\.([0-7])"


@dataclass(frozen=True, slots=True)
class Part:
    """One attribute of the whole. `digits`: it is hexadecimal and libvirt prints so many, after `0x`."""

    name: str
    at: Address
    digits: int = 0


def parted(*, name: str, doc: str, pattern: str, parts: tuple[Part, ...], layout: str, example: str) -> Group:
    """A value of which each group of `pattern` is a part; `layout` puts the parts together again."""
    return Group(
        name=name,
        doc=doc,
        fields=tuple(_field(part, place, pattern, example) for place, part in enumerate(parts, start=1)),
        short=tuple(part.name for part in parts),
        plain=lambda found: _together(found, parts, layout),
        example=example,
    )


def _field(part: Part, place: int, pattern: str, example: str) -> Field:
    def lower(value: Json) -> str:
        match = re.fullmatch(pattern, str(value))
        word = (match and match[place]) or "0"
        return f"0x{int(word, 16):0{part.digits}x}" if part.digits else word

    def lift(value: str) -> Json:
        """None where another value keeps its own in the same attribute: USB in decimals, PCI in hexadecimals."""
        hexadecimal = value.startswith("0x")
        return value if hexadecimal == bool(part.digits) else None

    return Field(
        name=part.name,
        at=part.at,
        codec=Codec(schema={"type": "string", "pattern": f"^{pattern}$"}, lower=lower, lift=lift),
        doc=f"The {part.name} in it.",
        example=example,
    )


def _together(found: Mapping[str, Json], parts: tuple[Part, ...], layout: str) -> Json:
    """None where a part is missing, since the rest then belongs to another value."""
    if any(part.name not in found for part in parts):
        return None
    return layout.format_map({part.name: str(found[part.name]).removeprefix("0x") for part in parts})


def pci_address(name: str, at: Address, doc: str) -> Group:
    """A PCI address of the host, written `0000:06:00.0`."""
    return parted(
        name=name,
        doc=doc,
        pattern=PCI,
        parts=(
            Part("domain", f"{at}@domain", 4),
            Part("bus", f"{at}@bus", 2),
            Part("slot", f"{at}@slot", 2),
            Part("function", f"{at}@function", 1),
        ),
        layout="{domain}:{bus}:{slot}.{function}",
        example="0000:06:00.0",
    )
