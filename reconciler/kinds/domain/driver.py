"""Domains on a host: look at all of them in few calls, and carry out one step on one of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import assert_never, cast

from reconciler import definitions, plugging
from reconciler.kinds.domain import steps
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
from reconciler.kinds.domain.spec import UNPLUGGED
from reconciler.model.documents import Observed, Texts
from reconciler.model.plans import RENAME, Autostart, Define, KindStep, Mark, Start, Step, Stop, Undefine
from reconciler.model.refs import Ref
from reconciler.ports import Clock, Handle

# libvirtd answers several calls of one connection at once: four readers take half the time of one.
READERS = 4
_VOLATILE = re.compile(r" state='(?:dis)?connected'")
_PORT = re.compile(r"(<source network='[^']*'[^>]*?) portid='[^']*'(?: bridge='[^']*')?")
_BALLOON = re.compile(r"(<currentMemory[^>]*>)(\d+)(?=<)")
_MEMORY = re.compile(r"<memory unit='KiB'>(\d+)<")


@dataclass(frozen=True, slots=True)
class Seen:
    """One domain, with its interfaces on libvirt's networks while it runs."""

    observed: Observed
    plugs: tuple[plugging.Plug, ...] = ()


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

    def look_at(domain: Domain) -> Seen | None:
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
        seen = [
            each for some in readers.map(lambda some: [look_at(domain) for domain in some], shares) for each in some
        ]
    yield from _unplugged(handle, [each for each in seen if each])


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
    seen = _look(domain, domain.UUIDString(), facts)
    return next(_unplugged(handle, [seen]), None) if seen else None


def _unplugged(handle: Handle, seen: Sequence[Seen]) -> Iterator[Observed]:
    """What was seen, with the interfaces that hang in the air: asked of the networks once for all machines."""
    loose = plugging.loose(handle, (plug for each in seen for plug in each.plugs))
    for each in seen:
        keys = ",".join(plug.key for plug in each.plugs if plug in loose)
        found = each.observed
        yield replace(found, facts={**found.facts, UNPLUGGED: keys}) if keys else found


def _uuids(connection: Connection, flags: int) -> frozenset[str]:
    return frozenset(domain.UUIDString() for domain in connection.listAllDomains(flags))


def _word(flag: bool) -> str:
    return "yes" if flag else "no"


def _look(domain: Domain, uuid: str, facts: Texts) -> Seen | None:
    """One domain; None if it has gone since it was listed."""
    try:
        xml = domain.XMLDesc(DOMAIN_XML_INACTIVE | DOMAIN_XML_SECURE)
        running = domain.XMLDesc(DOMAIN_XML_SECURE) if domain.ID() >= 0 else None
    except Exception as error:
        if error_code(error) == ERR_NO_DOMAIN:
            return None
        raise
    live = _steady(running, xml) if running is not None else None
    digest = sha256("\0".join((xml, live or "", *(f"{at}={text}" for at, text in sorted(facts.items())))).encode())
    observed = Observed(
        ref=Ref("Domain", domain.name()), uuid=uuid, xml=xml, live=live, facts=facts, digest=digest.hexdigest()
    )
    return Seen(observed, plugging.plugs(running, xml) if running is not None else ())


def _steady(live: str, config: str) -> str:
    """The running definition without what moves by itself: whether the agent is connected, where the balloon is, and
    which port of its network an interface has.

    The balloon is shown where the definition wants it, as long as the guest was booted with that much: it follows in
    its own time, and not at all where the guest has no driver for it (QEMU 7.2).
    """
    live = _PORT.sub(r"\1", _VOLATILE.sub("", live))
    wanted, booted = _BALLOON.search(config), _MEMORY.search(live)
    if wanted is None or booted is None or int(wanted[2]) > int(booted[1]):
        return live
    return _BALLOON.sub(lambda found: found[1] + wanted[2], live, count=1)


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
        case KindStep("plug"):
            plugging.plug_in(handle, domain, ref)
        case KindStep():
            _KIND_STEPS[step.name](domain, step)
        case _:
            assert_never(step)


def _find(connection: Connection, ref: Ref, step: Step) -> Domain | None:
    """The domain; None where it is gone and that is what the step wants."""
    try:
        return connection.lookupByName(ref.name)
    except Exception as error:
        if isinstance(step, Stop | Undefine) and error_code(error) == ERR_NO_DOMAIN:
            return None
        raise


_KIND_STEPS: dict[str, Callable[[Domain, KindStep], None]] = {
    "metadata": steps.write_metadata,
    "memory": steps.set_memory,
    "vcpus": steps.set_vcpus,
    RENAME: steps.rename,
}
