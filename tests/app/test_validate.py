"""Checking manifests offline: the whole desired state, or a part of it in its surroundings."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.app import wiring
from reconciler.app.settings import Settings
from reconciler.app.validate import Validated, validate
from tests.app import kinds
from tests.app.kinds import document


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("reconciler.app.desired.Schemas", lambda *_: kinds.schemas())
    monkeypatch.setattr(wiring, "kinds", lambda: kinds.KINDS)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


def check(root: Path, *paths: str | Path) -> Validated:
    settings = Settings(directory=root, state_dir=root.parent, cache_dir=root.parent / "cache")
    return validate([Path(path) for path in paths], settings)


def numbers(found: Validated) -> dict[str, str]:
    return {problem.where: problem.number for problem in found.problems}


WEB = document("Domain", "web", "{interfaces: [lan]}")


def test_a_valid_state_has_a_count_and_no_problems(root: Path) -> None:
    (root / "web.yaml").write_text(WEB + "---\n" + document("Profile", "small"))
    (root / "lan.yaml").write_text(document("Network", "lan"))
    assert check(root) == Validated(count=3, problems=())
    assert check(root) == Validated(count=3, problems=())


def test_the_whole_state_is_called_by_paths_within_it(root: Path) -> None:
    (root / "sub").mkdir()
    (root / "sub" / "web.yaml").write_text(WEB)
    assert numbers(check(root)) == {"sub/web.yaml:4:21": "R302"}


@pytest.mark.parametrize("path", ["state/web.yaml", "state", "./state/web.yaml"])
def test_a_part_is_called_as_the_user_called_it(root: Path, path: str) -> None:
    (root / "web.yaml").write_text(WEB)
    assert numbers(check(root, path)) == {"state/web.yaml:4:21": "R302"}


def test_a_part_may_refer_to_the_rest_whose_problems_do_not_count(root: Path) -> None:
    (root / "web.yaml").write_text(WEB)
    (root / "lan.yaml").write_text(document("Network", "lan") + "---\na: yes\n")
    assert check(root, root / "web.yaml") == Validated(count=1, problems=())


def test_a_part_that_repeats_a_name_is_the_one_to_blame(root: Path) -> None:
    (root / "a.yaml").write_text(document("Network", "lan"))
    (root / "b.yaml").write_text(document("Network", "lan"))
    assert numbers(check(root, root / "a.yaml")) == {f"{root}/a.yaml:1:1": "R301"}


def test_a_file_from_elsewhere_stands_alone(root: Path, tmp_path: Path) -> None:
    (root / "lan.yaml").write_text(document("Network", "lan"))
    (tmp_path / "web.yaml").write_text(WEB)
    assert numbers(check(root, "web.yaml")) == {"web.yaml:4:21": "R302"}


def test_what_cannot_be_read_is_a_problem_among_the_others(root: Path) -> None:
    (root / "web.yaml").write_text(WEB)
    (root / "out.yaml").symlink_to("/etc/passwd")
    assert numbers(check(root, "state", "gone.yaml")) == {
        "state/web.yaml:4:21": "R302",
        "state/out.yaml:1:1": "R109",
        "gone.yaml:1:1": "R112",
    }


def test_a_host_may_be_named_that_only_the_settings_know(root: Path) -> None:
    (root / "lan.yaml").write_text(document("Network", "lan", "{}", ", host: hv1"))
    assert check(root).problems == ()
