"""Domains on a host: look at all of them in few calls, and carry out one step on one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import assert_never, cast

from reconciler import definitions, reconnecting
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
)
from reconciler.kinds.domain.spec import UNPLUGGED
from reconciler.kinds.domain.states import State, state_of
from reconciler.kinds.domain.steady import steady
from reconciler.model.documents import BUSY, CRASHED, POWER, Address, Observed, Texts
from reconciler.model.plans import RENAME, Autostart, Define, KindStep, Mark, On, Start, Step, Stop, Undefine
from reconciler.model.refs import Ref
from reconciler.ports import Clock, Handle, error_code, own

# libvirtd answers several connections at once: four readers take half the time of one, from some hundred domains on.
READERS = 4
FEW = 50


@dataclass(frozen=True, slots=True)
class Seen:
    """One domain, with its interfaces on libvirt's networks while it runs."""

    observed: Observed
    plugs: tuple[reconnecting.Plug, ...] = ()


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

    def look_at(domain: Domain, known: tuple[int, int] | None) -> Seen | None:
        uuid = domain.UUIDString()
        with_image = uuid in saved
        return _unless_gone(
            lambda: _look(
                domain,
                state_of(*(known or domain.state()), saved=with_image),
                _flags(autostart=uuid in autostart, saved=with_image, transient=uuid in transient),
            )
        )

    def look_at_each(some: Sequence[tuple[Domain, tuple[int, int] | None]]) -> list[Seen | None]:
        with own(handle) as mine:
            return [look_at(*each) for each in (some if mine is handle else _relisted(some, cast("Connection", mine)))]

    share = max(FEW, -(-len(domains) // READERS))
    shares = (domains[start : start + share] for start in range(0, len(domains), share))
    with ThreadPoolExecutor(READERS) as readers:
        found = [each for some in readers.map(look_at_each, shares) for each in some]
    yield from _unplugged(handle, [each for each in found if each])


def _relisted(
    listed: Sequence[tuple[Domain, tuple[int, int] | None]], connection: Connection
) -> Iterator[tuple[Domain, tuple[int, int] | None]]:
    """The same domains as this connection has them, but for those that have gone meanwhile."""
    there = {domain.UUIDString(): domain for domain in connection.listAllDomains(0)}
    for domain, known in listed:
        mine = there.get(domain.UUIDString())
        if mine is not None:
            yield mine, known


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
    seen = _unless_gone(lambda: _look_alone(connection.lookupByName(ref.name)))
    return next(_unplugged(handle, [seen])) if seen else None


def _look_alone(domain: Domain) -> Seen:
    saved = bool(domain.hasManagedSaveImage())
    # What is off and still there is persistent: one call less for each of thousands.
    transient = domain.ID() >= 0 and not domain.isPersistent()
    flags = _flags(autostart=bool(domain.autostart()), saved=saved, transient=transient)
    return _look(domain, state_of(*domain.state(), saved=saved), flags)


def _unless_gone(see: Callable[[], Seen]) -> Seen | None:
    """What is seen; None if the domain is not there, or has gone since it was listed."""
    try:
        return see()
    except Exception as error:
        if error_code(error) == ERR_NO_DOMAIN:
            return None
        raise


def _unplugged(handle: Handle, seen: Sequence[Seen]) -> Iterator[Observed]:
    """What was seen, with the interfaces that hang in the air: asked of the networks once for all machines."""
    loose = reconnecting.loose(handle, (plug for each in seen for plug in each.plugs))
    for each in seen:
        keys = ",".join(plug.key for plug in each.plugs if plug in loose)
        found = each.observed
        yield replace(found, facts={**found.facts, UNPLUGGED: keys}) if keys else found


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


def _look(domain: Domain, state: State, flags: Texts) -> Seen:
    """One domain with its definitions."""
    facts = {**_facts(state), **flags}
    xml = domain.XMLDesc(DOMAIN_XML_INACTIVE | DOMAIN_XML_SECURE)
    running = domain.XMLDesc(DOMAIN_XML_SECURE) if domain.ID() >= 0 else None
    live = steady(running, xml, lambda: domain.connect().getInfo()[2]) if running is not None else None
    digest = sha256("\0".join((xml, live or "", *(f"{at}={text}" for at, text in sorted(facts.items())))).encode())
    observed = Observed(
        ref=Ref("Domain", domain.name()),
        uuid=domain.UUIDString(),
        xml=xml,
        live=live,
        facts=facts,
        details={"paused": state.paused} if state.paused else {},
        digest=digest.hexdigest(),
    )
    return Seen(observed, reconnecting.plugs(running, xml) if running is not None else ())


def _facts(state: State) -> dict[Address, str]:
    facts = {POWER: state.power}
    if state.word != state.power:
        facts["!state"] = state.word
    if state.busy:
        facts[BUSY] = state.busy
    if state.crashed:
        facts[CRASHED] = "yes"
    return facts


def perform(handle: Handle, ref: Ref, step: Step, clock: Clock) -> None:
    """Carry out one step. What is already so is success. Raises what libvirt raises, R605 and R606."""
    assert not isinstance(step, On), "a step on something else is for that one's kind"
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
        case KindStep("reconnect"):
            reconnecting.plug_in(handle, domain, ref)
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
