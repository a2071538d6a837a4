"""Devices of the host in a definition, each by a name that a policy can give: pci:0000:06:00.0, usb:1050:0407."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from reconciler.model.documents import Address, Claims

# What says which device of the host is meant, below the element that holds it. The guest's own `address` is elsewhere.
_LEAF = re.compile(
    r"(?P<holder>.*?)(?P<leaf>source(\[[^\]]*\])?/(?P<inner>(address|vendor|product|adapter)(\[[^\]]*\])?)@[a-z]+"
    r"|(?P<wwpn>source(\[[^\]]*\])?@wwpn)|(?P<forward>forward(\[[^\]]*\])?/(address|pf)(\[[^\]]*\])?)@[a-z]+)"
)
_HOSTDEV = re.compile(r"devices/hostdev(\[[^\]]*\])?(?=[/@]|$)")
UNNAMED = "a device without a name"


def named(kind: str, claims: Claims) -> Iterator[tuple[str, Address]]:
    """Every name of a host's device that is claimed, with an address where it is."""
    found: dict[Address, dict[str, tuple[str, Address]]] = {}
    for address, text in claims.items():
        if text is None or not _may_name(kind, address):
            continue
        match = _LEAF.fullmatch(address)
        if match is not None:
            element = match["forward"] or match["holder"].rstrip("/")
            leaf = re.sub(r"\[[^\]]*\]", "", address[len(match["holder"]) :])
            found.setdefault(element, {})[leaf] = (text.strip(), address)
    bare = {
        match[0]: address for address in claims if (match := _HOSTDEV.match(address)) and claims[address] is not None
    }
    for element, leaves in found.items():
        bare.pop(element, None)
        yield from _names(leaves)
    yield from _unaddressed(bare, claims)


def _may_name(kind: str, address: Address) -> bool:
    """A quick look: most addresses name no device of the host."""
    if kind == "Domain":
        return "source" in address
    return kind in ("Network", "Pool") and ("forward" in address or "adapter" in address)


def _names(leaves: Mapping[str, tuple[str, Address]]) -> Iterator[tuple[str, Address]]:
    texts = {leaf: text for leaf, (text, _) in leaves.items()}
    where = next(address for _, address in leaves.values())
    names = list(_spelt({leaf.removeprefix("source/").removeprefix("forward/"): text for leaf, text in texts.items()}))
    yield from ((name, where) for name in names or [UNNAMED])


def _spelt(leaf: Mapping[str, str]) -> Iterator[str]:
    if "address@uuid" in leaf:
        yield f"mdev:{leaf['address@uuid'].lower()}"
    if "vendor@id" in leaf or "product@id" in leaf:
        yield f"usb:{_hex(leaf.get('vendor@id'), 4)}:{_hex(leaf.get('product@id'), 4)}"
    if "pf@dev" in leaf:
        yield f"net:{leaf['pf@dev']}"
    if "source@wwpn" in leaf:
        yield f"vhost-scsi:{leaf['source@wwpn']}"
    yield from _addressed(leaf)


def _addressed(leaf: Mapping[str, str]) -> Iterator[str]:
    if "adapter@name" in leaf:
        place = ":".join(leaf.get(f"address@{part}", "") for part in ("bus", "target", "unit"))
        yield f"scsi:{leaf['adapter@name']}:{place}" if place != "::" else f"scsi-adapter:{leaf['adapter@name']}"
    elif any(name.startswith("adapter@") for name in leaf):
        yield "scsi-adapter:?"
    elif "address@device" in leaf:
        yield f"usb:{_decimal(leaf.get('address@bus'))}:{_decimal(leaf['address@device'])}"
    elif any(f"address@{part}" in leaf for part in ("domain", "bus", "slot", "function")):
        domain, bus = _hex(leaf.get("address@domain", "0"), 4), _hex(leaf.get("address@bus"), 2)
        yield f"pci:{domain}:{bus}:{_hex(leaf.get('address@slot'), 2)}.{_hex(leaf.get('address@function', '0'), 1)}"


def _hex(text: str | None, digits: int) -> str:
    """A number as lspci and lsusb write it.

    "?" where there is none, or one that libvirt would take for decimal or octal: only a `*` permits that.
    """
    written = (text or "").lower()
    if written.startswith("0x"):
        try:
            return f"{int(written, 16):0{digits}x}"
        except ValueError:
            return "?"
    plain = written and (set(written) == {"0"} or (len(written) == 1 and written.isdecimal()))
    return f"{int(written):0{digits}x}" if plain else "?"


def _decimal(text: str | None) -> str:
    return str(int(text)) if text is not None and text.isdecimal() else "?"


def _unaddressed(bare: Mapping[Address, Address], claims: Claims) -> Iterator[tuple[str, Address]]:
    """Devices without an address on the host: iSCSI targets; those of a container have a path, which is judged."""
    for element, address in bare.items():
        if claims.get(f"{element}/source@protocol") == "iscsi":
            yield f"iscsi:{claims.get(f'{element}/source@name')}", address
        elif not any(claims.get(f"{element}/source/{leaf}") for leaf in ("block", "char", "interface")):
            yield UNNAMED, address
