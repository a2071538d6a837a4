"""Domains on a host: look at all of them in few calls, and carry out one step on one of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import assert_never, cast

from reconciler import definitions
from reconciler.kinds.domain import plugging, setting, steps, switching
from reconciler.kinds.domain.handle import (
    CONNECT_LIST_DOMAINS_AUTOSTART,
    CONNECT_LIST_DOMAINS_MANAGEDSAVE,
    CONNECT_LIST_DOMAINS_TRANSIENT,
    DOMAIN_STATS_STATE,
    DOMAIN_XML_INACTIVE,
    DOMAIN_XML_SECURE,
    ERR_NO_DOMAIN,
    ERR_NO_SUPPORT,
    Connection,
    Domain,
    error_code,
)
from reconciler.kinds.domain.modules import dimms_in
from reconciler.kinds.domain.states import State, state_of
from reconciler.kinds.domain.xml import numbers
from reconciler.model.documents import BUSY, CRASHED, POWER, Address, Observed, Texts
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
    """Every domain of the host, in three to four calls for all of them and one or two for each."""
    connection = cast("Connection", handle)
    domains = _with_states(connection)
    if not domains:
        return
    autostart, saved = (
        _uuids(connection, CONNECT_LIST_DOMAINS_AUTOSTART),
        _uuids(connection, CONNECT_LIST_DOMAINS_MANAGEDSAVE),
    )
    active = any(domain.ID() >= 0 for domain, _ in domains)
    transient = _uuids(connection, CONNECT_LIST_DOMAINS_TRANSIENT) if active else frozenset()

    def look_at(domain: Domain, known: tuple[int, int] | None) -> Observed | None:
        uuid = domain.UUIDString()
        with_image = uuid in saved
        return _unless_gone(
            lambda: _look(
                domain,
                state_of(*(known or domain.state()), saved=with_image),
                _flags(autostart=uuid in autostart, saved=with_image, transient=uuid in transient),
            )
        )

    share = -(-len(domains) // READERS)
    shares = (domains[start : start + share] for start in range(0, len(domains), share))
    with ThreadPoolExecutor(READERS) as readers:
        for seen in readers.map(lambda some: [look_at(*each) for each in some], shares):
            yield from filter(None, seen)


def _with_states(connection: Connection) -> list[tuple[Domain, tuple[int, int] | None]]:
    """Every domain with its state and the reason of it; None where the driver cannot tell those of all at once."""
    try:
        found = connection.getAllDomainStats(DOMAIN_STATS_STATE, 0)
    except Exception as error:
        if error_code(error) != ERR_NO_SUPPORT:
            raise
        return [(domain, None) for domain in connection.listAllDomains(0)]
    return [
        (domain, (said["state.state"], said.get("state.reason", 0)) if "state.state" in said else None)
        for domain, said in found
    ]


def look(handle: Handle, ref: Ref) -> Observed | None:
    """One domain by name; None if the host has none."""
    connection = cast("Connection", handle)
    return _unless_gone(lambda: _look_alone(connection.lookupByName(ref.name)))


def _look_alone(domain: Domain) -> Observed:
    saved = bool(domain.hasManagedSaveImage())
    # What is off and still there is persistent: one call less for each of thousands.
    transient = domain.ID() >= 0 and not domain.isPersistent()
    flags = _flags(autostart=bool(domain.autostart()), saved=saved, transient=transient)
    return _look(domain, state_of(*domain.state(), saved=saved), flags)


def _unless_gone(see: Callable[[], Observed]) -> Observed | None:
    """What is seen; None if the domain is not there, or has gone since it was listed."""
    try:
        return see()
    except Exception as error:
        if error_code(error) == ERR_NO_DOMAIN:
            return None
        raise


def _uuids(connection: Connection, flags: int) -> frozenset[str]:
    return frozenset(domain.UUIDString() for domain in connection.listAllDomains(flags))


def _word(flag: bool) -> str:
    return "yes" if flag else "no"


def _flags(*, autostart: bool, saved: bool, transient: bool) -> dict[Address, str]:
    """What libvirt notes of a domain outside its definition and state."""
    flags = {"!autostart": _word(autostart)}
    if saved:
        flags["!managedsave"] = "yes"
    if transient:
        flags["!persistent"] = "no"
    return flags


def _look(domain: Domain, state: State, flags: Texts) -> Observed:
    """One domain with its definitions."""
    facts = {**_facts(state), **flags}
    xml = domain.XMLDesc(DOMAIN_XML_INACTIVE | DOMAIN_XML_SECURE)
    live = _steady(domain.XMLDesc(DOMAIN_XML_SECURE), xml) if domain.ID() >= 0 else None
    if live is not None and any(pin[0].strip() not in xml for pin in _PIN.finditer(live)):
        live = _unpinned(live, xml, domain.connect().getInfo()[2])
    digest = sha256("\0".join((xml, live or "", *(f"{at}={text}" for at, text in sorted(facts.items())))).encode())
    return Observed(
        ref=Ref("Domain", domain.name()),
        uuid=domain.UUIDString(),
        xml=xml,
        live=live,
        facts=facts,
        details={"paused": state.paused} if state.paused else {},
        digest=digest.hexdigest(),
    )


def _facts(state: State) -> dict[Address, str]:
    facts = {POWER: state.power}
    if state.word != state.power:
        facts["!state"] = state.word
    if state.busy:
        facts[BUSY] = state.busy
    if state.crashed:
        facts[CRASHED] = "yes"
    return facts


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
    """Carry out one step. What is already so is success. Raises what libvirt raises, R605 and R606."""
    connection = cast("Connection", handle)
    if isinstance(step, Define):
        connection.defineXML(step.xml)
        return
    domain = _find(connection, ref, step)
    if domain is None:
        return
    switching.undisturbed(domain, ref)
    match step:
        case Undefine():
            steps.undefine(domain, step.data)
        case Start():
            switching.start(domain)
        case Stop():
            switching.stop(domain, ref, step, clock)
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
