"""Run a command as its own process; say how long it took and how much memory it needed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: wall-clock seconds, and the largest resident set in bytes."""

    seconds: float
    memory: int


def measure(command: Sequence[str | Path], *, expect: int = 0) -> Sample:
    """Run it once. An exit code other than the expected one ends the benchmark: a failure is often fast."""
    with tempfile.TemporaryFile() as out:
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        # wait4 has reaped it; Popen must not wait again.
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != expect:
            out.seek(0)
            said = out.read().decode(errors="replace")[-2000:]
            sys.exit(f"{' '.join(map(str, command))} ended with {process.returncode} instead of {expect}:\n{said}")
    return Sample(seconds, usage.ru_maxrss * 1024)


def median(runs: int, once: Callable[[], Sample]) -> Sample:
    """The run in the middle by time, so that one disturbance does not count."""
    return middle([once() for _ in range(runs)])


def middle(samples: Sequence[Sample]) -> Sample:
    """The sample in the middle by time."""
    return sorted(samples, key=lambda sample: sample.seconds)[len(samples) // 2]
