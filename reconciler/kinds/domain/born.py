"""What a new domain starts with where its document says nothing."""

from __future__ import annotations

import re

from reconciler.kinds.domain import devices
from reconciler.kinds.domain.machine import PORTS
from reconciler.model.documents import Address, Claims, Spec

_X86 = ("x86_64", "i686")
_MACHINES = {"x86_64": "q35", "i686": "q35", "aarch64": "virt", "riscv64": "virt"}
_PCIE = ("q35", "virt")
_ROOT = "devices/controller[pci]"
_VERSIONED = re.compile(r"^(?:pc-)?(q35|virt)-[0-9.]+$")
# Room for a document that says nothing about memory: libvirt demands a number.
_MEMORY = str(1 << 20)
# Ports to plug devices into later: libvirt 9.0 adds only as many as a definition uses. Each makes the definition
# 0.24 KiB longer, 0.1 ms slower to store and 0.02 ms slower to read; few guests get more devices than this at once.
SPARE_PORTS = 4
# What takes a port of its own besides the listed devices: the USB controller and the balloon.
_BUILT_IN = 2
_PLUGGED = re.compile(
    r"devices/(interface|hostdev|filesystem|rng|vsock|tpm|shmem)(\[[^]]*\])?|devices/controller\[scsi[^]]*\]"
)


def born(spec: Spec) -> dict[Address, str]:
    """The values for addresses that nobody claims. A whole XML file means what it says, so it gets none.

    The hypervisor and the architecture are the host's affair: hints for `@type` and `os/type@arch` say what it has.
    """
    if "name" in spec.claims:
        return {}
    known: dict[Address, str | None] = {"name": spec.ref.name, **spec.hints, **spec.claims}
    kind, arch = known.get("@type") or "kvm", known.get("os/type@arch") or "x86_64"
    values = {
        "@type": kind,
        "os/type": "exe" if kind == "lxc" else "hvm",
        "vcpu": known.get("vcpu@current") or "1",
        "memory": known.get("currentMemory") or _MEMORY,
        "memory@unit": "KiB",
        "clock@offset": "utc",
    }
    if kind not in ("kvm", "qemu"):
        return {**values, **(devices.AGENT_BORN if known.get(devices.AGENT_AT) is not None else {})}
    if arch in _MACHINES:
        values["os/type@machine"] = _MACHINES[arch]
    if arch in _X86:
        values |= {"features/acpi": "", "features/apic": ""}
    if "devices/serial" not in spec.lists and not any(
        at.startswith(("devices/serial[", "devices/console[")) for at in known
    ):
        values |= {"devices/serial[0]": "", "devices/serial[0]@type": "pty"}
    full: dict[Address, str | None] = {**values, **known}
    values |= devices.born(full)
    return {**values, **_ports({**values, **known})}


def _has(known: Claims, *starts: str) -> bool:
    return any(address.startswith(starts) for address in known)


def _ports(known: Claims) -> dict[Address, str]:
    """As many root ports as the document says; else those for what is there and for some that may come."""
    machine = _VERSIONED.sub(r"\1", known.get("os/type@machine") or "")
    if machine not in _PCIE or _has(known, "devices/controller[pci"):
        return {}
    count = int(known.get(PORTS) or _used(known) + SPARE_PORTS)
    ports = {_ROOT: "", f"{_ROOT}@type": "pci", f"{_ROOT}@index": "0", f"{_ROOT}@model": "pcie-root"}
    for number in range(1, count + 1):
        port = f"devices/controller[pci#{number}]"
        ports |= {port: "", f"{port}@type": "pci", f"{port}@model": "pcie-root-port"}
    return ports


def _used(known: Claims) -> int:
    """How many ports the devices take."""
    buses = (text for at, text in known.items() if at.startswith("devices/disk[") and at.endswith("/target@bus"))
    plugged = sum(_PLUGGED.fullmatch(address) is not None for address in known)
    return _BUILT_IN + list(buses).count("virtio") + plugged + _has(known, "devices/channel")
