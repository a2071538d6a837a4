"""Readings of this machine and of one host, for `app.doctor` to judge."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pwd import getpwnam

import libvirt

from reconciler.adapters.virt import acceleration, facts

KVM = Path("/dev/kvm")
KSM = Path("/sys/kernel/mm/ksm")
QEMU_CONF = Path("/etc/libvirt/qemu.conf")
SCHEMAS = Path("/usr/share/libvirt/schemas")
# The user that QEMU runs as where qemu.conf names none: Debian's and Fedora's builds (qemu_conf.c, QEMU_USER).
DEFAULT_USERS = ("libvirt-qemu", "qemu")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """This machine. `kvm_obstacle` and `guest_user_obstacle` are "" where there is none; `ksm` is empty without KSM.

    `missing` are programs and files that are not installed; `git` is a version, "" without git; `swap` is in bytes.
    """

    kvm_obstacle: str
    kvm_mode: str
    guest_user: str
    guest_user_shut_out: bool
    ksm: Mapping[str, int]
    swap: int
    missing: tuple[str, ...]
    git: str


@dataclass(frozen=True, kw_only=True)
class Hypervisor:
    """One host. `lookup_seconds` is what asking for capabilities costs when they should be cached."""

    type: str
    libvirt: str
    version: str
    domain_type: str
    reason: str
    lookup_seconds: float
    idle_pools: tuple[str, ...]


def read_machine() -> Machine:
    """The readings of this machine; nothing is changed, and nothing can fail."""
    user = guest_user(QEMU_CONF)
    return Machine(
        kvm_obstacle=acceleration.kvm_obstacle(),
        kvm_mode=_mode(KVM),
        guest_user=user,
        guest_user_shut_out=KVM.exists() and not may_open(KVM, user),
        ksm=_numbers(KSM),
        swap=facts.swap(),
        missing=_missing(),
        git=_git_version(),
    )


def guest_user(conf: Path) -> str:
    """The user that QEMU runs as under the machine's own libvirtd; "" where that cannot be told."""
    try:
        match = re.search(r'^\s*user\s*=\s*"\+?([^"]+)"', conf.read_text(), re.MULTILINE)
    except OSError:
        return ""
    return match[1] if match else next(filter(_known, DEFAULT_USERS), "root")


def _known(user: str) -> bool:
    try:
        return bool(getpwnam(user))
    except KeyError:
        return False


def may_open(path: Path, user: str) -> bool:
    """Whether a user may read and write a file by its mode; True for a user nobody knows."""
    if user in ("", "root", "0") or not _known(user):
        return True
    about, account = path.stat(), getpwnam(user)
    if about.st_uid == account.pw_uid:
        wanted = stat.S_IRUSR | stat.S_IWUSR
    elif about.st_gid in os.getgrouplist(user, account.pw_gid):
        wanted = stat.S_IRGRP | stat.S_IWGRP
    else:
        wanted = stat.S_IROTH | stat.S_IWOTH
    return about.st_mode & wanted == wanted


def _mode(path: Path) -> str:
    return stat.filemode(path.stat().st_mode) if path.exists() else ""


def _numbers(directory: Path) -> dict[str, int]:
    """The files of a sysfs directory that hold a number."""
    texts = {path.name: path.read_text().strip() for path in directory.glob("*")}
    return {name: int(value) for name, value in texts.items() if value.isdecimal()}


def _missing() -> tuple[str, ...]:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/libexec"
    programs = [name for name in ("libvirtd", "qemu-img", "dnsmasq") if not shutil.which(name, path=path)]
    return (*programs, *([] if (SCHEMAS / "domain.rng").exists() else [str(SCHEMAS)]))


def _git_version() -> str:
    try:
        said = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
    match = re.search(r"\d+(\.\d+)+", said)
    return match[0] if match else ""


def read_host(connection: libvirt.virConnect) -> Hypervisor:
    """The readings of an open host. Raises what libvirt raises."""
    best = acceleration.best_domain_type(connection)
    began = time.monotonic()
    connection.getCapabilities()
    spent = time.monotonic() - began
    pools = facts.ask(connection.listAllStoragePools) or []
    return Hypervisor(
        type=connection.getType(),
        libvirt=_dotted(connection.getLibVersion()),
        version=_dotted(connection.getVersion()),
        domain_type=best.domain_type,
        reason=best.reason,
        lookup_seconds=spent,
        idle_pools=tuple(sorted(pool.name() for pool in pools if pool.autostart() and not pool.isActive())),
    )


def _dotted(version: int) -> str:
    """libvirt's numbers as people write them: 9000000 is 9.0.0."""
    return f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"
