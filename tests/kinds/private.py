"""What a libvirt of the tests' own needs of a machine that has libvirt's programs and no system libvirt."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

USER = "libvirt-qemu"
ENTRIES = {"passwd": f"{USER}:x:0:0::/:/usr/sbin/nologin", "group": f"{USER}:x:0:"}


def users(directory: Path) -> str:
    """Shell commands that give a mount namespace the user libvirt-qemu, as files below `directory`.

    QEMU's driver in libvirt 9.0 looks the user up even where qemu.conf names another; only libvirt-daemon-system, which
    starts a system libvirtd, makes it.
    """
    for name, entry in ENTRIES.items():
        known = Path("/etc", name).read_text()
        (directory / name).write_text(known if f"\n{USER}:" in known else f"{known}{entry}\n")
    return "\n".join(f"mount --bind {shlex.quote(str(directory / name))} /etc/{name}" for name in ENTRIES)


def embedding(program: Path, directory: Path) -> list[str]:
    """The command that runs a Python program with libvirt embedded in it, which may use `directory`."""
    command = [sys.executable, str(program), str(directory)]
    if os.geteuid() != 0:
        return command
    return ["unshare", "-m", "--propagation", "private", "sh", "-ec", f"{users(directory)}\nexec {shlex.join(command)}"]
