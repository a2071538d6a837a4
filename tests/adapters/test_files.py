"""The desired state in a directory: what is read, what is left out, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from reconciler.adapters.files import DirectorySource, read_file
from reconciler.errors import ManifestError


class Nobody:
    def revision(self) -> str | None:
        return "abc-dirty"

    def owners(self) -> Sequence[str]:
        return ("git:abc",)


def write(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def found(root: Path) -> list[str]:
    return [file.path for file in DirectorySource(root, Nobody()).files()]


def refused(root: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """What was read all the same, and place and number of what was not."""
    files: list[str] = []
    with pytest.raises(ManifestError) as caught:
        files.extend(file.path for file in DirectorySource(root, Nobody()).files())
    return files, [(problem.where, problem.number) for problem in caught.value.problems]


def test_manifests_are_read_in_the_order_of_their_paths(tmp_path: Path) -> None:
    write(tmp_path, "b.yaml", "a/z.yml", "a/b/c.xml", "a.yaml", "README.md")
    assert found(tmp_path) == ["a.yaml", "a/b/c.xml", "a/z.yml", "b.yaml"]
    assert next(DirectorySource(tmp_path, Nobody()).files()).content == b"a.yaml"


def test_hidden_files_settings_and_ignored_files_are_left_out(tmp_path: Path) -> None:
    write(
        tmp_path, ".hidden.yaml", ".git/x.yaml", "reconciler.yaml", "a/reconciler.yaml", "drafts/d.yaml", "a/keep.yaml"
    )
    write(tmp_path, "a/skip.yaml")
    (tmp_path / ".reconcilerignore").write_text("/drafts/\nkeep.yaml\n")
    (tmp_path / "a" / ".reconcilerignore").write_text("skip.yaml\n!keep.yaml\n")
    assert found(tmp_path) == ["a/keep.yaml", "a/reconciler.yaml"]


def test_an_empty_directory_holds_nothing(tmp_path: Path) -> None:
    assert found(tmp_path) == []


def test_a_missing_directory_is_no_empty_one(tmp_path: Path) -> None:
    assert refused(tmp_path / "gone") == ([], [(f"{tmp_path}/gone", "R112")])


def test_a_link_that_leaves_the_directory_is_refused_and_the_rest_is_read(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(tmp_path, "secret.yaml", "root/a.yaml", "root/b.yaml", "root-beside/x.yaml")
    (root / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (root / "dir").symlink_to(tmp_path / "root-beside")
    (root / "passwd.yaml").symlink_to("/etc/passwd")
    assert refused(root) == (
        ["a.yaml", "b.yaml"],
        [("dir:1:1", "R109"), ("link.yaml:1:1", "R109"), ("passwd.yaml:1:1", "R109")],
    )


def test_a_link_within_the_directory_is_read(tmp_path: Path) -> None:
    write(tmp_path, "..data/a.yaml", "plain/b.yaml")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    (tmp_path / "loop").symlink_to(".")
    assert found(tmp_path) == ["a.yaml", "plain/b.yaml"]


def test_a_directory_reached_through_a_link_is_still_itself(tmp_path: Path) -> None:
    write(tmp_path, "real/a.yaml")
    (tmp_path / "real" / "b.yaml").symlink_to("a.yaml")
    (tmp_path / "way").symlink_to("real")
    assert found(tmp_path / "way") == ["a.yaml", "b.yaml"]


def test_a_link_to_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("gone.yaml")
    (tmp_path / "b.yaml").symlink_to("b.yaml")
    (tmp_path / "notes.txt").symlink_to("gone.txt")
    assert refused(tmp_path) == ([], [("a.yaml:1:1", "R112"), ("b.yaml:1:1", "R112")])


@pytest.mark.parametrize(("name", "limit"), [("big.yaml", 1 << 20), ("big.xml", 4 << 20)])
def test_a_large_file_is_refused_by_its_size_alone(tmp_path: Path, name: str, limit: int) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(100 << 20)
    assert refused(tmp_path) == ([], [(f"{name}:1:1", "R103")])
    os.truncate(tmp_path / name, limit)
    assert found(tmp_path) == [name]


def test_a_pipe_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    write(tmp_path, "b.yaml")
    assert found(tmp_path) == ["b.yaml"]
    with pytest.raises(ManifestError, match="no regular file"):
        read_file(tmp_path / "a.yaml")


@pytest.mark.parametrize("name", [b"a\xff.yaml", b"a\n.yaml", b"a\x1b[31m.yaml"])
def test_a_file_name_that_cannot_be_shown_is_refused(tmp_path: Path, name: bytes) -> None:
    (tmp_path / os.fsdecode(name)).write_text("")
    files, ((where, number),) = refused(tmp_path)
    assert (files, number) == ([], "R112")
    assert where.isprintable()


def test_an_ignore_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".reconcilerignore").write_bytes(b"\xff")
    assert refused(tmp_path) == ([], [(".reconcilerignore:1:1", "R102")])


def test_a_single_file_is_called_as_the_user_called_it(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml")
    assert read_file(tmp_path / "a.yaml").path == f"{tmp_path}/a.yaml"
    with pytest.raises(ManifestError, match="No such file"):
        read_file(tmp_path / "b.yaml")


def test_revision_and_owners_are_those_of_the_directory(tmp_path: Path) -> None:
    source = DirectorySource(tmp_path, Nobody())
    assert (source.revision(), source.owners()) == ("abc-dirty", ("git:abc",))
