"""Whether this machine can run guests on hardware (KVM), or has to emulate them."""

from __future__ import annotations

import fcntl
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

import libvirt

from reconciler.adapters.virt.connection import is_remote

# ioctl KVM_GET_API_VERSION, and the answer since Linux 2.6.22 (Documentation/virt/kvm/api.rst, 4.1).
KVM_GET_API_VERSION, KVM_API_VERSION = 0xAE00, 12


@dataclass(frozen=True, slots=True)
class Acceleration:
    """The domain type that runs best on a host, and why, for people."""

    domain_type: str
    reason: str


def best_domain_type(connection: libvirt.virConnect) -> Acceleration:
    """`kvm` where libvirt offers it and, on this machine, it works; else `qemu`; another hypervisor's own type."""
    capabilities = connection.getCapabilities()
    if "<domain type='kvm'" in capabilities:
        if is_remote(connection.getURI()):
            return Acceleration("kvm", "libvirt offers KVM")
        obstacle = kvm_obstacle()
        return Acceleration("qemu", obstacle) if obstacle else Acceleration("kvm", "KVM works")
    if "<domain type='qemu'" in capabilities:
        return Acceleration("qemu", kvm_obstacle() or "libvirt does not offer KVM")
    return Acceleration(connection.getType().lower(), "the only type of this hypervisor")


def offers(connection: libvirt.virConnect) -> dict[str, str]:
    """What a host has for a new machine that does not say: `domain type`, `architecture`, and `why` that type."""
    best = best_domain_type(connection)
    found = re.search(r"<host>.*?<arch>([^<]+)</arch>", connection.getCapabilities(), re.DOTALL)
    return {
        "domain type": best.domain_type,
        "architecture": found[1] if found else platform.machine(),
        "why": best.reason,
    }


def kvm_obstacle(
    device: Path = Path("/dev/kvm"), cpuinfo: Path = Path("/proc/cpuinfo"), machine: str = platform.machine()
) -> str:
    """Why KVM cannot be used here, "" if it can.

    On x86 the CPU must show vmx or svm: a /dev/kvm without them is a software variant that no stock kernel boots on.
    """
    if not device.exists():
        return f"{device} does not exist: the module kvm is not loaded"
    if machine in ("x86_64", "i686") and not {"vmx", "svm"} & set(cpuinfo.read_text().split()):
        return "the CPU shows neither vmx nor svm: virtualisation is off in the firmware or not passed to this machine"
    return _answer(device)


def _answer(device: Path) -> str:
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        return f"{device} cannot be opened: {error.strerror}"
    try:
        version = fcntl.ioctl(descriptor, KVM_GET_API_VERSION)
    except OSError as error:
        return f"{device} does not answer: {error.strerror}"
    finally:
        os.close(descriptor)
    return "" if version == KVM_API_VERSION else f"{device} has KVM's API version {version}, not {KVM_API_VERSION}"
