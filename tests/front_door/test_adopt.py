"""The how-to of adopting a host works as it is written, on a host as people find them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import libvirt
import pytest

from tests.front_door.test_tutorial import looks_like, steps

HEAD = "<domain type='qemu'><name>{}</name><memory unit='MiB'>{}</memory><vcpu>{}</vcpu>"
DISK = (
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2' {more}/><source file='{disks}/{name}'/>"
    "<target dev='{target}' bus='{bus}'/></disk>"
)
# What a tool notes that is long gone.
NOTE = "<metadata><note xmlns='https://inventory.example/1' rack='7'>ask Kim before you touch it</note></metadata>"
NETWORK = (
    "<network><name>lan</name><forward mode='nat'/><bridge name='br-lan'/><ip address='10.20.0.1' prefix='24'>"
    "<dhcp><range start='10.20.0.100' end='10.20.0.199'/></dhcp></ip></network>"
)


def grow(connection: Any, disks: Path) -> None:
    """What accumulates on a host: a network, a pool with images, a running machine and some that nobody remembers."""
    disks.mkdir(parents=True)
    pool = connection.storagePoolDefineXML(
        f"<pool type='dir'><name>images</name><target><path>{disks}</path></target></pool>"
    )
    pool.create()
    for name in ("web-1.qcow2", "db-root.qcow2", "db-data.qcow2", "windows.qcow2"):
        pool.createXML(
            f"<volume><name>{name}</name><capacity unit='GiB'>20</capacity>"
            "<target><format type='qcow2'/></target></volume>"
        )
    connection.networkDefineXML(NETWORK).create()
    pool.setAutostart(True)
    for text, running in zip(_machines(disks), (True, False, False), strict=True):
        domain = connection.defineXML(text)
        if running:
            domain.create()


def _machines(disks: Path) -> list[str]:
    system = "<os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/><apic/></features>"
    card = "<interface type='network'><source network='lan'/><model type='virtio'/></interface>"
    web = DISK.format(more="discard='unmap'", disks=disks, name="web-1.qcow2", target="vda", bus="virtio")
    root = DISK.format(more="cache='none' io='native'", disks=disks, name="db-root.qcow2", target="vda", bus="virtio")
    data = DISK.format(more="cache='none' io='native'", disks=disks, name="db-data.qcow2", target="vdb", bus="virtio")
    windows = DISK.format(more="", disks=disks, name="windows.qcow2", target="sda", bus="sata")
    shared = "<shmem name='mailbox'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>"
    agent = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
    screen = "<graphics type='vnc' autoport='yes'/><video><model type='virtio'/></video>"
    clock = "<clock offset='localtime'><timer name='rtc' tickpolicy='catchup'/></clock>"
    return [
        f"{HEAD.format('web-1', 64, 1)}{system}<devices>{web}{card}{agent}{screen}</devices></domain>",
        f"{HEAD.format('db', 128, 2)}{system}<devices>{root}{data}{card}{shared}</devices></domain>",
        f"{HEAD.format('Windows 10', 256, 2)}{NOTE}{system}{clock}<devices>{windows}{card}</devices></domain>",
    ]


@pytest.mark.e2e
def test_the_how_to_of_adopting_a_host(embedded_host: Callable[..., Any], root: Path, tmp_path: Path) -> None:
    host = embedded_host("grown")
    connection = libvirt.open(host.uri)
    grow(connection, tmp_path / "images")
    repository = tmp_path / "repository"
    repository.mkdir()
    page = (root / "docs/how-to/adopt-a-host.md").read_text()
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "RECONCILER_CACHE_DIR": str(tmp_path / "cache"),
        "GIT_CONFIG_COUNT": "2",
        **{"GIT_CONFIG_KEY_0": "user.name", "GIT_CONFIG_VALUE_0": "you"},
        **{"GIT_CONFIG_KEY_1": "user.email", "GIT_CONFIG_VALUE_1": "you@example.com"},
    }
    own = f'reconciler() {{ command reconciler --state-dir {tmp_path}/state "$@"; }}; '
    played = [own + _played(step.command, host) for step in steps(page)]
    assert len(played) > 8
    try:
        for step, command in zip(steps(page), played, strict=True):
            done = subprocess.run(
                ["bash", "-c", command], cwd=repository, env=environment, capture_output=True, text=True, check=False
            )
            printed = (done.stdout + done.stderr).splitlines()
            missing = [line for line in step.shown if not any(looks_like(line, each) for each in printed)]
            assert not missing and done.returncode == 0, f"$ {step.command}\n{done.stdout}{done.stderr}"
    finally:
        for domain in connection.listAllDomains():
            domain.destroy() if domain.isActive() else None
            domain.undefine()
        for thing in (*connection.listAllNetworks(), *connection.listAllStoragePools()):
            thing.destroy()
            thing.undefine()


def _played(command: str, host: Any) -> str:
    """The command as it is on this host: the page's system host and the files of its libvirt."""
    return command.replace("qemu:///system", host.uri).replace("/etc/libvirt", str(host.home.directory / "etc"))
