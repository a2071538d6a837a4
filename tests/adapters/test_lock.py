"""One writer for each host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.adapters.lock import HostLock
from reconciler.errors import BusyError, ReconcilerError
from tests.contract.fakes import FakeClock

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys, time
from pathlib import Path
from reconciler.adapters.lock import HostLock
from tests.contract.fakes import FakeClock
with HostLock(Path(sys.argv[1]), "hv1", "apply", FakeClock()):
    print("held", flush=True)
    time.sleep(60)
"""


def lock(state_dir: Path, host: str = "hv1", clock: FakeClock | None = None, timeout: float = 0.0) -> HostLock:
    return HostLock(state_dir, host, "apply", clock or FakeClock(), timeout)


class ReleasingClock(FakeClock):
    """Time in which somebody else lets a lock go after some tries."""

    def __init__(self, held: HostLock, tries: int) -> None:
        super().__init__()
        self.pauses: list[float] = []
        self._held, self._tries = held, tries

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.pauses.append(seconds)
        if len(self.pauses) == self._tries:
            self._held.__exit__(None, None, None)


def test_a_second_writer_is_refused_and_told_who_and_since_when(tmp_path: Path) -> None:
    with lock(tmp_path) as held, pytest.raises(BusyError) as refused, lock(tmp_path):
        pytest.fail("both hold the lock")
    message = str(refused.value)
    assert "R507" in message and "hv1" in message
    assert f"process {os.getpid()}" in message and "since 2026-11-22T02:00:00Z" in message
    assert "apply" in message and "@" in message
    assert held.holder() is None


def test_the_refusal_names_the_id_of_the_lock(tmp_path: Path) -> None:
    with lock(tmp_path) as held:
        holder = held.holder()
        assert holder is not None
        with pytest.raises(BusyError, match=f"lock {holder.id}"), lock(tmp_path):
            pass


def test_a_lock_is_free_again_after_use_and_after_an_error(tmp_path: Path) -> None:
    with lock(tmp_path):
        pass
    with pytest.raises(ZeroDivisionError), lock(tmp_path):
        raise ZeroDivisionError
    with lock(tmp_path):
        pass


def test_one_lock_object_may_be_used_again(tmp_path: Path) -> None:
    held = lock(tmp_path)
    with held:
        pass
    with held, pytest.raises(BusyError), lock(tmp_path):
        pass


def test_hosts_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with lock(tmp_path, "hv1"), lock(tmp_path, "hv2"), lock(tmp_path, "../hv1"), lock(tmp_path, "HV1"):
        assert len(list((tmp_path / "locks").glob("*.lock"))) == 4


def test_waiting_ends_when_the_lock_is_free(tmp_path: Path) -> None:
    held = lock(tmp_path)
    held.__enter__()
    clock = ReleasingClock(held, tries=3)
    with lock(tmp_path, clock=clock, timeout=60):
        assert clock.pauses == [0.1, 0.2, 0.4]


def test_waiting_ends_at_the_timeout(tmp_path: Path) -> None:
    clock = FakeClock()
    with lock(tmp_path), pytest.raises(BusyError), lock(tmp_path, clock=clock, timeout=30):
        pass
    assert clock.now() == 30


def test_a_holder_nobody_knows_is_still_a_holder(tmp_path: Path) -> None:
    with lock(tmp_path):
        (tmp_path / "locks" / "hv1.json").write_text("{")
        with pytest.raises(BusyError, match="another process"), lock(tmp_path):
            pass


def test_a_state_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("a file")
    with pytest.raises(ReconcilerError, match=r"locks/hv1\.lock: .*R701"), lock(tmp_path):
        pass


def test_a_lock_whose_holder_cannot_be_written_down_is_given_back(tmp_path: Path) -> None:
    (tmp_path / "locks" / "hv1.json").mkdir(parents=True)
    with pytest.raises(ReconcilerError, match="R701"), lock(tmp_path):
        pass
    (tmp_path / "locks" / "hv1.json").rmdir()
    with lock(tmp_path):
        pass


def test_a_lock_goes_with_its_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match=f"process {holder.pid}"), lock(tmp_path):
            pass
        holder.send_signal(signal.SIGKILL)
    with lock(tmp_path) as mine:
        assert mine.holder() is not None
