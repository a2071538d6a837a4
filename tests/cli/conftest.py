"""The command line run in this process, over an app without hosts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.main import run
from tests.cli.examples import module

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """How one run ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def _plain_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings, colours or hosts of the machine that runs the tests."""
    for name in ("NO_COLOR", "LIBVIRT_DEFAULT_URI", "XDG_STATE_HOME", "XDG_CACHE_HOME", "RECONCILER_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def call(*arguments: str) -> Ran:
        code = run(arguments)
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return call


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put functions in the place of the app's: `app("plan", plan=…)`."""

    def replace(name: str, **content: object) -> None:
        full = f"reconciler.app.{name}"
        monkeypatch.setitem(sys.modules, full, module(full, **content))
        monkeypatch.delitem(sys.modules, f"reconciler.cli.verbs.{name}", raising=False)

    return replace


@pytest.fixture
def process() -> Callable[..., Ran]:
    """The program as a process of its own."""

    def call(*arguments: str, **more: Any) -> Ran:
        command = [sys.executable, "-m", "reconciler", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **more)
        return Ran(done.returncode, done.stdout, done.stderr)

    return call
