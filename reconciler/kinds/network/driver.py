"""Networks on a host: look at all of them, and carry out one step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, cast

from reconciler import definitions, markup, reconnecting
from reconciler.errors import trouble
from reconciler.kinds.network.xml import details, tidy
from reconciler.model.documents import Observed
from reconciler.model.plans import Autostart, Define, KindStep, Mark, Start, Step, Stop, Undefine
from reconciler.model.refs import Ref
from reconciler.ports import Clock, Handle, error_code

# libvirt's numbers (libvirt-network.h): XML flag, list flags, update flag, commands and sections of virNetworkUpdate.
XML_INACTIVE = 1
LIST_ACTIVE = 2
LIST_AUTOSTART = 16
# virterror.h: VIR_ERR_NO_SUPPORT, where the driver has no such call.
UNSUPPORTED = 3
UPDATE_LIVE = 1
COMMANDS = {"modify": 1, "delete": 2, "add-last": 3}
SECTIONS = {
    "ip-dhcp-host": 4,
    "ip-dhcp-range": 5,
    "forward-interface": 7,
    "portgroup": 9,
    "dns-host": 10,
    "dns-txt": 11,
    "dns-srv": 12,
}


class Network(Protocol):
    """What we use of libvirt's virNetwork."""

    def name(self) -> str: ...
    def UUIDString(self) -> str: ...  # noqa: N802
    def XMLDesc(self, flags: int) -> str: ...  # noqa: N802
    def isActive(self) -> int: ...  # noqa: N802
    def create(self) -> int: ...
    def destroy(self) -> int: ...
    def undefine(self) -> int: ...
    def listAllPorts(self, flags: int) -> list[object]: ...  # noqa: N802
    def setAutostart(self, autostart: int) -> int: ...  # noqa: N802
    def update(self, command: int, section: int, parentIndex: int, xml: str, flags: int) -> int: ...  # noqa: N803


class Connection(Protocol):
    """What we use of libvirt's virConnect."""

    def listAllNetworks(self, flags: int) -> list[Network]: ...  # noqa: N802
    def networkLookupByName(self, name: str) -> Network: ...  # noqa: N802
    def networkDefineXML(self, xml: str) -> Network: ...  # noqa: N802


def observe(handle: Handle) -> Iterator[Observed]:
    """Every network of the host, by name."""
    connection = cast(Connection, handle)
    active = {network.name() for network in connection.listAllNetworks(LIST_ACTIVE)}
    autostart = {network.name() for network in connection.listAllNetworks(LIST_AUTOSTART)}
    for network in sorted(connection.listAllNetworks(0), key=lambda network: network.name()):
        yield _seen(network, network.name() in active, network.name() in autostart)


def look(handle: Handle, ref: Ref) -> Observed | None:
    """One network; None if the host has none of this name."""
    connection = cast(Connection, handle)
    autostart = {network.name() for network in connection.listAllNetworks(LIST_AUTOSTART)}
    found = (network for network in connection.listAllNetworks(0) if network.name() == ref.name)
    return next((_seen(network, bool(network.isActive()), ref.name in autostart) for network in found), None)


def _seen(network: Network, active: bool, autostart: bool) -> Observed:
    running = network.XMLDesc(0)
    return definitions.witness(
        Ref("Network", network.name()),
        uuid=network.UUIDString(),
        xml=tidy(definitions.persistent(network.XMLDesc, XML_INACTIVE)),
        live=tidy(running) if active else None,
        facts={"!active": "yes" if active else "no", "!autostart": "yes" if autostart else "no"},
        details={**details(running), "connections": str(_connections(network) if active else 0)},
    )


def perform(handle: Handle, ref: Ref, step: Step, clock: Clock) -> None:
    """Carry out one step. Raises what libvirt raises, R403 for a network that is still used, and R614."""
    connection = cast(Connection, handle)
    match step:
        case Define(xml):
            connection.networkDefineXML(xml)
        case Mark(owner):
            network = connection.networkLookupByName(ref.name)
            connection.networkDefineXML(
                definitions.marked(definitions.persistent(network.XMLDesc, XML_INACTIVE), owner)
            )
        case KindStep(name, arguments):
            STEPS[name](handle, connection.networkLookupByName(ref.name), ref, dict(arguments))
        case Start() | Stop() | Autostart() | Undefine():
            _switch(connection.networkLookupByName(ref.name), step)


def _switch(network: Network, step: Start | Stop | Autostart | Undefine) -> None:
    match step:
        case Start():
            if not network.isActive():
                network.create()
        case Stop():
            if network.isActive():
                network.destroy()
        case Autostart(on):
            network.setAutostart(int(on))
        case Undefine():
            network.undefine()


def _update(handle: Handle, network: Network, ref: Ref, arguments: dict[str, str]) -> None:
    command, section = COMMANDS[arguments["command"]], SECTIONS[arguments["section"]]
    network.update(command, section, int(arguments["parent"]), arguments["xml"], UPDATE_LIVE)


def _restart(handle: Handle, network: Network, ref: Ref, arguments: dict[str, str]) -> None:
    """Down and up again, and the running guests back on it. Raises R614 for those that could not be."""
    if network.isActive():
        network.destroy()
    network.create()
    _reconnect(handle, network, ref, arguments)


def _reconnect(handle: Handle, network: Network, ref: Ref, arguments: dict[str, str]) -> None:
    reconnecting.plug_in_all(handle, network.name(), ref)


def _vacant(handle: Handle, network: Network, ref: Ref, arguments: dict[str, str]) -> None:
    """Raises R403 while guests are on the network."""
    count = _connections(network)
    if count:
        message = f"{ref} still carries {count} interfaces of running machines; stop or detach them first"
        raise trouble("R403", message)


def _connections(network: Network) -> int:
    """How many interfaces of running machines are on the network.

    The definition's own count goes back to 0 when the running network is updated (seen with libvirt 9.0); the ports
    stay.
    """
    try:
        return len(network.listAllPorts(0))
    except Exception as error:
        if error_code(error) != UNSUPPORTED:
            raise
        return int(markup.parse(network.XMLDesc(0)).get("connections", "0"))


STEPS: dict[str, Callable[[Handle, Network, Ref, dict[str, str]], None]] = {
    "update": _update,
    "restart": _restart,
    "reconnect": _reconnect,
    "vacant": _vacant,
}
