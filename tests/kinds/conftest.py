"""A private libvirtd for the tests of kinds, with its own mounts, processes and network: nothing of it stays behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest

from tests.kinds.private import users

SCRIPT = """
set -e
hostname {name}
ip link set lo up
{users}
for pair in etc:/etc/libvirt run:/run/libvirt lib:/var/lib/libvirt cache:/var/cache/libvirt log:/var/log/libvirt; do
    mkdir -p "${{pair#*:}}"
    mount --bind "{home}/${{pair%%:*}}" "${{pair#*:}}"
done
echo "127.0.0.1 localhost {name}" >{home}/hosts
mount --bind {home}/hosts /etc/hosts
mount -t sysfs sysfs /sys
# The shell stays: as the first process it collects the machines that end, which libvirtd would wait for.
libvirtd -p {home}/run/libvirtd.pid &
wait $!
"""
DAEMON = """
host_uuid = "{uuid}"
unix_sock_rw_perms = "0777"
auth_unix_rw = "none"
auth_unix_ro = "none"
log_outputs = "3:file:{home}/log/libvirtd.log"
"""
QEMU = """
user = "root"
group = "root"
remember_owner = 0
stdio_handler = "file"
cgroup_controllers = []
"""


@pytest.fixture(scope="session")
def libvirtd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a libvirtd that has all its drivers and belongs to this test run alone."""
    if os.geteuid() != 0 or shutil.which("libvirtd") is None:
        pytest.skip("a private libvirtd needs root and the package libvirt-daemon")
    # A socket's path may have 107 bytes, pytest's own directories are longer.
    home = Path("/tmp") / f"kinds-{os.getpid()}"
    for part in ("etc/qemu/networks", "etc/storage", "etc/nwfilter", "etc/secrets", "run", "lib", "cache", "log"):
        (home / part).mkdir(parents=True)
    uuid = f"00000000-0000-4000-8000-{os.getpid():012d}"
    (home / "etc/libvirtd.conf").write_text(DAEMON.format(uuid=uuid, home=home))
    (home / "etc/qemu.conf").write_text(QEMU)
    script = SCRIPT.format(home=home, users=users(home), name=f"kinds-{os.getpid()}")
    unshare = ["unshare", "-m", "-u", "-n", "-p", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
    with (home / "log/out").open("wb") as log:
        daemon = subprocess.Popen([*unshare, "bash", "-c", script], stdout=log, stderr=log, start_new_session=True)
    try:
        uri = f"qemu+unix:///system?socket={home}/run/libvirt-sock"
        _wait(uri, home)
        yield uri
    finally:
        daemon.send_signal(signal.SIGKILL)
        daemon.wait()
        shutil.rmtree(home, ignore_errors=True)


def _wait(uri: str, home: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            libvirt.open(uri).close()
        except libvirt.libvirtError:
            if time.monotonic() > deadline:
                pytest.fail(f"the private libvirtd did not start: {(home / 'log/out').read_text()}")
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def host(libvirtd: str) -> Iterator[libvirt.virConnect]:
    """A connection to the private libvirtd; what a test leaves on it is taken away."""
    libvirt.registerErrorHandler(lambda *ignored: None, None)
    connection = libvirt.open(libvirtd)
    yield connection
    for domain in connection.listAllDomains():
        stored = domain.isPersistent()
        if domain.isActive():
            domain.destroy()
        if stored:
            domain.undefine()
    for thing in (*connection.listAllNetworks(), *connection.listAllStoragePools()):
        if thing.isActive():
            thing.destroy()
        thing.undefine()
    for thing in (*connection.listAllNWFilters(), *connection.listAllSecrets()):
        thing.undefine()
    connection.close()
