"""Devices in a running guest: put in, changed and taken out; what the guest does not let go of in time is said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from reconciler import markup
from reconciler.errors import trouble
from reconciler.kinds.domain import xml
from reconciler.kinds.domain.handle import (
    DOMAIN_AFFECT_LIVE,
    DOMAIN_XML_INACTIVE,
    DOMAIN_XML_SECURE,
    ERR_INTERNAL,
    ERR_NO_SUPPORT,
    ERR_OPERATION_FAILED,
    ERR_XML,
    EVENT_DEVICE_REMOVAL_FAILED,
    EVENT_DEVICE_REMOVED,
    Domain,
)
from reconciler.markup import Element, alias_of
from reconciler.model.addresses import keys_of
from reconciler.model.documents import Address
from reconciler.model.plans import KindStep
from reconciler.model.refs import Ref
from reconciler.ports import Clock, error_code

# How long a guest may take to let go of its devices. One whose system listens needs less than a second.
DETACH_SECONDS = 20.0
LOOK_SECONDS = 1.0
TURN_SECONDS = 0.05
# What libvirt says of a device that was asked for before.
UNDER_WAY = "in the process of unplug"


def attach(domain: Domain, step: KindStep) -> None:
    """Plug a device in where its definition has it, so that the guest finds it there again after a restart.

    Where the running guest has something else in that place, libvirt chooses another.
    """
    stored = _stored(domain, step.arguments["at"])
    element = _without(step.arguments.get("without", ""), stored if stored is not None else _given(step))
    try:
        domain.attachDeviceFlags(markup.canonical(element), DOMAIN_AFFECT_LIVE)
    except Exception as error:
        if error_code(error) != ERR_XML or element.find("address") is None:
            raise
        domain.attachDeviceFlags(markup.canonical(_without("address", element)), DOMAIN_AFFECT_LIVE)


def _given(step: KindStep) -> Element:
    return markup.parse(step.arguments["xml"])


def _stored(domain: Domain, at: Address) -> Element | None:
    """The device as the persistent definition has it, with the address that libvirt gave it."""
    if not domain.isPersistent():
        return None
    root = markup.parse(domain.XMLDesc(DOMAIN_XML_INACTIVE | DOMAIN_XML_SECURE))
    return dict(markup.walk(root, xml.IDENTITIES)).get(at)


def _without(tag: str, element: Element) -> Element:
    for child in element.findall(tag) if tag else ():
        element.remove(child)
    return element


def update(domain: Domain, ref: Ref, step: KindStep) -> None:
    """Change a device in place. Raises R611 where the tray of a drive stays shut."""
    try:
        domain.updateDeviceFlags(step.arguments["xml"], DOMAIN_AFFECT_LIVE)
    except Exception as error:
        reason = _shut_tray(error) if step.arguments["at"].startswith("devices/disk[") else ""
        if not reason:
            raise
        name = keys_of(step.arguments["at"])[0]
        raise trouble("R611", f"{ref} keeps the medium in {name}: {reason}") from error


def _shut_tray(error: Exception) -> str:
    """Why a medium cannot be taken out, "" where that is not the reason.

    libvirt 9.0 does not ask QEMU for the tray of a drive that was plugged into a running guest, and so never opens it.
    """
    if error_code(error) == ERR_OPERATION_FAILED:
        return "the guest holds the tray shut; unmount it there"
    if error_code(error) == ERR_INTERNAL and "is not open" in str(error):
        return "libvirt opens the tray of a drive that was plugged in live only after the guest's next start"
    return ""


def detach(domain: Domain, ref: Ref, step: KindStep, clock: Clock) -> None:
    """Ask the guest for devices and wait until it has let go of them. Raises R611 for those that it keeps.

    `step` has the alias of each. A guest lets go in its own time; until then the device and what is behind it are its.
    """
    with _listening(domain) as heard:
        refused = [at for at, alias in step.arguments.items() if not _asked(domain, alias)]
        kept = {at: alias for at, alias in step.arguments.items() if at not in refused}
        kept = _await(domain, kept, heard, clock)
    names = ", ".join(sorted(keys_of(at)[0] if "[" in at else at for at in (*refused, *kept)))
    if names:
        raise trouble("R611", f"{ref} has not let go of {names} yet; it was asked to")


def _asked(domain: Domain, alias: str) -> bool:
    """Ask for one device; False where the guest says no at once. One that has gone already is fine."""
    try:
        domain.detachDeviceAlias(alias, DOMAIN_AFFECT_LIVE)
    except Exception as error:
        code = error_code(error)
        if code == ERR_NO_SUPPORT:
            _detach_by_definition(domain, alias)
        elif code == ERR_OPERATION_FAILED:
            return False
        elif not (code == ERR_INTERNAL and "no device found" in str(error)) and UNDER_WAY not in str(error):
            raise
    return True


def _detach_by_definition(domain: Domain, alias: str) -> None:
    """For drivers that know no aliases."""
    for element in _devices(domain):
        if alias_of(element) == alias:
            domain.detachDeviceFlags(markup.canonical(element), DOMAIN_AFFECT_LIVE)


def _await(domain: Domain, kept: Mapping[Address, str], heard: Mapping[str, int], clock: Clock) -> dict[Address, str]:
    """What is still there when the guest has said so of everything, or the time is over.

    Events come at once, and may be lost with a daemon: the definition is looked at as well.
    """
    left = dict(kept)
    end = clock.now() + DETACH_SECONDS
    look = clock.now()
    while left and clock.now() < end:
        if clock.now() >= look or any(alias in heard for alias in left.values()):
            look = clock.now() + LOOK_SECONDS
            there = {alias_of(element) for element in _devices(domain)}
            left = {at: alias for at, alias in left.items() if alias in there}
        if left and all(heard.get(alias) == EVENT_DEVICE_REMOVAL_FAILED for alias in left.values()):
            break
        if left:
            clock.sleep(TURN_SECONDS)
    return left


def _devices(domain: Domain) -> Iterator[Element]:
    return iter(markup.parse(domain.XMLDesc(0)).iterfind("devices/*"))


@contextmanager
def _listening(domain: Domain) -> Iterator[dict[str, int]]:
    """What is heard of the domain's devices meanwhile: alias -> the last event."""
    connection = domain.connect()
    heard: dict[str, int] = {}

    def hear(event: int) -> int:
        def note(connection: object, domain: object, alias: str, opaque: object) -> None:
            heard[alias] = event

        return connection.domainEventRegisterAny(domain, event, note, None)

    try:
        registered = [hear(event) for event in (EVENT_DEVICE_REMOVED, EVENT_DEVICE_REMOVAL_FAILED)]
    except Exception as error:
        if error_code(error) is None:
            raise
        registered = []
    try:
        yield heard
    finally:
        for callback in registered:
            connection.domainEventDeregisterAny(callback)
