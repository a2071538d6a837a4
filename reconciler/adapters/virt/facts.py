"""What a host has: asked of libvirt, and of the machine itself where the host is this one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import libvirt

from reconciler import markup
from reconciler.adapters.virt import embedded
from reconciler.adapters.virt.abilities import abilities
from reconciler.adapters.virt.connection import is_remote
from reconciler.kind import Facts
from reconciler.markup import Element
from reconciler.naming import secret_name

MIB = 1 << 20
# What a driver without such objects, or a read-only connection, answers.
UNSUPPORTED = frozenset({libvirt.VIR_ERR_NO_SUPPORT, libvirt.VIR_ERR_OPERATION_UNSUPPORTED})
# libvirt-secret.h: virSecretUsageType.
_SECRET_USES = {"volume": 1, "ceph": 2, "iscsi": 3, "tls": 4, "vtpm": 5}
_Answer = TypeVar("_Answer")


class Rows(Mapping[str, str]):
    """A table that is asked for when somebody looks, once."""

    def __init__(self, fetch: Callable[[], dict[str, str]]) -> None:
        self._fetch = fetch

    @cached_property
    def _rows(self) -> dict[str, str]:
        return self._fetch()

    def __getitem__(self, key: str) -> str:
        return self._rows[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def supply(connection: libvirt.virConnect) -> dict[str, int]:
    """What machines can be promised: `cpus`, and bytes of `memory`, `swap` and of what merging saves (`merged`).

    Swap and merging are 0 where libvirt cannot tell (a remote host's swap).
    """
    info = connection.getInfo()
    merging = ask(lambda: connection.getMemoryParameters(0)) or {}
    return {
        "cpus": int(info[2]),
        "memory": _memory(connection).get("total", 0) or int(info[1]) * MIB,
        "swap": swap() if is_local(connection) else 0,
        "merged": int(merging.get("shm_pages_sharing", 0)) * os.sysconf("SC_PAGE_SIZE"),
    }


def is_local(connection: libvirt.virConnect) -> bool:
    """Whether the host's files and devices are this machine's. Those of libvirt's test driver are nobody's."""
    return not is_remote(connection.getURI()) and connection.getType() != "TEST"


def _memory(connection: libvirt.virConnect) -> dict[str, int]:
    """virNodeGetMemoryStats in bytes (libvirt counts KiB); empty where the driver has none."""
    stats = ask(lambda: connection.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS)) or {}
    return {name: int(value) * 1024 for name, value in stats.items()}


def swap() -> int:
    match = re.search(r"^SwapTotal:\s+(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def gather(connection: libvirt.virConnect) -> Facts:
    """What the host has, for preflight. What its driver does not know is None; `volumes` are listed when first read."""
    amounts, memory = supply(connection), _memory(connection)
    pools = ask(connection.listAllStoragePools)
    networks = ask(connection.listAllNetworks)
    filters = ask(connection.listAllNWFilters)
    capabilities = markup.parse(connection.getCapabilities())
    return Facts(
        cpus=amounts["cpus"],
        memory=amounts["memory"],
        free_memory=sum(memory.get(part, 0) for part in ("free", "buffers", "cached")),
        swap=amounts["swap"],
        domain_types=frozenset(str(found.get("type")) for found in capabilities.iterfind("guest/arch/domain")),
        machines=_machines(capabilities),
        networks=None if networks is None else {found.name(): bool(found.isActive()) for found in networks},
        pools=None if pools is None else {found.name(): bool(found.isActive()) for found in pools},
        volumes=None if pools is None else Rows(partial(_volumes, pools)),
        secrets=_secrets(connection),
        nwfilters=None if filters is None else frozenset(found.name() for found in filters),
        interfaces=_interfaces(connection),
        exists=partial(exists, connection),
        abilities=cache(partial(abilities, connection)),
    )


def _secrets(connection: libvirt.virConnect) -> frozenset[str] | None:
    """Every secret twice: by what it is for, and by its UUID."""
    found = ask(connection.listAllSecrets)
    if found is None:
        return None
    uses = {number: name for name, number in _SECRET_USES.items()}
    named = {secret_name(uses.get(each.usageType(), ""), each.usageID(), each.UUIDString()) for each in found}
    return frozenset(named | {f"uuid/{each.UUIDString()}" for each in found})


def ask(question: Callable[[], _Answer]) -> _Answer | None:
    """The answer; None where the driver has no such thing. Other errors pass."""
    try:
        return question()
    except libvirt.libvirtError as error:
        if error.get_error_code() in UNSUPPORTED:
            return None
        raise


def _machines(capabilities: Element) -> dict[str, str] | None:
    """Every machine of every architecture: alias or name -> name; None for a driver that lists none."""
    found = capabilities.iterfind("guest/arch//machine")
    return {str(machine.text): machine.get("canonical", str(machine.text)) for machine in found} or None


def _volumes(pools: list[libvirt.virStoragePool]) -> dict[str, str]:
    """`pool/name` -> path of every volume in an active pool."""
    active = (pool for pool in pools if pool.isActive())
    return {f"{pool.name()}/{volume.name()}": volume.path() for pool in active for volume in pool.listAllVolumes()}


def _interfaces(connection: libvirt.virConnect) -> frozenset[str] | None:
    """Network devices of the host by name; those of an embedded host live in its own namespace and come from libvirt.

    None for a remote host: its bridges are listed only where netcf or udev is built in, so absence would prove nothing.
    """
    if not is_local(connection):
        return None
    if _embedded_directory(connection) is not None:
        listed = ask(connection.listAllInterfaces)
        return None if listed is None else frozenset(found.name() for found in listed)
    return frozenset(path.name for path in Path("/sys/class/net").iterdir())


def exists(connection: libvirt.virConnect, path: str) -> bool | None:
    """Whether the host has a file at this path; None where that cannot be told."""
    if not is_local(connection):
        return _known_volume(connection, path)
    directory = _embedded_directory(connection)
    try:
        (embedded.visible(directory, path) if directory else Path(path)).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return None
    return True


def _known_volume(connection: libvirt.virConnect, path: str) -> bool | None:
    """True where a pool knows the path; a path outside all pools may well exist."""
    try:
        connection.storageVolLookupByPath(path)
    except libvirt.libvirtError as error:
        if error.get_error_code() in UNSUPPORTED | {libvirt.VIR_ERR_NO_STORAGE_VOL}:
            return None
        raise
    return True


def _embedded_directory(connection: libvirt.virConnect) -> Path | None:
    """The directory of the embedded host behind a connection; None for other hosts."""
    sockets = parse_qs(urlsplit(connection.getURI()).query).get("socket")
    return embedded.directory_of(Path(sockets[0])) if sockets else None
