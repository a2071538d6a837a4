"""Domains on a host: look at all of them in few calls, and carry out one step on one of them.

The handle is libvirt's own connection; `Connection` and `Domain` declare what is used of it. Numbers are libvirt's
(libvirt-domain.h); their names are libvirt's too, without the prefix.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Protocol, assert_never, cast
from urllib.parse import unquote

from reconciler import definitions, markup
from reconciler.errors import trouble
from reconciler.model.documents import Observed, Texts
from reconciler.model.plans import Autostart, Define, KindStep, Mark, Start, Step, Stop, Undefine
from reconciler.model.refs import Ref
from reconciler.ports import Clock, Handle

CONNECT_LIST_DOMAINS_TRANSIENT = 8
CONNECT_LIST_DOMAINS_PAUSED = 32
CONNECT_LIST_DOMAINS_MANAGEDSAVE = 256
CONNECT_LIST_DOMAINS_AUTOSTART = 1024
DOMAIN_XML_SECURE = 1
DOMAIN_XML_INACTIVE = 2
DOMAIN_AFFECT_LIVE = 1
DOMAIN_AFFECT_CONFIG = 2
DOMAIN_METADATA_DESCRIPTION = 0
DOMAIN_METADATA_TITLE = 1
DOMAIN_METADATA_ELEMENT = 2
DOMAIN_DESTROY_GRACEFUL = 1
DOMAIN_UNDEFINE_MANAGED_SAVE = 1
DOMAIN_UNDEFINE_SNAPSHOTS_METADATA = 2
DOMAIN_UNDEFINE_NVRAM = 4
DOMAIN_UNDEFINE_KEEP_NVRAM = 8
DOMAIN_UNDEFINE_CHECKPOINTS_METADATA = 16
DOMAIN_UNDEFINE_TPM = 32
DOMAIN_UNDEFINE_KEEP_TPM = 64
DOMAIN_PAUSED = 3
ERR_INVALID_ARG = 8
ERR_NO_DOMAIN = 42
ERR_OPERATION_INVALID = 55

POLL_SECONDS = 0.25
# A guest that is still booting does not hear the power button (seen with Linux 6.1): press it again.
ASK_AGAIN_SECONDS = 10.0

_VOLATILE = re.compile(r" state='(?:dis)?connected'")
_BALLOON = re.compile(r"(<currentMemory[^>]*>)(\d+)(?=<)")
_MEMORY = re.compile(r"<memory unit='KiB'>(\d+)<")


class Domain(Protocol):
    """What is used of libvirt.virDomain."""

    def name(self) -> str: ...
    def UUIDString(self) -> str: ...  # noqa: N802 (libvirt's name)
    def ID(self) -> int: ...  # noqa: N802
    def XMLDesc(self, flags: int) -> str: ...  # noqa: N802
    def isActive(self) -> int: ...  # noqa: N802
    def isPersistent(self) -> int: ...  # noqa: N802
    def hasManagedSaveImage(self) -> int: ...  # noqa: N802
    def autostart(self) -> int: ...
    def state(self) -> list[int]: ...
    def create(self) -> int: ...
    def resume(self) -> int: ...
    def shutdown(self) -> int: ...
    def destroy(self) -> int: ...
    def destroyFlags(self, flags: int) -> int: ...  # noqa: N802
    def undefineFlags(self, flags: int) -> int: ...  # noqa: N802
    def setAutostart(self, autostart: int) -> int: ...  # noqa: N802
    def setMetadata(self, type: int, metadata: str | None, key: str | None, uri: str | None, flags: int) -> int: ...  # noqa: N802
    def setMemoryFlags(self, memory: int, flags: int) -> int: ...  # noqa: N802
    def setVcpusFlags(self, nvcpus: int, flags: int) -> int: ...  # noqa: N802


class Connection(Protocol):
    """What is used of libvirt.virConnect."""

    def listAllDomains(self, flags: int = 0) -> list[Domain]: ...  # noqa: N802
    def lookupByName(self, name: str) -> Domain: ...  # noqa: N802
    def defineXML(self, xml: str) -> Domain: ...  # noqa: N802


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
    for domain in domains:
        uuid = domain.UUIDString()
        power = "stopped" if domain.ID() < 0 else "paused" if uuid in paused else "running"
        facts = {"!power": power, "!autostart": _word(uuid in autostart)}
        if uuid in saved:
            facts["!managedsave"] = "yes"
        if uuid in transient:
            facts["!persistent"] = "no"
        seen = _look(domain, uuid, facts)
        if seen is not None:
            yield seen


def look(handle: Handle, ref: Ref) -> Observed | None:
    """One domain by name; None if the host has none."""
    connection = cast("Connection", handle)
    try:
        domain = connection.lookupByName(ref.name)
        power = "stopped" if domain.ID() < 0 else "paused" if domain.state()[0] == DOMAIN_PAUSED else "running"
        facts = {"!power": power, "!autostart": _word(bool(domain.autostart()))}
        if domain.hasManagedSaveImage():
            facts["!managedsave"] = "yes"
        if not domain.isPersistent():
            facts["!persistent"] = "no"
    except Exception as error:
        if _code(error) == ERR_NO_DOMAIN:
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
    except Exception as error:
        if _code(error) == ERR_NO_DOMAIN:
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
    wanted, booted = _BALLOON.search(config), _MEMORY.search(live)
    if wanted is None or booted is None or int(wanted[2]) > int(booted[1]):
        return live
    return _BALLOON.sub(lambda found: found[1] + wanted[2], live, count=1)


def _code(error: Exception) -> int | None:
    """libvirt's number of an error (libvirt.libvirtError.get_error_code); None for other errors."""
    ask = getattr(error, "get_error_code", None)
    return cast("int", ask()) if callable(ask) else None


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
            _undefine(domain, step.data)
        case Start():
            _start(domain)
        case Stop():
            _stop(domain, ref, step, clock)
        case Autostart():
            domain.setAutostart(int(step.on))
        case Mark():
            _write_element(domain, definitions.OWNER, definitions.owner_mark(step.owner))
        case KindStep():
            _KIND_STEPS[step.name](domain, step)
        case _:
            assert_never(step)


def _find(connection: Connection, ref: Ref, step: Step) -> Domain | None:
    """The domain; None where it is gone and that is what the step wants."""
    try:
        return connection.lookupByName(ref.name)
    except Exception as error:
        if isinstance(step, Stop | Undefine) and _code(error) == ERR_NO_DOMAIN:
            return None
        raise


def _undefine(domain: Domain, data: bool) -> None:
    """Remove the definition and libvirt's own notes on it. Drivers that know fewer flags are asked with fewer."""
    notes = DOMAIN_UNDEFINE_MANAGED_SAVE | DOMAIN_UNDEFINE_SNAPSHOTS_METADATA | DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    nvram, tpm = (
        (DOMAIN_UNDEFINE_NVRAM, DOMAIN_UNDEFINE_TPM) if data else (DOMAIN_UNDEFINE_KEEP_NVRAM, DOMAIN_UNDEFINE_KEEP_TPM)
    )
    for flags in (notes | nvram | tpm, notes | nvram, notes):
        try:
            domain.undefineFlags(flags)
        except Exception as error:
            if _code(error) != ERR_INVALID_ARG:
                raise
            continue
        return
    domain.undefineFlags(0)


def _start(domain: Domain) -> None:
    if not domain.isActive():
        domain.create()
    elif domain.state()[0] == DOMAIN_PAUSED:
        domain.resume()


def _stop(domain: Domain, ref: Ref, step: Stop, clock: Clock) -> None:
    """Ask the guest (libvirt tries the agent, then ACPI) and wait; cut the power only if the step says so."""
    end = clock.now() + step.seconds
    ask = clock.now()
    while _is_on(domain):
        if clock.now() >= end:
            _force_off(domain, ref, step)
            return
        if clock.now() >= ask:
            ask += ASK_AGAIN_SECONDS
            _unless_off(domain.shutdown)
        if _is_on(domain):
            clock.sleep(POLL_SECONDS)


def _force_off(domain: Domain, ref: Ref, step: Stop) -> None:
    if not step.force:
        raise trouble("R606", f"{ref} did not shut down within {step.seconds} seconds and was left running")
    try:
        _unless_off(lambda: domain.destroyFlags(DOMAIN_DESTROY_GRACEFUL))
    except Exception as error:
        if _code(error) is None:
            raise
        _unless_off(domain.destroy)


def _is_on(domain: Domain) -> bool:
    try:
        return bool(domain.isActive())
    except Exception as error:
        if _code(error) == ERR_NO_DOMAIN:
            return False
        raise


def _unless_off(call: Callable[[], int]) -> None:
    """Make the call; that the domain is off or gone already is success."""
    try:
        call()
    except Exception as error:
        if _code(error) not in (ERR_OPERATION_INVALID, ERR_NO_DOMAIN):
            raise


def _write_metadata(domain: Domain, step: KindStep) -> None:
    for address, text in step.arguments.items():
        if address in ("title", "description"):
            kind = DOMAIN_METADATA_TITLE if address == "title" else DOMAIN_METADATA_DESCRIPTION
            domain.setMetadata(kind, text or None, None, None, _affect(domain))
        else:
            _write_element(domain, address.removeprefix("metadata/"), text)


def _write_element(domain: Domain, name: str, text: str) -> None:
    """Write or, with "", remove one element of the metadata; `name` is `prefix:name` or `{uri}name` (see markup)."""
    prefix, colon, _ = name.partition(":")
    if name.startswith("{") or not colon:
        prefix, uri = "x", unquote(name[1:].partition("}")[0])
    else:
        uri = markup.NAMESPACES[prefix]
    domain.setMetadata(DOMAIN_METADATA_ELEMENT, text or None, prefix, uri, _affect(domain))


def _affect(domain: Domain) -> int:
    persistent = DOMAIN_AFFECT_CONFIG if domain.isPersistent() else 0
    return persistent | (DOMAIN_AFFECT_LIVE if domain.isActive() else 0)


def _set_memory(domain: Domain, step: KindStep) -> None:
    domain.setMemoryFlags(int(step.arguments["current"]), DOMAIN_AFFECT_LIVE)


def _set_vcpus(domain: Domain, step: KindStep) -> None:
    domain.setVcpusFlags(int(step.arguments["current"]), DOMAIN_AFFECT_LIVE)


_KIND_STEPS: dict[str, Callable[[Domain, KindStep], None]] = {
    "metadata": _write_metadata,
    "memory": _set_memory,
    "vcpus": _set_vcpus,
}
