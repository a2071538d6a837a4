"""The benchmarks run; what they measure is for `make bench`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.e2e
def test_every_case_runs_with_a_handful_of_machines(root: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--tiny"]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "nothing to do, warm" in ended.stdout
