"""What the README tells a newcomer to type."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.e2e
def test_the_demo_boots_a_machine_changes_it_and_leaves_nothing(guest: Path, root: Path, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "DEMO_DIR": str(tmp_path / "demo"), "PATH": path}
    ended = subprocess.run([root / "deploy/demo/run.sh"], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "GUEST-READY" in ended.stdout
    assert ended.stdout.count("No changes") == 2
    assert not (tmp_path / "demo").exists()


@pytest.mark.e2e
def test_the_example_repository_is_planned_and_applied_as_it_lies_there(
    guest: Path, root: Path, tmp_path: Path
) -> None:
    def reconciler(*arguments: str) -> int:
        command = [
            Path(sys.executable).with_name("reconciler"),
            "--state-dir",
            tmp_path / "state",
            "-C",
            "desired-state",
        ]
        environment = {**os.environ, "RECONCILER_CACHE_DIR": str(tmp_path / "cache")}
        return subprocess.run([*command, *arguments], cwd=root, env=environment, check=False).returncode

    from reconciler.adapters.virt import embedded

    try:
        assert reconciler("validate") == 0
        assert reconciler("plan", "--detailed-exitcode") == 2
        assert reconciler("apply", "--yes") == 0
        assert reconciler("plan", "--detailed-exitcode") == 0
    finally:
        embedded.stop(tmp_path / "state")
