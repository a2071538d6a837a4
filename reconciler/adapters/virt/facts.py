"""What a host has: asked of libvirt, and of the machine itself where the host is this one."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import libvirt

from reconciler import markup
from reconciler.adapters.virt.connection import is_remote
from reconciler.adapters.virt.embedded_home import Home
from reconciler.adapters.virt import embedded
from reconciler.kind import Facts

MIB = 1 << 20
# ioctl KVM_GET_API_VERSION, and the version it has had since Linux 2.6.22 (Documentation/virt/kvm/api.rst).
KVM_GET_API_VERSION, KVM_API_VERSION = 0xAE00, 12
_SOCKET = "run/libvirt/libvirt-sock"


@dataclass(frozen=True, slots=True)
class Acceleration:
    """Which domain type runs best on a host, and the reason for people."""

    domain_type: str
    reason: str


class Rows(Mapping[str, str]):
    """A table that is asked for when somebody looks, once."""

    def __init__(self, ask: Callable[[], dict[str, str]]) -> None:
        self._ask = ask

    @cached_property
    def _rows(self) -> dict[str, str]:
        return self._ask()

    def __getitem__(self, key: str) -> str:
        return self._rows[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def supply(connection: libvirt.virConnect) -> dict[str, int]:
    """What machines can be promised: `cpus`, and bytes of `memory`, `swap` and of what same-page merging saves (`merged`).

    Swap and merging are 0 where libvirt cannot tell (a remote host's swap).
    """
    info = connection.getInfo()
    local = not is_remote(connection.getURI())
    # getInfo counts RAM in MiB, virNodeGetMemoryStats in KiB; the test driver has only the first.
    stats = _or(dict[str, int](), partial(connection.getMemoryStats, libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS))
    shared = _or(dict[str, int](), connection.getMemoryParameters).get("shm_pages_sharing", 0)
    return {
        "cpus": int(info[2]),
        "memory": stats.get("total", 0) * 1024 or int(info[1]) * MIB,
        "swap": _swap() if local else 0,
        "merged": shared * os.sysconf("SC_PAGE_SIZE"),
    }


def _swap() -> int:
    match = re.search(r"^SwapTotal:\s+(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def gather(connection: libvirt.virConnect) -> Facts:
    """What the host has, for preflight: lists at once, tables that cost more (`machines`, `volumes`) when they are read.

    What the driver does not support is None. A name that appears after the call is not seen.
    """
    amounts = supply(connection)
    stats = _or(dict[str, int](), partial(connection.getMemoryStats, libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS))
    pools = _or(None, connection.listAllStoragePools)
    networks = _or(None, connection.listAllNetworks)
    filters = _or(None, connection.listAllNWFilters)
    domain = _or(None, partial(_domain_capabilities, connection))
    return Facts(
        cpus=amounts["cpus"],
        memory=amounts["memory"],
        free_memory=(stats.get("free", 0) + stats.get("buffers", 0) + stats.get("cached", 0)) * 1024,
        swap=amounts["swap"],
        domain_types=_or(None, partial(_domain_types, connection)),
        machines=Rows(partial(_machines, connection)),
        cpu_models=_texts(domain, "cpu/mode[@name='custom']/model"),
        firmwares=_texts(domain, "os/enum[@name='firmware']/value"),
        networks=None if networks is None else {found.name(): bool(found.isActive()) for found in networks},
        pools=None if pools is None else {found.name(): bool(found.isActive()) for found in pools},
        volumes=None if pools is None else Rows(partial(_volumes, pools)),
        nwfilters=None if filters is None else frozenset(found.name() for found in filters),
        interfaces=_interfaces(connection),
        exists=partial(exists, connection),
    )


def _or[T, D](default: D, ask: Callable[[], T]) -> T | D: ...
