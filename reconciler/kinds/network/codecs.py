"""How values of networks are written in YAML and in libvirt's XML."""

from __future__ import annotations

from reconciler.codecs import ADDRESS, YES_NO, Codec, Json, text
from reconciler.kinds.network.xml import spell_address
from reconciler.markup import NAMESPACES, canonical
from reconciler.markup import parse as parse_xml
from reconciler.model.quantities import DURATION_PATTERN, parse_duration

DNSMASQ = NAMESPACES["dnsmasq"]
FOREVER = "infinite"
ON_OFF_FLAG = Codec(
    schema=YES_NO.schema, lower=lambda value: "on" if value else "off", lift=lambda value: value == "on"
)
IP = Codec(
    schema=ADDRESS.schema, lower=lambda value: spell_address(str(value)), lift=lambda value: value, unit=ADDRESS.unit
)
DEVICE = text(pattern=r"[^/\x00-\x20]{1,15}", unit="name of a network device, at most 15 characters")
DNS_NAME = text(pattern=r"[A-Za-z0-9_.-]+")


def _lift_lease(value: str) -> Json:
    if not value.isdecimal():
        return value
    seconds = int(value)
    unit, factor = next((pair for pair in (("h", 3600), ("m", 60)) if seconds % pair[1] == 0), ("s", 1))
    return f"{seconds // factor}{unit}" if seconds else FOREVER


LEASE = Codec(
    schema={"type": "string", "pattern": f"{DURATION_PATTERN}|^{FOREVER}$"},
    lower=lambda value: "0" if value == FOREVER else str(parse_duration(str(value))),
    lift=_lift_lease,
)


def _lower_options(value: Json) -> str | None:
    root = parse_xml(f'<d:options xmlns:d="{DNSMASQ}"/>')
    for option in value if isinstance(value, list) else []:
        root.append(root.makeelement(f"{{{DNSMASQ}}}option", {"value": str(option)}))
    return canonical(root) if len(root) else None


DNSMASQ_OPTIONS = Codec(
    schema={"type": "array", "items": {"type": "string", "minLength": 1}},
    lower=_lower_options,
    lift=lambda value: [option.get("value", "") for option in parse_xml(value)],
)
