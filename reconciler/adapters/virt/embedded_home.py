"""Where an embedded host keeps its things, what its daemon is told, and which processes are its own."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import stat
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import trouble

# sun_path holds 108 bytes with the closing zero (unix(7)).
SOCKET_PATH_BYTES = 107
# The machine's boot that the runtime directory belongs to.
BOOT = "boot_id"


@dataclass(frozen=True, kw_only=True, slots=True)
class Home:
    """One embedded host: its name, which is its machine's host name too, and its directory.

    After `idle_seconds` without a client and a running machine its daemon stops by itself.
    """

    name: str
    directory: Path
    idle_seconds: int

    @property
    def digest(self) -> str:
        """What tells this host from all others on the machine."""
        return hashlib.sha256(f"{os.geteuid()}:{self.directory}".encode()).hexdigest()[:10]

    @property
    def uuid(self) -> str:
        """The host's UUID, which migration and libvirt's clients tell hosts apart by."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, self.directory.as_uri()))

    @property
    def alias(self) -> Path:
        """A short name for the directory: a link, for sockets whose own path would be too long."""
        return Path("/tmp") / f"rec-{self.digest}"

    @property
    def log(self) -> Path:
        return self.directory / "log" / "libvirtd.log"

    @property
    def output(self) -> Path:
        """What the daemon and its script print."""
        return self.directory / "log" / "output"


def shorten(home: Home) -> Path:
    """The alias, made if it is missing. Raises R607 where the name is taken: /tmp belongs to everybody."""
    alias = home.alias
    if not os.path.lexists(alias):
        alias.symlink_to(home.directory)
    about = alias.lstat()
    if not stat.S_ISLNK(about.st_mode) or about.st_uid != os.geteuid() or alias.readlink() != home.directory:
        raise trouble("R607", f"{alias} is not the link that {home.name} needs; remove it", home.name)
    return alias


def daemon_conf(home: Home, log: Path) -> str:
    """libvirtd.conf: sockets for this user alone, no network listener, its own UUID, its log (libvirt 9.0)."""
    return (
        f'host_uuid = "{home.uuid}"\n'
        'unix_sock_rw_perms = "0700"\n'
        'unix_sock_ro_perms = "0700"\n'
        'unix_sock_admin_perms = "0700"\n'
        'auth_unix_rw = "none"\n'
        'auth_unix_ro = "none"\n'
        "max_clients = 500\n"
        "max_anonymous_clients = 500\n"
        "log_level = 3\n"
        f'log_outputs = "3:file:{log}"\n'
    )


def qemu_conf(*settings: str) -> str:
    """qemu.conf: nothing that reaches outside (virtlogd, AppArmor profiles, huge page mounts), and these settings."""
    common = (
        'stdio_handler = "file"',
        'security_driver = "none"',
        "remember_owner = 0",
        "hugetlbfs_mount = []",
        'vnc_listen = "127.0.0.1"',
        'spice_listen = "127.0.0.1"',
    )
    return "\n".join((*common, *settings)) + "\n"


def write(path: Path, text: str) -> None:
    """The file with this text, and the directories above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def seed_capabilities(own: Path, sources: Iterable[Path]) -> None:
    """Copy what another libvirtd knows of QEMU: probing takes seconds. libvirt checks that it still holds."""
    if own.is_dir() and any(own.iterdir()):
        return
    for source in sources:
        try:
            shutil.copytree(source, own, dirs_exist_ok=True)
        except OSError:
            continue
        if any(own.iterdir()):
            return


def forget_last_boot(home: Home, run: Path) -> None:
    """Empty the runtime directory if the machine has restarted: pid files and autostart marks are of another life."""
    mark = home.directory / BOOT
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    if not mark.exists() or mark.read_text() != boot:
        shutil.rmtree(run, ignore_errors=True)
        mark.write_text(boot)


def processes(belongs: Callable[[Path], bool]) -> tuple[int, ...]:
    """The processes whose directory in /proc `belongs`; those that end meanwhile, or are another's, do not."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            if belongs(entry):
                found.append(int(entry.name))
        except OSError:
            continue
    return tuple(sorted(found))


def program(pid: int) -> str:
    """The name of the program that a process runs, "" if it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def is_daemon(pid: int) -> bool:
    """Whether this process is a libvirtd."""
    return program(pid) == "libvirtd"


def end(members: Callable[[], tuple[int, ...]], seconds: float) -> None:
    """End these processes: asked first (QEMU writes its disks out on SIGTERM), killed after `seconds`.

    The daemon goes first, so that it restarts and reports nothing.
    """
    found = members()
    for pid in sorted(found, key=lambda pid: not is_daemon(pid)):
        send(pid, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while members() and time.monotonic() < deadline:
        time.sleep(0.02)
    for pid in members():
        send(pid, signal.SIGKILL)
    while members() and time.monotonic() < deadline + seconds:
        time.sleep(0.02)


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal; a process that has ended already needs none."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
