"""Domains on a host: look at all of them in few calls, and carry out one step on one of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import assert_never, cast

from reconciler import definitions
from reconciler.kinds.domain import plugging, setting, steps
from reconciler.kinds.domain.handle import (
    CONNECT_LIST_DOMAINS_AUTOSTART,
    CONNECT_LIST_DOMAINS_MANAGEDSAVE,
    CONNECT_LIST_DOMAINS_PAUSED,
    CONNECT_LIST_DOMAINS_TRANSIENT,
    DOMAIN_PAUSED,
    DOMAIN_XML_INACTIVE,
    DOMAIN_XML_SECURE,
    ERR_NO_DOMAIN,
    Connection,
    Domain,
    error_code,
)
from reconciler.kinds.domain.modules import dimms_in
from reconciler.kinds.domain.xml import numbers
from reconciler.model.documents import Observed, Texts
from reconciler.model.plans import RENAME, Autostart, Define, KindStep, Mark, Start, Step, Stop, Undefine
from reconciler.model.refs import Ref
from reconciler.ports import Clock, Handle

# libvirtd answers several calls of one connection at once: four readers take half the time of one.
READERS = 4
_VOLATILE = re.compile(r" state='(?:dis)?connected'")
_BALLOON = re.compile(r"(<currentMemory[^>]*>)(\d+)(?=<)")
_MEMORY = re.compile(r"<memory unit='KiB'>(\d+)<")
_PIN = re.compile(r"\s*<(?:vcpupin|emulatorpin|iothreadpin)\b[^>]*\bcpuset='([^']*)'/>")


def observe(handle: Handle) -> Iterator[Observed]:
    """Every domain of the host, in three to five calls for all of them and one or two for each."""
    connection = cast("Connection", handle)
    domains = connection.listAllDomains(0)
    if not domains:
        return
    active = any(domain.ID() >= 0 for domain in domains)
    autostart, saved = (
        _uuids(connection, CONNECT_LIST_DOMAINS_AUTOSTART),
        _uuids(connection, CONNECT_LIST_DOMAINS_MANAGEDSAVE),
    )
    paused = _uuids(connection, CONNECT_LIST_DOMAINS_PAUSED) if active else frozenset()
    transient = _uuids(connection, CONNECT_LIST_DOMAINS_TRANSIENT) if active else frozenset()

    def look_at(domain: Domain) -> Observed | None:
        uuid = domain.UUIDString()
        power = "stopped" if domain.ID() < 0 else "paused" if uuid in paused else "running"
        facts = {"!power": power, "!autostart": _word(uuid in autostart)}
        if uuid in saved:
            facts["!managedsave"] = "yes"
        if uuid in transient:
            facts["!persistent"] = "no"
        return _look(domain, uuid, facts)

    share = -(-len(domains) // READERS)
    shares = (domains[start : start + share] for start in range(0, len(domains), share))
    with ThreadPoolExecutor(READERS) as readers:
        for seen in readers.map(lambda some: [look_at(domain) for domain in some], shares):
            yield from filter(None, seen)


def look(handle: Handle, ref: Ref) -> Observed | None:
    """One domain by name; None if the host has none."""
    connection = cast("Connection", handle)
    try:
        domain = connection.lookupByName(ref.name)
        active = domain.ID() >= 0
        power = "stopped" if not active else "paused" if domain.state()[0] == DOMAIN_PAUSED else "running"
        facts = {"!power": power, "!autostart": _word(bool(domain.autostart()))}
        if domain.hasManagedSaveImage():
            facts["!managedsave"] = "yes"
        # What is off and still there is persistent: one call less for each of thousands.
        if active and not domain.isPersistent():
            facts["!persistent"] = "no"
    except Exception as error:
        if error_code(error) == ERR_NO_DOMAIN:
            return None
        raise
    return _look(domain, domain.UUIDString(), facts)


def _uuids(connection: Connection, flags: int) -> frozenset[str]:
    return frozenset(domain.UUIDString() for domain in connection.listAllDomains(flags))


def _word(flag: bool) -> str:
    return "yes" if flag else "no"


def _look(domain: Domain, uuid: str, facts: Texts) -> Observed | None:
    """One domain; None if it has gone since it was listed."""
    try:
        xml = domain.XMLDesc(DOMAIN_XML_INACTIVE | DOMAIN_XML_SECURE)
        live = _steady(domain.XMLDesc(DOMAIN_XML_SECURE), xml) if domain.ID() >= 0 else None
        if live is not None and any(pin[0].strip() not in xml for pin in _PIN.finditer(live)):
            live = _unpinned(live, xml, domain.connect().getInfo()[2])
    except Exception as error:
        if error_code(error) == ERR_NO_DOMAIN:
            return None
        raise
    digest = sha256("\0".join((xml, live or "", *(f"{at}={text}" for at, text in sorted(facts.items())))).encode())
    return Observed(
        ref=Ref("Domain", domain.name()), uuid=uuid, xml=xml, live=live, facts=facts, digest=digest.hexdigest()
    )


def _steady(live: str, config: str) -> str:
    """The running definition without what moves by itself: whether the agent is connected, and where the balloon is.

    The balloon is shown where the definition wants it, as long as the guest was booted with that much: it follows in
    its own time, and not at all where the guest has no driver for it (QEMU 7.2).
    """
    live = _VOLATILE.sub("", live)
    found, booted = _BALLOON.search(config), _MEMORY.search(live)
    if found is None or booted is None:
        return live
    # Modules may be plugged into one and not into the other.
    wanted = int(found[2]) - dimms_in(config) + dimms_in(live)
    return live if wanted > int(booted[1]) else _BALLOON.sub(lambda found: f"{found[1]}{wanted}", live, count=1)


def _unpinned(live: str, config: str, cpus: int) -> str:
    """The running definition without threads that may run on every CPU of the host, which is no pin.

    That is all that is left of one that was taken away: libvirt 9.0 has no call to forget it.
    """
    everywhere = set(range(cpus))

    def kept(found: re.Match[str]) -> str:
        return "" if found[0].strip() not in config and numbers(found[1]) >= everywhere else found[0]

    return _PIN.sub(kept, live)


def perform(handle: Handle, ref: Ref, step: Step, clock: Clock) -> None:
    """Carry out one step. What is already so is success. Raises what libvirt raises, and R606."""
    connection = cast("Connection", handle)
    if isinstance(step, Define):
        connection.defineXML(step.xml)
        return
    domain = _find(connection, ref, step)
    if domain is None:
        return
    match step:
        case Undefine():
            steps.undefine(domain, step.data)
        case Start():
            steps.start(domain)
        case Stop():
            steps.stop(domain, ref, step, clock)
        case Autostart():
            domain.setAutostart(int(step.on))
        case Mark():
            steps.write_element(domain, definitions.OWNER, definitions.owner_mark(step.owner))
        case KindStep():
            _perform_own(domain, ref, step, clock)
        case _:
            assert_never(step)


def _perform_own(domain: Domain, ref: Ref, step: KindStep, clock: Clock) -> None:
    """A step that only domains have."""
    match step.name:
        case "detach":
            plugging.detach(domain, ref, step, clock)
        case "update":
            plugging.update(domain, ref, step)
        case "vcpus":
            setting.vcpus(domain, ref, step)
        case name:
            _KIND_STEPS[name](domain, step)


def _find(connection: Connection, ref: Ref, step: Step) -> Domain | None:
    """The domain; None where it is gone and that is what the step wants."""
    try:
        return connection.lookupByName(ref.name)
    except Exception as error:
        if isinstance(step, Stop | Undefine) and error_code(error) == ERR_NO_DOMAIN:
            return None
        raise


_KIND_STEPS: dict[str, Callable[[Domain, KindStep], None]] = {
    **setting.STEPS,
    "metadata": steps.write_metadata,
    "attach": plugging.attach,
    RENAME: steps.rename,
}
