"""`init`: a small desired state to start from."""

from __future__ import annotations

import re
from pathlib import Path

from reconciler.errors import trouble

SETTINGS = """\
# Settings of this desired state; `reconciler help settings` lists them all.
# What the objects on the hosts are marked with. Another repository on the same host needs another owner.
owner: {owner}
# A private host that the program starts itself. Write qemu:///system here for this machine's own libvirt.
connect: embedded
"""

IGNORE = """\
# Plans written with `reconciler plan --out`
*.plan.json
"""

NETWORK = """\
# A network of its own: machines get addresses by DHCP and reach the world through their host.
apiVersion: reconciler/v1
kind: Network
metadata: {name: lab}
spec:
  autostart: true
  forward: nat
  ips:
    - address: 192.168.150.1
      prefix: 24
      dhcp:
        ranges:
          - {start: 192.168.150.10, end: 192.168.150.200}
"""

STORAGE = """\
# Where disk images live, and one image in it.
apiVersion: reconciler/v1
kind: Pool
metadata: {name: lab}
spec:
  type: dir
  path: /var/lib/libvirt/images/lab
  autostart: true
---
apiVersion: reconciler/v1
kind: Volume
metadata: {name: hello-data}
spec:
  pool: lab
  format: qcow2
  capacity: 1GiB
"""

DOMAIN = """\
# A machine. It is defined but not started: give it something to boot first, then write power: running.
apiVersion: reconciler/v1
kind: Domain
metadata: {name: hello, labels: {tier: example}}
spec:
  type: qemu              # software emulation: works anywhere; write kvm where there is /dev/kvm
  power: stopped
  vcpus: 1
  memory: 512MiB
  disks:
    - {name: data, volume: hello-data, pool: lab}
  interfaces:
    - {name: lan, network: lab}
"""


def init(directory: Path) -> list[Path]:
    """The files written. Raises R804 where the directory holds anything but a git repository."""
    if directory.exists() and not directory.is_dir():
        raise trouble("R804", "this is a file; choose an empty directory", str(directory))
    directory.mkdir(parents=True, exist_ok=True)
    present = sorted(entry.name for entry in directory.iterdir() if entry.name != ".git")
    if present:
        raise trouble("R804", f"{present[0]} is here already; choose an empty directory", str(directory))
    texts = {
        ".gitignore": IGNORE,
        "hello.yaml": DOMAIN,
        "network.yaml": NETWORK,
        "reconciler.yaml": SETTINGS.format(owner=_owner(directory)),
        "storage.yaml": STORAGE,
    }
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")
    return [directory / name for name in texts]


def _owner(directory: Path) -> str:
    """The directory's name as far as it is fit to be one."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", directory.resolve().name).strip("-._") or "desired-state"
