"""A desired state to start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.app.init import init
from reconciler.app.settings import Settings
from reconciler.app.validate import validate
from reconciler.errors import ReconcilerError


def test_what_is_written_is_valid(tmp_path: Path) -> None:
    written = init(tmp_path / "state")
    assert all(path.is_file() for path in written)
    settings = Settings(directory=tmp_path / "state", state_dir=tmp_path, cache_dir=tmp_path / "cache")
    found = validate([], settings)
    assert (found.count, found.problems) == (4, ())


def test_the_same_place_gets_the_same_files_wherever_it_is(tmp_path: Path) -> None:
    texts = [[path.read_text() for path in init(tmp_path / way / "state")] for way in ("a", "b")]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("name", "owner"), [("web-team", "web-team"), ("my state: 2", "my-state-2"), ("ä", "desired-state")]
)
def test_the_owner_is_called_like_the_directory(tmp_path: Path, name: str, owner: str) -> None:
    init(tmp_path / name)
    assert f"\nowner: {owner}\n" in (tmp_path / name / "reconciler.yaml").read_text()


def test_a_fresh_git_repository_is_empty_enough(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert init(tmp_path)


def test_nothing_is_written_where_something_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ReconcilerError, match=r"notes\.txt is here already.*R804"):
        init(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_file_is_no_place_for_it(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(ReconcilerError, match="this is a file"):
        init(tmp_path / "state")
