"""Health of a machine: the fields of its probes, and what libvirt can be asked of the guest inside."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from reconciler.codecs import Codec, choice, integer, text
from reconciler.errors import Problem
from reconciler.fields import Field, Group, Items
from reconciler.kind import Questions
from reconciler.kinds.domain.machine import DURATION
from reconciler.model.documents import Document
from reconciler.model.plans import RENAME, KindStep, Start, Step, Stop
from reconciler.model.probes import (
    AddressProbe,
    AddressSource,
    AgentProbe,
    Health,
    HttpProbe,
    OnFailure,
    Probe,
    TcpProbe,
)
from reconciler.model.quantities import parse_duration
from reconciler.model.refs import Ref
from reconciler.ports import Handle

# What stands for the guest's own address in a URL.
ADDRESS = "{address}"
ONE_OF = ("agent", "address", "tcp", "http")
# What means something beside one of them only.
BESIDE = {"host": "tcp", "status": "http"}
# Steps that write about a guest and do not reach into it.
QUIET = frozenset({"metadata", RENAME})

HEALTH = Group(
    name="health",
    doc="How it is told, after a change that reaches the running guest, whether the machine is well.",
    fields=(
        Field(
            name="timeout",
            at="!health/timeout",
            codec=DURATION,
            doc="How long it may take to become healthy after a change; 2m where nothing is said.",
            example="2m",
            noted=True,
        ),
        Field(
            name="onFailure",
            at="!health/onFailure",
            codec=choice(*(word.value for word in OnFailure)),
            doc="Only say so, or bring the definition of before the change back as well.",
            example="rollback",
            noted=True,
        ),
        Items(
            name="probes",
            at="!health/probe",
            doc="What has to hold, all of it; each entry has one of agent, address, tcp and http.",
            owned=False,
            example=[{"agent": True}, {"tcp": 22}, {"http": "http://{address}:8080/healthz", "status": 200}],
            fields=(
                Field(
                    name="agent",
                    at="agent",
                    codec=Codec(schema={"type": "boolean", "const": True}, lower=str, lift=bool),
                    doc="The guest agent answers.",
                    example=True,
                    noted=True,
                ),
                Field(
                    name="address",
                    at="address",
                    codec=choice(*(word.value for word in AddressSource)),
                    doc="The guest has an IP address, as libvirt's DHCP server, its agent or the ARP table knows.",
                    example="lease",
                    noted=True,
                ),
                Field(
                    name="tcp",
                    at="tcp",
                    codec=integer(1, 65535),
                    doc="A TCP connection to this port of the guest can be made from where reconciler runs.",
                    example=22,
                    noted=True,
                ),
                Field(
                    name="host",
                    at="host",
                    codec=text(pattern=r"[A-Za-z0-9:][A-Za-z0-9.:-]*"),
                    doc="The name or address to connect to, instead of the one that the guest is found to have.",
                    example="web-1.example.org",
                    noted=True,
                ),
                Field(
                    name="http",
                    at="http",
                    codec=text(pattern=r"https?://[!-~]+"),
                    doc="A GET of this URL succeeds; {address} in it is the guest's.",
                    example="http://{address}:8080/healthz",
                    noted=True,
                ),
                Field(
                    name="status",
                    at="status",
                    codec=integer(100, 599),
                    doc="The status that it has to have; any from 200 to 399 where nothing is said.",
                    example=200,
                    noted=True,
                ),
            ),
        ),
    ),
)


def read(body: Mapping[str, object]) -> Health:
    """What a valid body without contradictions says of the machine's health."""
    said, default = cast("Mapping[str, Any]", body.get("health", {})), Health()
    return Health(
        probes=tuple(_probe(entry) for entry in said.get("probes", ())),
        timeout=parse_duration(said["timeout"]) if "timeout" in said else default.timeout,
        on_failure=OnFailure(said.get("onFailure", default.on_failure.value)),
    )


def _probe(entry: Mapping[str, Any]) -> Probe:
    if "tcp" in entry:
        return TcpProbe(entry["tcp"], entry.get("host", ""))
    if "http" in entry:
        return HttpProbe(entry["http"], entry.get("status", 0))
    return AddressProbe(AddressSource(entry["address"])) if "address" in entry else AgentProbe()


def contradictions(document: Document) -> Iterator[Problem]:
    """Every probe that is none, or more than one, or whose URL leads nowhere."""
    said = cast("Mapping[str, Any]", document.body.get("health", {}))
    for position, entry in enumerate(said.get("probes", ())):
        found = [name for name in ONE_OF if name in entry]
        path = ("spec", "health", "probes", position)
        if not found:
            message = f"{document.ref}: a probe says one of agent, address, tcp and http; add one"
            yield Problem("R205", message, document.place(*path))
        elif len(found) > 1:
            message = f"{document.ref}: {' and '.join(found)} are probes of their own; make them entries of their own"
            yield Problem("R207", message, document.place(*path, found[1]))
        elif "http" in entry and not _is_url(entry["http"]):
            wanted = f"write http://HOST[:PORT]/PATH, where HOST may be {ADDRESS}"
            message = f"{document.ref}: {entry['http']} is no URL that can be asked for; {wanted}"
            yield Problem("R204", message, document.place(*path, "http"))
        for name, needed in BESIDE.items():
            if name in entry and found and needed not in found:
                message = f"{document.ref}: {name} means nothing beside {found[0]}; it belongs to {needed}"
                yield Problem("R205", message, document.place(*path, name))


def _is_url(url: str) -> bool:
    """Whether a URL names a host and a usable port, and neither a user nor anything in braces but the address."""
    try:
        parts = urlsplit(url.replace(ADDRESS, "192.0.2.1"))
        usable = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return bool(parts.hostname) and usable and "@" not in parts.netloc and not {"{", "}"} & set(parts.geturl())


class _Guest(Protocol):
    """What is used of libvirt.virDomain here."""

    def getTime(self, flags: int = 0) -> Mapping[str, int]: ...  # noqa: N802 (libvirt's name)
    def interfaceAddresses(self, source: int, flags: int = 0) -> Mapping[str, Mapping[str, Any]]: ...  # noqa: N802


class _Connection(Protocol):
    def lookupByName(self, name: str) -> _Guest: ...  # noqa: N802


# virDomainInterfaceAddressesSource of libvirt-domain.h.
_SOURCES = {AddressSource.LEASE: 0, AddressSource.AGENT: 1, AddressSource.ARP: 2}


def touches(steps: Sequence[Step]) -> bool:
    """Whether the steps reach into the running guest. A definition alone does not, nor does metadata."""
    return any(
        isinstance(step, Start | Stop) or (isinstance(step, KindStep) and step.name not in QUIET) for step in steps
    )


def answer(handle: Handle, ref: Ref) -> None:
    """Return if the guest agent answers. Raises what libvirt raises.

    It is asked for the time: that takes the same road as `qemuAgentCommand`, which would mark the domain as tainted
    (virDomainGetTime; seen with libvirt 9.0).
    """
    cast("_Connection", handle).lookupByName(ref.name).getTime()


def addresses(handle: Handle, ref: Ref, source: AddressSource) -> tuple[str, ...]:
    """The guest's IP addresses that others can reach, IPv4 first. Raises what libvirt raises.

    A lease of libvirt's DHCP server outlives the guest that had it (seen with libvirt 9.0).
    """
    found = cast("_Connection", handle).lookupByName(ref.name).interfaceAddresses(_SOURCES[source])
    listed = (each["addr"] for interface in found.values() for each in interface.get("addrs") or ())
    usable = {text: address for text in listed if _is_usable(address := ipaddress.ip_address(text))}
    return tuple(sorted(usable, key=lambda text: (usable[text].version, int(usable[text]))))


def _is_usable(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return not (address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast)


QUESTIONS = Questions(touches=touches, answer=answer, addresses=addresses)
