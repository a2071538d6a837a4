"""The desired state in git: where it stands, whose it is, and its files at a revision."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.adapters import git as subject
from reconciler.adapters.git import GitSource, WorkTree
from reconciler.errors import ManifestError, ReconcilerError

ENVIRONMENT = {
    **{name: text for name, text in os.environ.items() if not name.startswith("GIT_")},
    **{"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"},
    **{f"GIT_{role}_{fact}": "a@b" for role in ("AUTHOR", "COMMITTER") for fact in ("NAME", "EMAIL")},
}
# Options that look like a way in, and names that are none.
BAD_NAMES = [
    "no-such",
    "",
    "--help",
    "--exec=touch pwned",
    "-h",
    "HEAD:web.yaml",
    "HEAD..HEAD",
    "a\nb",
    "a\0b",
    "HEAD^{tree}",
]


def git(directory: Path, *arguments: str) -> str:
    command = ["git", "-C", str(directory), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRONMENT).stdout.strip()


def commit(directory: Path, message: str = "change") -> str:
    git(directory, "add", "-A")
    git(directory, "commit", "-q", "--allow-empty", "-m", message)
    return git(directory, "rev-parse", "HEAD")


def write(directory: Path, **files: str) -> None:
    for name, text in files.items():
        (directory / f"{name}.yaml").write_text(text)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    directory = tmp_path / "repository"
    directory.mkdir()
    git(directory, "init", "-q", "-b", "main")
    write(directory, web="kind: Domain\n")
    commit(directory, "first")
    return directory


def names(source: GitSource) -> list[str]:
    return [file.path for file in source.files()]


# The work tree


def test_outside_git_there_is_no_revision(tmp_path: Path) -> None:
    assert WorkTree(tmp_path).revision() is None


def test_before_the_first_commit_there_is_no_revision(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert WorkTree(tmp_path).revision() is None
    assert len(WorkTree(tmp_path).owners()) == 1


def test_inside_a_bare_repository_there_is_no_revision(tree: Path, tmp_path: Path) -> None:
    git(tree, "clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    assert WorkTree(tmp_path / "bare.git").revision() is None


def test_the_revision_of_a_clean_tree_is_its_commit(tree: Path) -> None:
    assert WorkTree(tree).revision() == git(tree, "rev-parse", "HEAD")


def edit(tree: Path) -> None:
    write(tree, web="kind: Volume\n")


def add(tree: Path) -> None:
    write(tree, new="kind: Domain\n")


def add_below(tree: Path) -> None:
    (tree / "a" / "b").mkdir(parents=True)
    write(tree / "a" / "b", new="kind: Domain\n")


def stage(tree: Path) -> None:
    add(tree)
    git(tree, "add", "-A")


def remove(tree: Path) -> None:
    (tree / "web.yaml").unlink()


def rename(tree: Path) -> None:
    git(tree, "mv", "web.yaml", "other.yaml")


def ignore_in_git_only(tree: Path) -> None:
    (tree / ".git" / "info").mkdir(exist_ok=True)
    (tree / ".git" / "info" / "exclude").write_text("*.yaml\nlab/\n")
    (tree / "lab").mkdir()
    write(tree / "lab", hidden="kind: Domain\n")


def ignore_more(tree: Path) -> None:
    (tree / ".reconcilerignore").write_text("web.yaml\n")


def odd_name(tree: Path) -> None:
    write(tree, **{'ü " \n': "kind: Domain\n"})


@pytest.mark.parametrize(
    "change", [edit, add, add_below, stage, remove, rename, ignore_in_git_only, ignore_more, odd_name]
)
def test_a_manifest_that_differs_makes_the_tree_dirty(tree: Path, change: Callable[[Path], None]) -> None:
    head = git(tree, "rev-parse", "HEAD")
    change(tree)
    assert WorkTree(tree).revision() == f"{head}-dirty"


def test_other_files_do_not_make_the_tree_dirty(tree: Path) -> None:
    (tree / "README.md").write_text("draft")
    (tree / ".github").mkdir()
    write(tree / ".github", ci="on: push\n")
    write(tree, reconciler="owner: me\n")
    (tree / "web.yaml").touch()
    assert WorkTree(tree).revision() == git(tree, "rev-parse", "HEAD")


def test_only_the_directory_itself_counts(tree: Path) -> None:
    for name in ("here", "there"):
        (tree / name).mkdir()
        write(tree / name, web="kind: Domain\n")
    head = commit(tree)
    write(tree / "there", web="changed\n")
    assert WorkTree(tree / "here").revision() == head
    assert WorkTree(tree / "there").revision() == f"{head}-dirty"
    assert WorkTree(tree / "there").prefix() == "there"


def test_asking_writes_nothing(tree: Path) -> None:
    # A file that is younger than the index tempts git to refresh it.
    os.utime(tree / "web.yaml", (time.time() - 60, time.time() - 60))
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    WorkTree(tree).revision(), WorkTree(tree).owners(), names(GitSource(tree, "HEAD"))
    assert {path: path.stat().st_mtime_ns for path in tree.rglob("*")} == before


def test_a_linked_work_tree_is_a_work_tree(tree: Path, tmp_path: Path) -> None:
    git(tree, "worktree", "add", "-q", str(tmp_path / "linked"))
    assert WorkTree(tmp_path / "linked").revision() == git(tree, "rev-parse", "HEAD")
    assert WorkTree(tmp_path / "linked").owners()[0] == WorkTree(tree).owners()[0]
    assert names(GitSource(tmp_path / "linked", "main")) == ["web.yaml"]


def test_a_machine_without_git_is_told_so(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tree))
    with pytest.raises(ReconcilerError, match=r"install it.*R703"):
        WorkTree(tree).revision()


# Whose it is


def test_a_clone_has_the_same_owner_and_its_own_place(tree: Path, tmp_path: Path) -> None:
    commit(tree, "second")
    git(tmp_path, "clone", "-q", str(tree), "clone")
    one, other = WorkTree(tree).owners(), WorkTree(tmp_path / "clone").owners()
    assert one[0] == other[0] == f"git:{git(tree, 'rev-list', '--max-parents=0', 'HEAD')[:12]}"
    assert one[1].startswith("dir:") and len(one[1]) == 16
    assert one[1] != other[1]


def test_merging_a_foreign_history_does_not_change_the_owner(tree: Path, tmp_path: Path) -> None:
    before = WorkTree(tree).owners()
    (tmp_path / "foreign").mkdir()
    git(tmp_path / "foreign", "init", "-q", "-b", "main")
    # git lists roots by date, the latest first.
    late = {**ENVIRONMENT, "GIT_COMMITTER_DATE": "2040-01-01T00:00:00Z"}
    command = ["git", "-C", str(tmp_path / "foreign"), "commit", "-q", "--allow-empty", "-m", "foreign"]
    subprocess.run(command, check=True, env=late)
    git(tree, "fetch", "-q", str(tmp_path / "foreign"), "main")
    git(tree, "merge", "-q", "--allow-unrelated-histories", "-m", "merge", "FETCH_HEAD")
    assert WorkTree(tree).owners() == before


def test_a_shallow_clone_does_not_know_the_first_commit(tree: Path, tmp_path: Path) -> None:
    commit(tree, "second")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{tree}", "shallow")
    (only,) = WorkTree(tmp_path / "shallow").owners()
    assert only.startswith("dir:")


def test_outside_git_the_real_path_is_the_owner(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert WorkTree(tmp_path / "real").owners() == WorkTree(tmp_path / "link").owners()
    assert WorkTree(tmp_path).owners() != WorkTree(tmp_path / "real").owners()


# A revision


def test_the_files_of_a_revision_are_those_of_then(tree: Path) -> None:
    first = git(tree, "rev-parse", "HEAD")
    write(tree, web="kind: Volume\n", added="kind: Domain\n")
    commit(tree)
    write(tree, uncommitted="kind: Domain\n")
    source = GitSource(tree, "HEAD~1")
    assert source.revision() == first
    assert [(file.path, file.content) for file in source.files()] == [("web.yaml", b"kind: Domain\n")]
    assert names(GitSource(tree, "main")) == ["added.yaml", "web.yaml"]
    assert source.owners() == WorkTree(tree).owners()


@pytest.mark.parametrize("name", ["main", "v1", "v1-annotated", "HEAD@{0}", "HEAD^{/first}"])
def test_a_revision_is_named_as_git_names_them(tree: Path, name: str) -> None:
    git(tree, "tag", "v1")
    git(tree, "tag", "-a", "v1-annotated", "-m", "tag")
    assert GitSource(tree, name).revision() == git(tree, "rev-parse", "HEAD")
    assert GitSource(tree, git(tree, "rev-parse", "--short", "HEAD")).revision() == git(tree, "rev-parse", "HEAD")


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_is_no_commit_is_refused(tree: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    with pytest.raises(ReconcilerError, match="R703"):
        GitSource(tree, name)
    assert sorted(path.name for path in tree.iterdir()) == [".git", "web.yaml"]


def test_outside_git_there_are_no_revisions(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ReconcilerError, match="R703"):
            GitSource(directory, "HEAD")


def test_only_the_directory_asked_for_is_read_and_by_its_own_paths(tree: Path) -> None:
    (tree / "lab" / "b").mkdir(parents=True)
    write(tree / "lab", one="1\n")
    write(tree / "lab" / "b", two="2\n")
    commit(tree)
    assert names(GitSource(tree / "lab", "HEAD")) == ["b/two.yaml", "one.yaml"]


def test_a_directory_that_was_not_there_then_is_named(tree: Path) -> None:
    (tree / "lab").mkdir()
    write(tree / "lab", one="1\n")
    commit(tree)
    with pytest.raises(ReconcilerError, match="R703"):
        names(GitSource(tree / "lab", "HEAD~1"))


def test_the_ignore_files_of_the_revision_count(tree: Path) -> None:
    (tree / "lab").mkdir()
    write(tree / "lab", draft="1\n", ready="2\n")
    (tree / "lab" / ".reconcilerignore").write_text("draft.yaml\n")
    commit(tree)
    (tree / "lab" / ".reconcilerignore").write_text("*\n")
    assert names(GitSource(tree, "HEAD")) == ["lab/ready.yaml", "web.yaml"]


def test_links_and_submodules_are_refused_where_they_would_count(tree: Path, tmp_path: Path) -> None:
    (tree / "link.yaml").symlink_to("web.yaml")
    (tree / "notes.md").symlink_to("web.yaml")
    git(tree, "add", "-A")
    git(tree, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},parts")
    git(tree, "commit", "-q", "-m", "links")
    with pytest.raises(ManifestError) as refused:
        names(GitSource(tree, "HEAD"))
    assert [(problem.number, problem.where) for problem in refused.value.problems] == [
        ("R109", "link.yaml"),
        ("R109", "parts"),
    ]


def test_an_ignored_submodule_is_no_trouble(tree: Path) -> None:
    (tree / ".reconcilerignore").write_text("parts/\n")
    git(tree, "add", "-A")
    git(tree, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},parts")
    git(tree, "commit", "-q", "-m", "submodule")
    assert names(GitSource(tree, "HEAD")) == ["web.yaml"]


def test_a_name_that_cannot_be_shown_is_refused(tree: Path) -> None:
    (tree / "a\x1b[31m.yaml").write_text("x")
    Path(os.fsdecode(os.fsencode(tree) + b"/\xff.yaml")).write_text("x")
    commit(tree)
    with pytest.raises(ManifestError) as refused:
        names(GitSource(tree, "HEAD"))
    assert [problem.number for problem in refused.value.problems] == ["R112", "R112"]
    assert str(refused.value).isascii() and "\x1b" not in str(refused.value)


def test_a_large_file_is_refused_unread(tree: Path) -> None:
    (tree / "large.xml").write_bytes(b"x" * ((4 << 20) + 1))
    commit(tree)
    with pytest.raises(ManifestError, match=r"large\.xml: .*R103"):
        names(GitSource(tree, "HEAD"))


def test_too_much_altogether_is_refused(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MOST_BYTES", 10)
    with pytest.raises(ManifestError, match="R103"):
        names(GitSource(tree, "HEAD"))


def test_a_tree_that_spells_ten_thousand_million_paths_is_refused_at_once(tree: Path) -> None:
    made = git(tree, "hash-object", "-w", "web.yaml")
    line = "100644 blob"
    for _ in range(10):
        listing = "".join(f"{line} {made}\t{number}.yaml\n" for number in range(10))
        made = subprocess.run(
            ["git", "-C", str(tree), "mktree"], input=listing, check=True, capture_output=True, text=True
        ).stdout.strip()
        line = "040000 tree"
    bomb = git(tree, "commit-tree", "-m", "bomb", made)
    began = time.monotonic()
    with pytest.raises(ReconcilerError, match=r"50000 files.*R103"):
        names(GitSource(tree, bomb))
    assert time.monotonic() - began < 60


def test_a_missing_object_is_an_error_and_not_a_smaller_state(tree: Path) -> None:
    oid = git(tree, "rev-parse", "HEAD:web.yaml")
    (tree / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    with pytest.raises(ReconcilerError, match="R703"):
        names(GitSource(tree, "HEAD"))


# A repository that means harm


@pytest.mark.parametrize(
    "setting", ["core.fsmonitor", "filter.evil.clean", "filter.evil.process", "filter.e.v=il.clean", "core.hooksPath"]
)
def test_nothing_that_a_repository_names_is_run(tree: Path, tmp_path: Path, setting: str) -> None:
    driver = setting.removeprefix("filter.").rpartition(".")[0]
    (tree / ".gitattributes").write_text(f"*.yaml filter={driver}\n")
    commit(tree)
    trap = tmp_path / "traps" / "post-index-change"
    trap.parent.mkdir()
    trap.write_text(f"#!/bin/sh\necho >> {tmp_path}/sprung\ncat\n")
    trap.chmod(0o755)
    git(tree, "config", setting, str(trap.parent if setting == "core.hooksPath" else trap))
    # Of the same size and at another time: git has to look into the file to know.
    os.utime(tree / "web.yaml", (1, 1))

    assert WorkTree(tree).revision() == git(tree, "rev-parse", "HEAD")
    WorkTree(tree).owners()
    assert names(GitSource(tree, "HEAD")) == ["web.yaml"]
    assert not (tmp_path / "sprung").exists()

    subprocess.run(["git", "-C", str(tree), "status"], env=ENVIRONMENT, capture_output=True, check=False)
    assert (tmp_path / "sprung").exists(), "the trap works"


def test_a_partial_clone_fetches_nothing(tree: Path, tmp_path: Path) -> None:
    git(tree, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{tree}", "partial")
    with pytest.raises(ReconcilerError, match="R703"):
        names(GitSource(tmp_path / "partial", "HEAD"))


def test_replaced_objects_do_not_count(tree: Path) -> None:
    old = git(tree, "rev-parse", "HEAD:web.yaml")
    write(tree, web="kind: Evil\n")
    new = git(tree, "hash-object", "-w", "web.yaml")
    git(tree, "replace", old, new)
    (file,) = GitSource(tree, "HEAD").files()
    assert file.content == b"kind: Domain\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_repository_of_somebody_else_is_read(tree: Path) -> None:
    head = git(tree, "rev-parse", "HEAD")
    for path in (tree, *tree.rglob("*")):
        os.chown(path, 12345, 12345)
    assert WorkTree(tree).revision() == head
    assert names(GitSource(tree, "HEAD")) == ["web.yaml"]


def test_the_callers_git_environment_is_not_ours(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = git(tree, "rev-parse", "HEAD")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    assert WorkTree(tree).revision() == head
    assert names(GitSource(tree, "HEAD")) == ["web.yaml"]
