"""Networks in libvirt's words: read a definition into texts that compare, and write one."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from reconciler import definitions, markup
from reconciler.kind import Situation
from reconciler.markup import Element, Identities
from reconciler.model.documents import Address, Spec
from reconciler.model.plans import Diff

# What libvirt itself takes for the identity of an entry when it updates a running network (conf/network_conf.c,
# virNetworkDefUpdateSection). SRV records and forwarders have none, so their position is their name.
IDENTITIES: Identities = {
    "ip": ("@address",),
    "ip/dhcp/range": ("@start",),
    "ip/dhcp/host": ("@ip",),
    "route": ("@address",),
    "dns/host": ("@ip",),
    "dns/host/hostname": ("",),
    "dns/txt": ("@name",),
    "dns/srv": (),
    "dns/forwarder": (),
    "forward/interface": ("@dev",),
    "forward/address": (),
    "portgroup": ("@name",),
    "portgroup/vlan/tag": ("@id",),
    "vlan/tag": ("@id",),
}
ISOLATED = "isolated"
MODE = "forward@mode"
# Attributes that hold an IP address.
_ADDRESSES = ("address", "gateway", "start", "end", "ip", "addr")
_LEASE_UNITS = {"seconds": 1, "minutes": 60, "hours": 3600}


def spell_address(text: str) -> str:
    """An IP address as libvirt prints it; anything else in small letters (a MAC address) as it is."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def flat(text: str) -> dict[Address, str]:
    """The texts of a definition or of a part of one, each in one spelling."""
    root = markup.parse(text)
    for element in root.iter("*"):
        _spell(element)
    _strip(root)
    return markup.flatten(root, IDENTITIES, unit=1, default_unit=1)


def read(text: str) -> dict[Address, str]:
    """The texts of a whole definition; `forward@mode` is always there: `isolated` where nothing is forwarded.

    A `<forward>` without mode means NAT (libvirt formatnetwork, 9.0).
    """
    texts = flat(text)
    texts.setdefault(MODE, "nat" if "forward" in texts else ISOLATED)
    return texts


def _spell(element: Element) -> None:
    for name in _ADDRESSES:
        if name in element.attrib:
            element.set(name, spell_address(element.get(name, "")))
    if "mac" in element.attrib:
        element.set("mac", element.get("mac", "").lower())
    if element.tag == "lease" and element.get("expiry", "0").isdecimal():
        seconds = int(element.get("expiry", "0")) * _LEASE_UNITS.get(element.get("unit", "minutes"), 1)
        element.set("expiry", str(seconds))
        element.set("unit", "seconds")
    if element.tag in ("ip", "route") and "netmask" in element.attrib:
        _spell_netmask(element)


def _spell_netmask(element: Element) -> None:
    """A netmask as a prefix; what is none stays as it is, for libvirt's schema to refuse."""
    try:
        prefix = ipaddress.ip_network(f"0.0.0.0/{element.get('netmask')}").prefixlen
    except ValueError:
        return
    del element.attrib["netmask"]
    element.set("prefix", str(prefix))


def _strip(root: Element) -> None:
    """Drop what says nothing: counters, what libvirt prints twice, and its defaults."""
    for counted in root.iter("network", "interface", "address"):
        counted.attrib.pop("connections", None)
    for named in root.xpath("name | uuid"):
        root.remove(named)
    for address in root.xpath("ip[@family='ipv4'] | route[@family='ipv4']"):
        del address.attrib["family"]
    for port in root.xpath("forward/nat/port[@start='1024'][@end='65535']"):
        nat = port.getparent()
        nat.remove(port)
        if not len(nat) and not nat.attrib:
            nat.getparent().remove(nat)
    forward = root.find("forward")
    if forward is not None:
        _strip_forward(forward)


def _strip_forward(forward: Element) -> None:
    """One spelling for a forwarding device: libvirt prints the first twice, and members beside their parent."""
    device = forward.attrib.pop("dev", None)
    if forward.find("pf") is not None:
        for member in forward.xpath("interface | address"):
            forward.remove(member)
    elif device and forward.find("interface") is None:
        forward.insert(0, forward.makeelement("interface", {"dev": device}))


def tidy(text: str) -> str:
    """The definition without the counters that change by themselves."""
    root = markup.parse(text)
    for counted in root.iter("network", "interface", "address"):
        counted.attrib.pop("connections", None)
    return markup.serialise(root)


def details(text: str) -> dict[str, str]:
    """What `status` says of a network: its bridge."""
    bridge = markup.parse(text).find("bridge")
    name = bridge.get("name") if bridge is not None else None
    return {"bridge": name} if name else {}


def render(spec: Spec, situation: Situation | None, diffs: Sequence[Diff]) -> str:
    """The definition to store: a new one, or the host's own with the differences carried out."""
    if situation is None:
        skeleton = markup.parse("<network><name/></network>")
        skeleton[0].text = spec.ref.name
        return _consistent(definitions.build(markup.serialise(skeleton), spec, IDENTITIES, {}))
    return _consistent(definitions.revise(situation, tuple(_unforwarded(diffs)), IDENTITIES, {}))


def _unforwarded(diffs: Sequence[Diff]) -> Iterable[Diff]:
    """A network that becomes isolated loses the whole element; a lease time is written with its unit."""
    if any(diff.address == MODE and diff.after in (None, ISOLATED) for diff in diffs):
        yield Diff("forward", "", None)
        diffs = [
            diff
            for diff in diffs
            if diff.address != "forward" and not diff.address.startswith(("forward/", "forward@"))
        ]
    for diff in diffs:
        yield diff
        if diff.address.endswith("lease@expiry") and diff.after is not None:
            yield Diff(diff.address.replace("lease@expiry", "lease@unit"), None, "seconds")


def _consistent(text: str) -> str:
    """Without what libvirt would not accept beside the new values."""
    root = markup.parse(text)
    forward = root.find("forward")
    if forward is not None:
        forward.attrib.pop("dev", None)
        if forward.get("mode") == ISOLATED:
            root.remove(forward)
        if forward.get("mode") == "bridge":
            _leave_bridge(root)
    for element in root.xpath("ip[@prefix][@netmask] | route[@prefix][@netmask]"):
        del element.attrib["netmask"]
    return markup.serialise(root)


def _leave_bridge(root: Element) -> None:
    """Drop what libvirt had filled in for a bridge of its own, now that the host's is named."""
    for mac in root.findall("mac"):
        root.remove(mac)
    for bridge in root.findall("bridge"):
        for name in ("stp", "delay", "zone"):
            bridge.attrib.pop(name, None)
