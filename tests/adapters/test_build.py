"""Which build this is, and the schemas that come with it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from reconciler.adapters import build


def test_every_kind_has_a_schema_that_names_it() -> None:
    assert "Domain" in build.schema_kinds()
    for kind in build.schema_kinds():
        assert json.loads(build.schema_text(kind))["properties"]["kind"]["const"] == kind


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for path in ("program/a.py", "program/sub/b.py", "schemas/Domain.json"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("1")
    monkeypatch.setattr(build, "PACKAGE", tmp_path / "program")
    monkeypatch.setattr(build, "SCHEMAS", tmp_path / "schemas")
    return tmp_path


def test_a_build_that_nobody_edits_stays_the_same(program: Path) -> None:
    before = build.fingerprint()
    (program / "program" / "notes.txt").write_text("")
    assert build.fingerprint() == before


@pytest.mark.parametrize("path", ["program/a.py", "program/sub/b.py", "schemas/Domain.json"])
def test_every_edit_makes_another_build(program: Path, path: str) -> None:
    before = build.fingerprint()
    os.utime(program / path, ns=(1, 1))
    assert build.fingerprint() != before


def test_a_new_file_makes_another_build(program: Path) -> None:
    before = build.fingerprint()
    (program / "program" / "c.py").write_text("")
    assert build.fingerprint() != before
