"""The embedded host of root: a libvirtd in its own mount, UTS, network and cgroup namespaces.

Directories of the host are bound over libvirt's own inside the mount namespace, which nobody else sees. The network
namespace has no name: it lives in its processes (dnsmasq, QEMU, the script that waits for the daemon), and a daemon
that starts again enters it through one of them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import join, quote

from reconciler.adapters.virt import embedded_home
from reconciler.adapters.virt.embedded_home import SOCKET_PATH_BYTES, Home, write

CGROUPS = Path("/sys/fs/cgroup")
NWFILTERS = Path("/etc/libvirt/nwfilter")
# Our directory -> what libvirtd takes it for. /run hides D-Bus, machined, firewalld and polkit too, and comes last.
BINDS: Mapping[str, str] = {
    "hosts": "/etc/hosts",
    "passwd": "/etc/passwd",
    "group": "/etc/group",
    "etc": "/etc/libvirt",
    "lib": "/var/lib/libvirt",
    "cache": "/var/cache/libvirt",
    "log": "/var/log/libvirt",
    "run": "/run",
}
KEEPER = "sleep"
# Below libvirt's cache directory (qemu_conf.c).
CAPABILITIES = "qemu/capabilities"
# One guest user for all: the owner of the state directory. /dev/kvm's group and libvirt-qemu play no part.
GUEST_NAME = "libvirt-qemu"
GUEST_USER = ('user = "root"', 'group = "root"')


def socket(home: Home) -> Path:
    """The daemon's socket as the machine sees it, by the short name where the long one is too long."""
    path = home.directory / "run/libvirt/libvirt-sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
        return path
    return embedded_home.shorten(home) / "run/libvirt/libvirt-sock"


def members(home: Home) -> tuple[int, ...]:
    """The processes of this host: those whose /run/libvirt is ours, whatever their pid files say."""
    try:
        ours = (home.directory / "run/libvirt").stat()
    except FileNotFoundError:
        return ()

    def belongs(entry: Path) -> bool:
        theirs = (entry / "root/run/libvirt").stat()
        return os.path.samestat(ours, theirs)

    # A process in the machine's own mount namespace sees the machine's /run/libvirt there, never ours.
    return embedded_home.processes(belongs)


def prepare(home: Home) -> None:
    """The directories and settings that the daemon starts with."""
    embedded_home.forget_last_boot(home, home.directory / "run")
    fresh = not (home.directory / "etc").exists()
    for name in ("etc/qemu", "etc/secrets", "etc/nwfilter", "run/libvirt", "lib/images", "cache", "log"):
        (home.directory / name).mkdir(parents=True, exist_ok=True)
    if fresh and NWFILTERS.is_dir():
        for shipped in sorted(NWFILTERS.glob("*.xml")):
            write(home.directory / "etc/nwfilter" / shipped.name, shipped.read_text())
    write(home.directory / "etc/libvirtd.conf", embedded_home.daemon_conf(home, Path("/var/log/libvirt/libvirtd.log")))
    write(home.directory / "etc/qemu.conf", embedded_home.qemu_conf(*GUEST_USER))
    # A host name that does not resolve costs 20 s at each call that asks for it (getaddrinfo in libvirt 9.0).
    write(home.directory / "hosts", f"127.0.0.1 localhost {home.name}\n::1 localhost {home.name}\n")
    write(home.directory / "passwd", _with_guest_user(Path("/etc/passwd"), f"{GUEST_NAME}:x:0:0::/:/usr/sbin/nologin"))
    write(home.directory / "group", _with_guest_user(Path("/etc/group"), f"{GUEST_NAME}:x:0:"))
    known = [*sorted(home.directory.parent.glob(f"*/cache/{CAPABILITIES}")), Path("/var/cache/libvirt") / CAPABILITIES]
    embedded_home.seed_capabilities(home.directory / "cache" / CAPABILITIES, known)


def _with_guest_user(table: Path, line: str) -> str:
    """The machine's users or groups, with libvirt-qemu: libvirt 9.0 looks it up even where qemu.conf names another."""
    text = table.read_text()
    known = any(entry.startswith(f"{GUEST_NAME}:") for entry in text.splitlines())
    return text if known else f"{text.rstrip()}\n{line}\n"


def launch(home: Home) -> None:
    """Start the daemon; it answers on its socket soon. Raises CalledProcessError."""
    inhabitants = members(home)
    groups = cgroup_roots()
    if not inhabitants:
        _make_cgroups(home, groups)
    command = script(home, groups, inhabitants[0] if inhabitants else None)
    with home.output.open("wb") as output:
        subprocess.run(
            ["/bin/sh", "-ec", command],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
            env={"PATH": _search_path(), "LC_ALL": "C"},
        )
    _relieve(inhabitants)


def _relieve(inhabitants: tuple[int, ...]) -> None:
    """End the keepers of the network namespace: the new daemon's script keeps it from here on."""
    for pid in inhabitants:
        if embedded_home.program(pid) == KEEPER:
            embedded_home.send(pid, signal.SIGTERM)


def _search_path() -> str:
    return os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"


def cgroup_roots() -> tuple[Path, ...]:
    """The roots of the cgroup hierarchies that we may divide: one with cgroup v2, one per controller with v1."""
    if (CGROUPS / "cgroup.procs").exists():
        roots = [CGROUPS]
    else:
        roots = sorted(path.parent for path in CGROUPS.glob("*/cgroup.procs"))
    return tuple(root for root in roots if not os.statvfs(root).f_flag & os.ST_RDONLY)


def _group(home: Home) -> str:
    return f"reconciler-{home.digest}"


def _make_cgroups(home: Home, roots: tuple[Path, ...]) -> None:
    """Our empty group in each hierarchy. A process may enter a v2 group only while it hands no controller down."""
    remove_cgroups(home)
    for root in roots:
        group = root / _group(home)
        (group / "daemon").mkdir(parents=True, exist_ok=True)
        for limits in ("cpuset.cpus", "cpuset.mems"):
            if (root / limits).exists() and not (root / "cgroup.controllers").exists():
                for part in (group, group / "daemon"):
                    (part / limits).write_text((root / limits).read_text())


def remove_cgroups(home: Home) -> None:
    """Take our groups away; one with processes that take over a second to die stays for the next start."""
    deadline = time.monotonic() + 1
    for root in cgroup_roots():
        while (root / _group(home)).exists() and not _removed(root / _group(home)) and time.monotonic() < deadline:
            time.sleep(0.02)


def _removed(group: Path) -> bool:
    """Whether the group and those below it are gone; a process that is not quite dead holds its group."""
    try:
        for path, _, _ in os.walk(group, topdown=False):
            Path(path).rmdir()
    except OSError:
        return False
    return True


def script(home: Home, groups: tuple[Path, ...], inhabitant: int | None) -> str:
    """What makes the namespaces and runs libvirtd in them; network and cgroups are an inhabitant's if there is one."""
    own = [root / _group(home) for root in groups]
    outside = [f"echo $$ > {group}/daemon/cgroup.procs" for group in own]
    if inhabitant is None:
        enter = ["unshare", "--cgroup", "--net"]
        outside = [f"echo $$ > {group}/cgroup.procs" for group in own]
    else:
        enter = ["nsenter", f"--target={inhabitant}", "--cgroup", "--net"]
    fresh = [f"echo $$ > {group}/daemon/cgroup.procs" for group in own] if inhabitant is None else []
    inside = "\n".join([*fresh, *_mounts(home, groups), _daemon(home)])
    new = ["unshare", "--mount", "--uts", "--propagation", "private", "/bin/sh", "-ec", inside]
    return "\n".join([*outside, f"exec {join([*enter, *new])}"])


def _mounts(home: Home, groups: tuple[Path, ...]) -> Iterator[str]:
    """The inside of the mount namespace. sysfs shows the network devices of the namespace that mounts it."""
    yield f"hostname {quote(home.name)}"
    saved = home.directory / "run/cgroup"
    yield f"mkdir -p {quote(str(saved))}"
    yield f"mount --rbind {CGROUPS} {quote(str(saved))}"
    yield "mount -t sysfs sysfs /sys"
    yield f"mount --rbind {quote(str(saved))} {CGROUPS}"
    yield f"umount -l {quote(str(saved))}"
    for root in groups:
        yield f"mount --bind {root / _group(home)} {root}"
    for name, target in BINDS.items():
        if (home.directory / name).is_dir():
            yield f"mkdir -p {target}"
        yield f"mount --bind {quote(str(home.directory / name))} {target}"
    yield "ip link set lo up"


def _daemon(home: Home) -> str:
    """The daemon in the background; where it ends and leaves bridges, its script stays to keep their namespace."""
    run = f"libvirtd --timeout {home.idle_seconds} --pid-file /run/libvirtd.pid"
    keep = f"ls -d /sys/class/net/*/bridge >/dev/null 2>&1 && exec {KEEPER} infinity"
    return f"({run} || true; {keep}) </dev/null &"


def clear(home: Home) -> None:
    """Take away what lives outside the directory, and what only a running host needs."""
    remove_cgroups(home)
    home.alias.unlink(missing_ok=True)
    (home.directory / embedded_home.BOOT).unlink(missing_ok=True)


def visible(directory: Path, path: str) -> Path:
    """Where the machine sees a path of this host."""
    for name, target in BINDS.items():
        if path == target or path.startswith(target + "/"):
            return directory / name / path[len(target) :].lstrip("/")
    return Path(path)
