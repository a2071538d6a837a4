"""From a host's domain to the document that would claim it (import)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler import entries, fields, markup
from reconciler.codecs import Json
from reconciler.kinds.domain import devices, xml
from reconciler.kinds.domain.sense import complete
from reconciler.kinds.domain.spec import FIELDS, OWNER, POWER, TABLE, keys
from reconciler.matching import align, rename
from reconciler.model.addresses import element_of, entry_keys, pattern_of
from reconciler.model.documents import Address, Spec, Texts
from reconciler.model.refs import Ref

# What libvirt 9.0 writes into every definition that does not say it.
_FILLED = {
    "on_poweroff": "destroy",
    "on_reboot": "restart",
    "on_crash": "destroy",
    "clock@offset": "utc",
    "vcpu@placement": "static",
    "os/type": "hvm",
    "resource/partition": "/machine",
}
# The processor of an emulated x86 machine that asked for none.
_FILLED_CPU = {
    "cpu@mode": "custom",
    "cpu@match": "exact",
    "cpu@check": "none",
    "cpu/model": "qemu64",
    "cpu/model@fallback": "forbid",
}
# Where distributions keep the programs that libvirt picks.
_EMULATOR = re.compile(r"/usr/(bin|libexec)/(qemu-system-\w+|qemu-kvm|kvm)|/usr/lib/libvirt/libvirt_lxc")


def dump(texts: Texts) -> dict[str, Json]:
    """The body of a document that claims these texts; what has no field goes into `xml`."""
    kept: Texts = dict(_kept(texts))
    body = fields.lift(FIELDS, kept)
    _tidy(body, texts)
    claims = fields.lower(FIELDS, body).claims
    complete(claims)
    # The document names a device; the host may know it by its MAC address only.
    named = align(Spec(ref=Ref("Domain", ""), host="", claims=claims), kept, xml.IDENTITIES)
    kept, texts = rename(kept, named), rename(texts, named)
    covered = {*claims, *(at for at, _ in keys(claims)), *(element_of(at) for at in claims)}
    rest = {at: text for at, text in kept.items() if _open(at, covered) and _leaf(at, texts)}
    if rest:
        body["xml"] = _overlay(rest, kept)
    return body


def _kept(texts: Texts) -> Iterator[tuple[Address, str]]:
    boots = [address for address in texts if address.startswith("os/boot[") and address.endswith("@dev")]
    default_boot = [texts[address] for address in boots] == ["hd"]
    default_cpu = {
        at: text for at, text in texts.items() if at.startswith("cpu") and at != "cpu" and text
    } == _FILLED_CPU
    for address, text in texts.items():
        if address in ("name", "uuid", "@id", OWNER) or _FILLED.get(address) == text:
            continue
        if address == "os@firmware" and "os/loader" in texts:
            continue
        if address == "devices/emulator" and _EMULATOR.fullmatch(text):
            continue
        if (default_boot and address.startswith("os/boot[")) or (default_cpu and address.startswith("cpu")):
            continue
        if not devices.is_noise(address, texts):
            yield address, text


def _tidy(body: dict[str, Json], texts: Texts) -> None:
    """The short spelling where all is one value; power as it is meant."""
    for name in ("vcpus", "memory"):
        value = body.get(name)
        if isinstance(value, dict) and set(value) == {"max", "current"} and value["max"] == value["current"]:
            body[name] = value["max"]
    power = texts.get(POWER)
    body["power"] = "unmanaged" if power is None else "stopped" if power == "stopped" else "running"


def _open(address: Address, covered: set[Address]) -> bool:
    """Whether no field claims it and it is no secret; a unit belongs to the amount beside it."""
    entry = entries.entry_of(TABLE, address)
    if entry is not None and entry.field is not None and entry.field.secret:
        return False
    unit = address.endswith("@unit") and element_of(address) in covered
    return not (address in covered or unit or address.startswith("!"))


def _leaf(address: Address, texts: Texts) -> bool:
    """Whether the address says something: a value, or an element that is nothing but there."""
    if texts[address] or "@" in address:
        return True
    return not any(
        known.startswith((f"{address}/", f"{address}@", f"{address}[")) for known in texts if known != address
    )


def _overlay(rest: Texts, kept: Texts) -> str:
    """A <domain> with the rest, and with what identifies the elements it stands in."""
    root = markup.parse("<domain/>")
    values: dict[Address, str] = {}
    for address, text in rest.items():
        values.update(_identifying(address, kept))
        values[address] = text
    markup.graft(root, values.items(), xml.IDENTITIES)
    return markup.serialise(root)


def _identifying(address: Address, kept: Texts) -> Iterator[tuple[Address, str]]:
    """What makes each keyed element around an address be recognised: its identity, or its elder siblings."""
    end = address.find("]")
    while end >= 0:
        element = address[: end + 1]
        leaves = xml.IDENTITIES.get(pattern_of(element).replace("[]", ""), ())
        found = False
        for leaf in leaves:
            at = f"{element}/alias@name" if leaf == "alias" else fields.join(element, leaf)
            if at in kept:
                found = True
                yield at, kept[at]
        if not found:
            start = element[: element.rindex("[")]
            elder = [f"{start}[{key}]" for key in entry_keys(kept, start)]
            yield from ((sibling, "") for sibling in elder[: elder.index(element) + 1])
        end = address.find("]", end + 1)
