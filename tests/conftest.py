"""What every tier may ask for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GUEST = Path("/var/tmp/reconciler-guest")


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def guest() -> Path:
    """The directory with `vmlinuz` and `initrd.img` of a guest that boots in seconds; built once for the machine."""
    subprocess.run([sys.executable, ROOT / "deploy/guest/build_guest.py", GUEST], check=True)
    return GUEST
