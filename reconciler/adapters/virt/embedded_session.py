"""The embedded host of an ordinary user: libvirt's session mode with directories of its own.

It has no network of its own making (that needs root): guests use user-mode or existing networks.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from reconciler.adapters.virt import embedded_home
from reconciler.adapters.virt.embedded_home import Home, write

# Below XDG_CACHE_HOME (qemu_conf.c, virQEMUDriverConfigNew).
CAPABILITIES = "libvirt/qemu/cache/capabilities"


def socket(home: Home) -> Path:
    """The daemon's socket, by the short name: QEMU's own are up to 85 bytes longer than the directory."""
    return embedded_home.shorten(home) / "run/libvirt/libvirt-sock"


def members(home: Home) -> tuple[int, ...]:
    """The processes of this host: ours whose command line has a file below its short name (pid file, QEMU's keys)."""
    mark = os.fsencode(home.alias) + b"/"
    uid = os.geteuid()

    def belongs(entry: Path) -> bool:
        return entry.stat().st_uid == uid and mark in (entry / "cmdline").read_bytes()

    return embedded_home.processes(belongs)


def prepare(home: Home) -> None:
    """The directories and settings that the daemon starts with."""
    embedded_home.forget_last_boot(home, home.directory / "run")
    for name in ("libvirt/qemu", "run/libvirt", "cache/libvirt", "data", "log"):
        (home.directory / name).mkdir(parents=True, exist_ok=True)
    (home.directory / "run").chmod(0o700)
    write(home.directory / "libvirt/libvirtd.conf", embedded_home.daemon_conf(home, home.alias / "log/libvirtd.log"))
    write(home.directory / "libvirt/qemu.conf", embedded_home.qemu_conf())
    known = sorted(home.directory.parent.glob(f"*/cache/{CAPABILITIES}"))
    embedded_home.seed_capabilities(home.directory / "cache" / CAPABILITIES, known)


def launch(home: Home) -> None:
    """Start the daemon; it answers on its socket soon. Raises CalledProcessError."""
    alias = embedded_home.shorten(home)
    command = [
        "libvirtd",
        "--daemon",
        "--timeout",
        str(home.idle_seconds),
        "--pid-file",
        str(alias / "run/libvirtd.pid"),
    ]
    with home.output.open("wb") as output:
        subprocess.run(
            command,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=home.directory,
            start_new_session=True,
            env=environment(alias),
        )


def environment(alias: Path) -> dict[str, str]:
    """What makes libvirtd's session mode keep everything below one directory (XDG base directory specification)."""
    return {
        "PATH": os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin",
        "LC_ALL": "C",
        "HOME": str(alias),
        "XDG_CONFIG_HOME": str(alias),
        "XDG_CACHE_HOME": str(alias / "cache"),
        "XDG_DATA_HOME": str(alias / "data"),
        "XDG_RUNTIME_DIR": str(alias / "run"),
    }


def clear(home: Home) -> None:
    """Take away what lives outside the directory, and what only a running host needs."""
    home.alias.unlink(missing_ok=True)
    (home.directory / embedded_home.BOOT).unlink(missing_ok=True)


def visible(directory: Path, path: str) -> Path:
    """Where the machine sees a path of this host: at the same place."""
    return Path(path)
