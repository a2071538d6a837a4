"""A desired state that is based on others: directories and revisions of one repository, and the values of each."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from reconciler.adapters.files import DirectorySource
from reconciler.adapters.git import GitSource, WorkTree
from reconciler.app.settings import Settings
from reconciler.app.sources import Gathered, collect
from reconciler.app.validate import validate
from reconciler.errors import Problem
from reconciler.ports import Source, SourceFile

PROD = "environments/prod"
TREE = {
    "base/lan.yaml": "lan\n",
    "base/values.yaml": "a: 1\n",
    f"{PROD}/reconciler.yaml": "base: ../../base\nvalues: [more.yaml, ../shared.yaml]\n",
    f"{PROD}/web.yaml": "web\n",
    f"{PROD}/values.yaml": "a: 2\n",
    f"{PROD}/more.yaml": "a: 3\n",
    "environments/shared.yaml": "a: 4\n",
}


def git(directory: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments],
        cwd=directory,
        check=True,
        capture_output=True,
    )


def write(root: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    write(root, TREE)
    return root


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "all")


def directory(root: Path, path: str = PROD) -> Source:
    return DirectorySource(root / path, WorkTree(root / path))


def revision(root: Path, path: str = PROD) -> Source:
    commit(root)
    return GitSource(root / path, "HEAD")


EITHER = pytest.mark.parametrize("source", [directory, revision])


def paths(gathered: Gathered) -> tuple[list[str], list[str]]:
    return [file.path for file in collect(gathered)[0]], [file.path for file in gathered.values]


def problems(gathered: Gathered) -> list[tuple[str, str]]:
    return [(problem.where, problem.number) for problem in collect(gathered)[1]]


@EITHER
def test_the_base_comes_first_and_the_nearest_values_last(repository, source) -> None:
    given = SourceFile("given.yaml", b"a: 5\n")
    gathered = Gathered(source(repository), [given])
    assert paths(gathered) == (
        ["../../base/lan.yaml", "web.yaml"],
        ["../../base/values.yaml", "values.yaml", "more.yaml", "../shared.yaml", "given.yaml"],
    )
    assert problems(gathered) == []


@EITHER
def test_a_base_may_have_bases_and_each_is_taken_once(repository, source) -> None:
    write(
        repository,
        {
            "base/reconciler.yaml": "base: [../lowest]\n",
            "lowest/host.yaml": "host\n",
            f"{PROD}/reconciler.yaml": "base: [../../lowest, ../../base, ../../base]\nvalues: more.yaml\n",
        },
    )
    assert paths(Gathered(source(repository)))[0] == ["../../lowest/host.yaml", "../../base/lan.yaml", "web.yaml"]


@EITHER
@pytest.mark.parametrize(
    ("settings", "number"),
    [
        ("base: ../../../elsewhere\n", "R117"),
        ("base: ../../../../../../..\n", "R117"),
        ("base: /etc\n", "R117"),
        ("base: [1]\n", "R117"),
        ("base: ../../nothing\n", "R117"),
        ("base: ../../base/lan.yaml\n", "R117"),
        ("base: ../..\n", "R117"),
        ("base: ..\n", "R117"),
        ("base: .\n", "R117"),
        ("base: ../prod\n", "R117"),
        ("values: ../../../secret.yaml\n", "R117"),
        ("values: gone.yaml\n", "R118"),
        ("values: /etc/passwd\n", "R118"),
    ],
)
def test_nothing_outside_of_the_repository_is_read(repository, source, settings, number) -> None:
    write(repository.parent, {"elsewhere/a.yaml": "a\n", "secret.yaml": "a: 1\n"})
    write(repository, {f"{PROD}/reconciler.yaml": settings})
    gathered = Gathered(source(repository))
    column = settings.index(" ") + 2 + settings.count("[")
    assert problems(gathered) == [(f"reconciler.yaml:1:{column}", number)]
    assert "a.yaml" not in str(paths(gathered)[0])


@EITHER
def test_directories_that_are_based_on_each_other_are_refused(repository, source) -> None:
    write(repository, {"base/reconciler.yaml": f"base: ../{PROD}\n"})
    assert problems(Gathered(source(repository))) == [("../../base/reconciler.yaml:1:7", "R117")]


def test_a_link_out_of_the_repository_is_no_way_out(repository) -> None:
    write(repository.parent, {"elsewhere/a.yaml": "secret: 1\n"})
    (repository / PROD / "out").symlink_to(repository.parent / "elsewhere")
    write(repository, {f"{PROD}/reconciler.yaml": "base: out\nvalues: out/a.yaml\n"})
    gathered = Gathered(directory(repository))
    assert sorted(problems(gathered)) == [
        ("out:1:1", "R109"),
        ("reconciler.yaml:1:7", "R117"),
        ("reconciler.yaml:2:9", "R117"),
    ]
    assert not any(b"secret" in file.content for file in (*collect(gathered)[0], *gathered.values))


def test_a_link_in_a_revision_is_no_base(repository) -> None:
    (repository / PROD / "out").symlink_to("../../base")
    write(repository, {f"{PROD}/reconciler.yaml": "base: out\nvalues: out\n"})
    found = problems(Gathered(revision(repository)))
    assert {("reconciler.yaml:1:7", "R117"), ("reconciler.yaml:2:9", "R109")} <= set(found)


def test_outside_of_git_nothing_above_the_directory_is_read(tmp_path) -> None:
    write(tmp_path, TREE)
    [one, two] = problems(Gathered(directory(tmp_path)))
    assert (one, two) == (("reconciler.yaml:1:7", "R117"), ("reconciler.yaml:2:21", "R117"))
    write(tmp_path, {f"{PROD}/reconciler.yaml": "base: inner\n", f"{PROD}/inner/x.yaml": "x\n"})
    assert problems(Gathered(directory(tmp_path))) == []


def test_the_revision_names_a_change_in_the_base(repository) -> None:
    commit(repository)
    clean = Gathered(directory(repository)).revision()
    assert clean is not None and not clean.endswith("-dirty")
    write(repository, {"base/lan.yaml": "changed\n"})
    assert Gathered(directory(repository)).revision() == f"{clean}-dirty"
    write(repository, {"base/lan.yaml": TREE["base/lan.yaml"], f"{PROD}/reconciler.yaml": "base: ../../base\n"})
    assert Gathered(directory(repository)).revision() == f"{clean}-dirty"


DOCUMENTS = {
    "base/lan.yaml": "apiVersion: reconciler/v1\nkind: Network\nmetadata: {name: lan}\n"
    "spec: {forward: '${values.way}'}\n",
    "base/values.yaml": "way: nat\n",
    f"{PROD}/reconciler.yaml": "base: ../../base\n",
    f"{PROD}/values.yaml": "way: [odd]\n",
}


def found(repository: Path, *chosen: str, given: str = "") -> tuple[Problem, ...]:
    settings = Settings(
        directory=repository / PROD,
        state_dir=repository.parent / "state",
        cache_dir=repository.parent / "cache",
        values=(Path(given),) if given else (),
    )
    return validate([repository / path for path in chosen], settings).problems


def test_validate_knows_the_base_and_the_values(repository) -> None:
    write(repository, DOCUMENTS)
    for name in ("shared.yaml",):
        (repository / "environments" / name).unlink()
    for name in ("more.yaml", "web.yaml"):
        (repository / PROD / name).unlink()
    assert [(each.where, each.number) for each in found(repository)] == [("../../base/lan.yaml:4:17", "R204")]
    [problem] = found(repository, PROD)
    assert problem.where == f"{repository}/base/lan.yaml:4:17"
    assert found(repository, "base") == ()
    assert found(repository, f"{PROD}/values.yaml") == ()
    nearer = repository.parent / "given.yaml"
    nearer.write_text("way: route\n")
    assert found(repository, given=str(nearer)) == ()
    write(repository, {f"{PROD}/values.yaml": "way: route\n"})
    assert found(repository) == found(repository, PROD) == ()
