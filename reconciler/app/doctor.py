"""Whether this machine and its hosts are ready: each check with what was seen and, where it is not well, the cure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from reconciler.app import wiring
from reconciler.app.settings import Settings
from reconciler.errors import ReconcilerError
from reconciler.model.quantities import format_size

if TYPE_CHECKING:
    from reconciler.adapters.virt.readiness import Hypervisor, Machine

Level = Literal["ok", "warn", "fail"]
# Debian 11's and RHEL 8's; older ones were never tried.
OLDEST_GIT = (2, 30)
# Debian 12's and RHEL 9's; older ones were never tried.
OLDEST_LIBVIRT = (9, 0)
# Cached capabilities are answered in milliseconds; a probe of QEMU takes seconds.
SLOW_LOOKUP = 1.0
_OPEN_KVM = 'chgrp kvm /dev/kvm && chmod 660 /dev/kvm (udev\'s rule), or user = "root" in /etc/libvirt/qemu.conf'


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `cure` says what to do where the level is not ok."""

    name: str
    level: Level
    message: str
    cure: str = ""


def doctor(settings: Settings) -> tuple[Check, ...]:
    """Every check, in the order people would make them. Nothing is changed, but an embedded host is started."""
    from reconciler.adapters.virt.readiness import read_machine

    machine = read_machine()
    return (*_of_machine(machine), *_of_state(settings), *_of_host(settings, machine))


def _of_machine(machine: Machine) -> Iterator[Check]:
    yield _kvm(machine)
    if machine.kvm_mode:
        yield _kvm_permission(machine)
    yield _ksm(machine)
    if machine.swap:
        yield Check("swap", "ok", f"{format_size(machine.swap)}")
    else:
        yield Check(
            "swap", "warn", "none: memory promised beyond RAM ends in killed guests", "Add swap, or promise less."
        )
    yield _installed(machine)
    yield _git(machine.git)


def _kvm(machine: Machine) -> Check:
    if not machine.kvm_obstacle:
        return Check("kvm", "ok", "KVM works here")
    cure = "modprobe kvm_intel or kvm_amd; turn virtualisation on in the firmware or for this nested machine."
    return Check("kvm", "warn", f"{machine.kvm_obstacle}; guests are emulated, many times slower", cure)


def _kvm_permission(machine: Machine) -> Check:
    """libvirt probes QEMU as root and checks as the guests' user: where only root may open it, it probes each time."""
    seen = f"/dev/kvm is {machine.kvm_mode}, guests of the machine's libvirtd run as {machine.guest_user or 'unknown'}"
    if not machine.guest_user_shut_out:
        return Check("/dev/kvm", "ok", seen)
    message = f"{seen}, who may not open it: libvirt probes QEMU again at every define, which can take a minute"
    return Check("/dev/kvm", "warn", message, _OPEN_KVM)


def _ksm(machine: Machine) -> Check:
    if not machine.ksm:
        return Check("ksm", "ok", "this kernel does not merge equal pages")
    if not machine.ksm.get("run"):
        return Check("ksm", "ok", "off; equal pages of guests are kept many times (echo 1 > /sys/kernel/mm/ksm/run)")
    shared = machine.ksm.get("pages_sharing", 0) * os.sysconf("SC_PAGE_SIZE")
    return Check("ksm", "ok", f"on; it saves {shared >> 20} MiB now")


def _installed(machine: Machine) -> Check:
    if not machine.missing:
        return Check("packages", "ok", "libvirtd, qemu-img, dnsmasq and libvirt's schemas are here")
    cure = "apt-get install libvirt-daemon-system libvirt0 qemu-system qemu-utils dnsmasq-base"
    return Check("packages", "warn", f"missing: {', '.join(machine.missing)}", cure)


def _git(version: str) -> Check:
    if not version:
        return Check("git", "fail", "git is not installed; the ledger needs it", "apt-get install git")
    if _numbers(version) < OLDEST_GIT:
        return Check("git", "warn", f"git {version} is older than what was tried", "Install git 2.30 or newer.")
    return Check("git", "ok", f"git {version}")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _of_state(settings: Settings) -> Iterator[Check]:
    """The state directory, which is made when it is first needed, and the ledger in it."""
    place = settings.state_dir
    nearest = next(path for path in (place, *place.parents) if path.exists())
    if os.access(nearest, os.W_OK | os.X_OK):
        yield Check("state directory", "ok", f"{place} can be written")
    else:
        yield Check("state directory", "fail", f"{nearest} cannot be written", "Run as root, or pass --state-dir.")
    yield _ledger(settings)


def _ledger(settings: Settings) -> Check:
    if not settings.state_dir.exists():
        return Check("ledger", "ok", "none yet")
    try:
        host = wiring.host_name(settings.connect)
        count = len(wiring.ledger(settings, host).inventory().objects)
    except ReconcilerError as error:
        return Check("ledger", "fail", str(error), error.problems[0].entry.cure)
    return Check("ledger", "ok", f"{host} has {count} managed resources")


def _of_host(settings: Settings, machine: Machine) -> Iterator[Check]:
    """The host of the settings: whether it answers, as whom, and how fast."""
    from reconciler.adapters.virt.faults import translating
    from reconciler.adapters.virt.readiness import read_host

    name = settings.connect or "libvirt's default"
    try:
        with wiring.connection(settings, settings.connect) as handle, translating(name):
            found = read_host(handle)
    except ReconcilerError as error:
        yield Check("host", "fail", str(error), error.problems[0].entry.cure)
        return
    yield from _of_hypervisor(name, found)


def _of_hypervisor(name: str, found: Hypervisor) -> Iterator[Check]:
    message = f"{name}: libvirt {found.libvirt}, {found.type} {found.version}, read and write"
    old = _numbers(found.libvirt) < OLDEST_LIBVIRT
    yield Check("host", "warn" if old else "ok", message, "Install libvirt 9.0 or newer." if old else "")
    yield Check("domain type", "ok", f"{found.domain_type}: {found.reason}")
    if found.lookup_seconds > SLOW_LOOKUP:
        slow = f"{found.lookup_seconds:.0f} s for what should be cached: libvirt probes QEMU at every look"
        yield Check("capabilities", "warn", slow, _OPEN_KVM)
    else:
        yield Check("capabilities", "ok", f"cached, {found.lookup_seconds * 1000:.0f} ms")
    if found.idle_pools:
        names = ", ".join(found.idle_pools)
        yield Check("pools", "warn", f"not active: {names}", "virsh pool-start NAME shows why one does not start.")
    else:
        yield Check("pools", "ok", "all that start with the host are active")
