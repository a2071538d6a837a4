"""Overcommit, seen before it hurts: what a host's machines are promised against what it has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reconciler.kind import Weight
from reconciler.model.plans import Capacity
from reconciler.model.quantities import format_size

# QEMU's own memory beside the guest's: measured 60-120 MiB of private memory for a small q35 guest, growing with
# page tables (1/512 of the guest) and video memory.
QEMU_OVERHEAD = 96 << 20
PAGE_TABLES = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class Supply:
    """What a host has: CPUs, bytes of RAM, swap, and what kernel same-page merging saves now."""

    cpus: int
    memory: int
    swap: int = 0
    merged: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much may be promised: times the CPUs, times the RAM; None: only warned about."""

    cpu: float | None = None
    memory: float | None = None


def measure(host: str, supply: Supply, weights: Iterable[Weight], limits: Limits) -> Capacity:
    """Promises against supply for one host; `weights` are all its machines as they would be after the plan."""
    machines = list(weights)
    vcpus = sum(machine.vcpus for machine in machines)
    committed = sum(_with_overhead(machine.memory) for machine in machines)
    at_most = sum(_with_overhead(machine.memory_max) for machine in machines)
    return Capacity(
        host=host,
        cpus=supply.cpus,
        vcpus=vcpus,
        memory=supply.memory,
        committed=committed,
        warnings=(*_memory(supply, committed, at_most), *_over_limits(supply, limits, vcpus, committed)),
    )


def _with_overhead(memory: int) -> int:
    return memory + memory // PAGE_TABLES + QEMU_OVERHEAD if memory else 0


def _memory(supply: Supply, committed: int, at_most: int) -> Iterator[str]:
    if not supply.memory or committed <= supply.memory:
        if supply.memory and at_most > supply.memory:
            yield f"memory fits, but not with all guests at their maximum ({_size(at_most)} of {_size(supply.memory)})"
        return
    missing = committed - supply.memory
    relief = supply.swap + supply.merged
    parts = f"swap {_size(supply.swap)}, merged pages {_size(supply.merged)}"
    if missing <= relief:
        yield f"memory is promised {_size(missing)} beyond RAM; covered by {parts}"
    else:
        yield f"memory is promised {_size(missing)} beyond RAM and only {_size(relief)} can be found ({parts})"


def _over_limits(supply: Supply, limits: Limits, vcpus: int, committed: int) -> Iterator[str]:
    if limits.cpu is not None and vcpus > supply.cpus * limits.cpu:
        yield f"{vcpus} vCPUs exceed the policy of {limits.cpu:g} for each of {supply.cpus} CPUs"
    if limits.memory is not None and committed > supply.memory * limits.memory:
        yield f"memory of {_size(committed)} exceeds the policy of {limits.memory:g} times {_size(supply.memory)}"


def exceeded(capacity: Capacity, limits: Limits) -> bool:
    """Whether the host's policy refuses new promises."""
    cpu = limits.cpu is not None and capacity.vcpus > capacity.cpus * limits.cpu
    memory = limits.memory is not None and capacity.committed > capacity.memory * limits.memory
    return cpu or memory


def _size(count: int) -> str:
    """A size to one figure after the point, for reading."""
    gib = count / (1 << 30)
    return f"{gib:.1f}GiB" if gib >= 0.1 else format_size(count)
