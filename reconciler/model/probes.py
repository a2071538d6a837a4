"""Probes: what tells whether a machine is well after a change, and what follows where it is not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class AddressSource(Enum):
    """Who knows a guest's IP addresses: libvirt's DHCP server, the guest agent, the host's neighbour table."""

    LEASE = "lease"
    AGENT = "agent"
    ARP = "arp"


@dataclass(frozen=True, slots=True)
class AgentProbe:
    """The guest agent answers."""

    def __str__(self) -> str:
        return "agent"


@dataclass(frozen=True, slots=True)
class AddressProbe:
    """The guest has an IP address."""

    source: AddressSource

    def __str__(self) -> str:
        return f"address {self.source.value}"


@dataclass(frozen=True, slots=True)
class TcpProbe:
    """A TCP connection to the port can be made; at the guest's own address if `host` is ""."""

    port: int
    host: str = ""

    def __str__(self) -> str:
        return f"tcp {self.host}{':' if self.host else ''}{self.port}"


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """A GET of `url`, where `{address}` is the guest's own, has this status; 0 is any from 200 to 399."""

    url: str
    status: int = 0

    def __str__(self) -> str:
        return f"http {self.url}"


Probe = AgentProbe | AddressProbe | TcpProbe | HttpProbe


class OnFailure(Enum):
    """What follows where a change has made a machine unhealthy."""

    REPORT = "report"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True)
class Health:
    """When a machine is healthy: all probes pass, within `timeout` seconds after a change."""

    probes: tuple[Probe, ...] = ()
    timeout: int = 120
    on_failure: OnFailure = OnFailure.REPORT
