"""The tiny guest itself, on bare QEMU."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e


def within(seconds: float, true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.1)
    return true()


@pytest.fixture
def machine(guest: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A running QEMU and its directory with `console` and `monitor`."""
    process = subprocess.Popen(
        [
            *("qemu-system-x86_64", "-accel", "tcg", "-m", "192", "-display", "none", "-no-reboot"),
            *("-kernel", guest / "vmlinuz", "-initrd", guest / "initrd.img"),
            *("-append", "console=ttyS0 quiet cryptomgr.notests"),
            *("-serial", f"file:{tmp_path}/console", "-monitor", f"unix:{tmp_path}/monitor,server,nowait"),
        ]
    )
    yield process, tmp_path
    process.kill()
    process.wait()


def test_it_says_when_it_is_ready_and_obeys_the_power_button(machine: tuple[subprocess.Popen[bytes], Path]) -> None:
    process, directory = machine
    console = directory / "console"
    assert within(90, lambda: console.exists() and b"GUEST-READY" in console.read_bytes())
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.connect(str(directory / "monitor"))
        monitor.recv(1024)
        monitor.sendall(b"system_powerdown\n")
        assert process.wait(timeout=60) == 0


def test_building_it_again_changes_nothing(guest: Path, root: Path) -> None:
    before = (guest / "initrd.img").stat().st_mtime_ns
    command = [sys.executable, root / "deploy/guest/build_guest.py", guest]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "holds the guest already" in said
    assert (guest / "initrd.img").stat().st_mtime_ns == before
