"""Interfaces of running machines that hang in the air because their network was restarted, and how to plug them in.

A network whose bridge is libvirt's own loses it when it stops; the taps of running guests stay behind, in no bridge
(seen with libvirt 9.0). Neither definition of such a machine tells, but its interface still names the port that it had
on the network (`source/@portid`), and a network that was started anew has no such port.

Plugging in goes through libvirt alone, so it works on remote hosts too: a running interface may change between the
types network and bridge, which moves its tap into the bridge that is named (qemuDomainChangeNetBridge in
qemu_hotplug.c), and the way back to the network registers a new port. MAC, model, alias, filters and target stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Protocol, cast

from reconciler import markup
from reconciler.errors import trouble
from reconciler.markup import Element
from reconciler.model.refs import Ref
from reconciler.ports import Handle, error_code

# libvirt's numbers (libvirt-network.h, libvirt-domain.h, virterror.h).
NETWORKS_ACTIVE = 2
DOMAINS_ACTIVE = 1
XML_INACTIVE = 2
AFFECT_LIVE = 1
FROM_RPC = 7
NO_DOMAIN = 42
NO_NETWORK = 43
OPERATION_INVALID = 55

_INTERFACE = re.compile(r"<interface type='(network|bridge)'.*?</interface>", re.DOTALL)
_PORT = re.compile(r"<source network='([^']*)'[^>]*? portid='([^']*)'(?: bridge='([^']*)')?")
_BRIDGE = re.compile(r"<source bridge='([^']*)'")
_MAC = re.compile(r"<mac address='([^']*)'")
# What a running interface shows of its network's or port group's settings where it has none of its own.
_LENT = ("bandwidth", "vlan", "virtualport", "port")


class Port(Protocol):
    """What we use of libvirt's virNetworkPort."""

    def UUIDString(self) -> str: ...  # noqa: N802


class Network(Protocol):
    """What we use of libvirt's virNetwork."""

    def name(self) -> str: ...
    def XMLDesc(self, flags: int) -> str: ...  # noqa: N802
    def listAllPorts(self, flags: int) -> list[Port]: ...  # noqa: N802


class Domain(Protocol):
    """What we use of libvirt's virDomain."""

    def name(self) -> str: ...
    def XMLDesc(self, flags: int) -> str: ...  # noqa: N802
    def updateDeviceFlags(self, xml: str, flags: int) -> int: ...  # noqa: N802


class Connection(Protocol):
    """What we use of libvirt's virConnect."""

    def listAllNetworks(self, flags: int) -> list[Network]: ...  # noqa: N802
    def listAllDomains(self, flags: int) -> list[Domain]: ...  # noqa: N802


@dataclass(frozen=True, kw_only=True, slots=True)
class Plug:
    """One interface of a running machine on a libvirt network: what libvirt says of it while it runs and for later.

    `port` is "" where plugging in was begun and not ended: the interface is on the bridge without its network.
    """

    network: str
    port: str
    bridge: str
    live: str
    config: str = ""

    @property
    def key(self) -> str:
        """Its key in addresses (`devices/interface[lan]`)."""
        return markup.key_of(markup.parse(self.live), ("alias", "mac@address"))


def plugs(live: str, config: str) -> tuple[Plug, ...]:
    """The interfaces of a running machine that are on a libvirt network, or on its bridge only half-way back to it."""
    if "<source network='" not in live and "<source network='" not in config:
        return ()
    return tuple(_plugs(live, config))


def _plugs(live: str, config: str) -> Iterator[Plug]:
    stored: dict[str, str] | None = None
    for found in _INTERFACE.finditer(live):
        text, port = found[0], _PORT.search(found[0])
        if stored is None:
            stored = _by_mac(config)
        mac = _MAC.search(text)
        beside = stored.get(mac[1], "") if mac else ""
        if port:
            yield Plug(network=unescape(port[1]), port=port[2], bridge=port[3] or "", live=text, config=beside)
        bridge, wanted = _BRIDGE.search(text), re.search("<source network='([^']*)'", beside)
        if found[1] == "bridge" and bridge and wanted:
            yield Plug(network=unescape(wanted[1]), port="", bridge=unescape(bridge[1]), live=text, config=beside)


def _by_mac(config: str) -> dict[str, str]:
    """The interfaces of a definition that are on networks, by MAC address."""
    texts = (found[0] for found in _INTERFACE.finditer(config) if found[1] == "network")
    return {mac[1]: text for text in texts if (mac := _MAC.search(text))}


def loose(handle: Handle, seen: Iterable[Plug]) -> dict[Plug, str]:
    """Those of these interfaces that hang in the air, with the bridge that each belongs on.

    One call for all networks and one for each active one with guests; one more for a network that lacks a port.
    Networks without a bridge (macvtap, host devices) lose nothing, nor do those on a bridge of the host that is the
    same as before.
    """
    plugs_of: dict[str, list[Plug]] = {}
    for plug in seen:
        plugs_of.setdefault(plug.network, []).append(plug)
    found: dict[Plug, str] = {}
    if plugs_of:
        for network in cast(Connection, handle).listAllNetworks(NETWORKS_ACTIVE):
            found.update(_loose_on(network, plugs_of.get(network.name(), ())))
    return found


def _loose_on(network: Network, seen: Sequence[Plug]) -> dict[Plug, str]:
    """Those that this network knows no port of, with its bridge; none if it has gone meanwhile."""
    if not seen:
        return {}
    try:
        known = {port.UUIDString() for port in network.listAllPorts(0)}
        torn = [plug for plug in seen if plug.port not in known]
        if not torn:
            return {}
        definition = markup.parse(network.XMLDesc(0))
    except Exception as error:
        if error_code(error) in (NO_NETWORK, OPERATION_INVALID):
            return {}
        raise
    forward, bridge = definition.find("forward"), definition.find("bridge")
    name = bridge.get("name", "") if bridge is not None else ""
    hosts_own = forward is not None and forward.get("mode") == "bridge"
    return {plug: name for plug in torn if name and _lost(plug, name, hosts_own)}


def _lost(plug: Plug, bridge: str, hosts_own: bool) -> bool:
    """Whether an interface without a port is not on the network's bridge.

    One without its network was left on that bridge by us; on any other bridge somebody has put it.
    """
    if not plug.port:
        return plug.bridge == bridge
    return not hosts_own or plug.bridge != bridge


def plug_in(handle: Handle, domain: object, ref: Ref) -> None:
    """Plug in what hangs in the air of one running machine. Raises R614."""
    machine = cast(Domain, domain)
    failures = list(_plugged(machine, loose(handle, _plugs_of(machine))))
    if failures:
        raise trouble("R614", f"{ref}: {'; '.join(failures)}")


def plug_in_all(handle: Handle, network: str, ref: Ref) -> None:
    """Plug in what hangs in the air of all running machines on one network, as far as it goes. Raises R614."""
    found = [
        (machine, [plug for plug in _plugs_of(machine) if plug.network == network])
        for machine in cast(Connection, handle).listAllDomains(DOMAINS_ACTIVE)
    ]
    torn = loose(handle, [plug for _, some in found for plug in some])
    failures = [
        f"Domain/{machine.name()}: {failure}"
        for machine, some in found
        for failure in _plugged(machine, {plug: torn[plug] for plug in some if plug in torn})
    ]
    if failures:
        raise trouble("R614", f"{ref} is restarted, but {'; '.join(failures)}; the next apply tries again")


def _plugs_of(machine: Domain) -> tuple[Plug, ...]:
    try:
        live = machine.XMLDesc(0)
        return plugs(live, machine.XMLDesc(XML_INACTIVE)) if "<interface type=" in live else ()
    except Exception as error:
        if error_code(error) in (NO_DOMAIN, OPERATION_INVALID):
            return ()
        raise


def _plugged(machine: Domain, torn: dict[Plug, str]) -> Iterator[str]:
    """Plug these in; what could not be done, one after the other. A lost connection ends it."""
    for plug, bridge in torn.items():
        try:
            for step in moves(plug, bridge):
                machine.updateDeviceFlags(step, AFFECT_LIVE)
        except Exception as error:
            if error_code(error) is None or _error_domain(error) == FROM_RPC:
                raise
            yield f"the interface {plug.key} could not be plugged into Network/{plug.network} again: {error}"


def moves(plug: Plug, bridge: str) -> tuple[str, ...]:
    """The definitions that an interface takes on the way: onto the bridge, then into the network again."""
    running = markup.parse(plug.live)
    stored = markup.parse(plug.config) if plug.config else running
    source = (running if plug.port else stored).find("source")
    attributes = dict(source.attrib) if source is not None else {}
    wanted = {name: text for name, text in attributes.items() if name not in ("portid", "bridge")}
    back = _connected(_own(running, stored), "network", wanted)
    return (_connected(running, "bridge", {"bridge": bridge}), back) if plug.port else (back,)


def _own(live: Element, config: Element) -> Element:
    """The running interface without what its network lends it."""
    root = markup.parse(markup.serialise(live))
    for name in _LENT:
        lent = root.find(name)
        if lent is not None and config.find(name) is None:
            root.remove(lent)
    if "trustGuestRxFilters" not in config.attrib:
        root.attrib.pop("trustGuestRxFilters", None)
    return root


def _connected(interface: Element, kind: str, source: dict[str, str]) -> str:
    """The interface with another type and source."""
    root = markup.parse(markup.serialise(interface))
    root.set("type", kind)
    for element in root.findall("source"):
        element.attrib.clear()
        element.attrib.update(source)
    return markup.serialise(root)


def _error_domain(error: Exception) -> int | None:
    """Where in libvirt an error comes from (libvirt.libvirtError.get_error_domain); None for any other error."""
    ask: Callable[[], int] | None = getattr(error, "get_error_domain", None)
    return ask() if ask else None
