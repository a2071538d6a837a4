"""A running guest's limits, threads and answers to its own end, set by libvirt's calls for them.

Each is called for the live guest alone: the definition is written as a whole, and libvirt-python's setters for limits
refuse to do both at once (code 8, its getter is called with the same flags).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import permutations

from reconciler.errors import trouble
from reconciler.kinds.domain import xml
from reconciler.kinds.domain.handle import (
    DOMAIN_AFFECT_LIVE,
    ERR_CONFIG_UNSUPPORTED,
    ERR_OPERATION_TIMEOUT,
    Domain,
)
from reconciler.kinds.domain.tunables import IOTUNE_GROUP, LIFECYCLE, LIFECYCLE_ACTIONS
from reconciler.model.plans import KindStep
from reconciler.model.refs import Ref
from reconciler.ports import error_code

LIVE = DOMAIN_AFFECT_LIVE


def memory(domain: Domain, step: KindStep) -> None:
    domain.setMemoryFlags(int(step.arguments["current"]), LIVE)


def vcpus(domain: Domain, ref: Ref, step: KindStep) -> None:
    """Raises R611 where the guest gives none back."""
    try:
        domain.setVcpusFlags(int(step.arguments["current"]), LIVE)
    except Exception as error:
        if error_code(error) != ERR_OPERATION_TIMEOUT:
            raise
        raise trouble("R611", f"{ref} has not given its vCPUs back yet; it was asked to") from error


def scheduler(domain: Domain, step: KindStep) -> None:
    domain.setSchedulerParametersFlags(_numbers(step.arguments), LIVE)


def memory_limits(domain: Domain, step: KindStep) -> None:
    domain.setMemoryParameters(_numbers(step.arguments), LIVE)


def memory_nodes(domain: Domain, step: KindStep) -> None:
    domain.setNumaParameters({"numa_nodeset": step.arguments["numatune/memory@nodeset"]}, LIVE)


def block_weights(domain: Domain, step: KindStep) -> None:
    """One call for each: libvirt takes only one disk of a kind of limit at a time."""
    for name, value in step.arguments.items():
        parameter, _, path = name.partition(" ")
        domain.setBlkioParameters({parameter: f"{path},{value}" if path else int(value)}, LIVE)


def iotune(domain: Domain, step: KindStep) -> None:
    arguments = dict(step.arguments)
    disk, group = arguments.pop("disk"), arguments.pop(IOTUNE_GROUP, "")
    named = {IOTUNE_GROUP: group} if group else {}
    domain.setBlockIoTune(disk, {**_numbers(arguments), **named}, LIVE)


def iothreads(domain: Domain, step: KindStep) -> None:
    for thread, what in step.arguments.items():
        change = domain.addIOThread if what == "add" else domain.delIOThread
        change(int(thread), LIVE)


def balloon_statistics(domain: Domain, step: KindStep) -> None:
    (period,) = step.arguments.values()
    domain.setMemoryStatsPeriod(int(period), LIVE)


def pin(domain: Domain, step: KindStep) -> None:
    """Bind threads to CPUs of the host; no CPUs are all of them."""
    count = domain.connect().getInfo()[2]
    for thread, cpuset in step.arguments.items():
        wanted = xml.numbers(cpuset) if cpuset else frozenset(range(count))
        cpus = tuple(cpu in wanted for cpu in range(max(count, *(cpu + 1 for cpu in wanted))))
        kind, _, number = thread.partition(" ")
        if kind == "emulator":
            domain.pinEmulator(cpus, LIVE)
        else:
            (domain.pinVcpuFlags if kind == "vcpu" else domain.pinIOThread)(int(number), cpus, LIVE)


def lifecycle(domain: Domain, step: KindStep) -> None:
    """What follows the guest's end. QEMU's driver allows some pairs only, so the order may matter on the way."""
    orders = list(permutations(step.arguments.items()))
    for order in orders:
        try:
            for at, action in order:
                domain.setLifecycleAction(LIFECYCLE[at], LIFECYCLE_ACTIONS[action], LIVE)
        except Exception as error:
            if error_code(error) != ERR_CONFIG_UNSUPPORTED or order == orders[-1]:
                raise
            continue
        return


def _numbers(arguments: Mapping[str, str]) -> dict[str, int]:
    return {name: int(value) for name, value in arguments.items()}


STEPS: dict[str, Callable[[Domain, KindStep], None]] = {
    "memory": memory,
    "scheduler": scheduler,
    "memory limits": memory_limits,
    "memory nodes": memory_nodes,
    "block weights": block_weights,
    "iotune": iotune,
    "iothreads": iothreads,
    "balloon statistics": balloon_statistics,
    "pin": pin,
    "lifecycle": lifecycle,
}
