"""The limits of a guest that libvirt changes while it runs: where a definition has them, how libvirt's calls name them.

The names are those of libvirt-domain.h 9.0: `VIR_DOMAIN_SCHEDULER_*`, `_MEMORY_*`, `_BLKIO_*`, `_BLOCK_IOTUNE_*`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from reconciler.kind import Situation
from reconciler.model.addresses import entry_keys
from reconciler.model.documents import Address, Texts
from reconciler.model.plans import Diff

# Of libvirt's "no limit" for memory, in KiB.
UNLIMITED = "9007199254740991"

_WHO = {"": "vcpu_", "global_": "global_", "emulator_": "emulator_", "iothread_": "iothread_"}
SCHEDULER: Mapping[Address, str] = {
    "cputune/shares": "cpu_shares",
    **{f"cputune/{who}period": f"{name}period" for who, name in _WHO.items()},
    **{f"cputune/{who}quota": f"{name}quota" for who, name in _WHO.items()},
}
MEMORY: Mapping[Address, str] = {f"memtune/{name}": name for name in ("hard_limit", "soft_limit", "swap_hard_limit")}
WEIGHT = "blkiotune/weight"
# Below `blkiotune/device[PATH]`.
BLKIO_DEVICE: Mapping[str, str] = {
    "weight": "device_weight",
    "read_iops_sec": "device_read_iops_sec",
    "write_iops_sec": "device_write_iops_sec",
    "read_bytes_sec": "device_read_bytes_sec",
    "write_bytes_sec": "device_write_bytes_sec",
}
_RATES = tuple(f"{who}_{what}_sec" for what in ("bytes", "iops") for who in ("total", "read", "write"))
# Below `devices/disk[NAME]/iotune`. They are set all at once: QEMU checks them against each other.
IOTUNE = (*_RATES, *(f"{rate}_max" for rate in _RATES), *(f"{rate}_max_length" for rate in _RATES), "size_iops_sec")
IOTUNE_GROUP = "group_name"

# `enum virDomainLifecycle` and `virDomainLifecycleAction`.
LIFECYCLE: Mapping[Address, int] = {"on_poweroff": 0, "on_reboot": 1, "on_crash": 2}
LIFECYCLE_ACTIONS: Mapping[str, int] = {
    "destroy": 0,
    "restart": 1,
    "rename-restart": 2,
    "preserve": 3,
    "coredump-destroy": 4,
    "coredump-restart": 5,
}

PIN = re.compile(r"cputune/(vcpu|emulator|iothread)pin(?:\[(\d+)\])?(?:@.*)?")
IOTHREAD_OF = re.compile(r"devices/(disk|controller)\[\]/driver@iothread")
# What means "as if nobody had said anything", and is shown in the running definition as if somebody had.
_UNSET: Mapping[Address, str] = {
    **{address: "100000" for address in SCHEDULER if address.endswith("period")},
    **{address: "-1" for address in SCHEDULER if address.endswith("quota")},
    **dict.fromkeys(MEMORY, UNLIMITED),
}
_STUCK = re.compile(r"cputune/shares|blkiotune/weight|numatune/.*|devices/disk\[[^]]*\]/iotune/group_name")


def can_be_unset(address: Address) -> bool:
    """Whether a running guest can be brought back to where nobody had set this limit.

    CPU shares and I/O weights rest at numbers that depend on the host's cgroups; a throttling group has no way out.
    """
    return _STUCK.fullmatch(address) is None


def unset(address: Address) -> str:
    """The value that takes a limit away."""
    return _UNSET.get(address, "0")


def threads(texts: Texts) -> list[int]:
    """The numbers of a guest's I/O threads; a definition that does not list them has them from 1 on."""
    listed = [int(key) for key in entry_keys(texts, "iothreadids/iothread")]
    return listed or list(range(1, int(texts.get("iothreads", "0")) + 1))


def touched(diff: Diff, situation: Situation) -> tuple[Address, ...]:
    """The leaves that a difference is about: of an element that comes or goes as a whole, all that are in it."""
    if "@" in diff.address:
        return (diff.address,)
    known = dict.fromkeys((*situation.live, *situation.texts, *situation.spec.claims))
    inside = (f"{diff.address}/", f"{diff.address}@", f"{diff.address}[")
    return tuple(address for address in known if address == diff.address or address.startswith(inside))
