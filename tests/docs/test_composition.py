"""The repository that the how-to builds is what the page says, and so are the examples of the explanation."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOW_TO = ROOT / "docs" / "how-to" / "many-machines-and-environments.md"
EXPLANATION = ROOT / "docs" / "explanation" / "composition.md"


def build(page: Path, root: Path) -> list[str]:
    """Write the files of a page, each block that begins with its path; gives those paths."""
    blocks = re.findall(r"^```yaml\n# ([\w./-]+\.yaml)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    for path, text in blocks:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        # The first line stays, so that the numbers are those of the page.
        (root / path).write_text(f"# {path}\n{text}")
    return [path for path, _ in blocks]


def reconciler(root: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "reconciler", "--state-dir", f"{root.parent}/state", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("RECONCILER_CACHE_DIR", str(tmp_path / "cache"))
    root = tmp_path / "repository"
    root.mkdir()
    subprocess.run(["git", "init", "-q", root], check=True)
    return root


def test_the_environments_of_the_how_to_are_what_it_says(repository: Path) -> None:
    assert len(build(HOW_TO, repository)) == 9
    assert reconciler(repository, "-C", "environments/test", "validate") == "5 documents are valid.\n"
    reconciler(repository, "-C", "environments/prod", "validate")
    shown = reconciler(repository, "-C", "environments/prod", "render", "--all", "--as", "yaml")
    assert re.findall(r"^kind: (\w+)\nmetadata:\n  name: ([\w-]+)", shown, re.MULTILINE) == [
        ("Domain", "web-1"),
        ("Domain", "web-2"),
        ("Host", "hv1"),
        ("Network", "lan"),
        ("Volume", "web-1-root"),
        ("Volume", "web-1-scratch"),
        ("Volume", "web-2-root"),
    ]
    assert "vcpus: 8" in shown
    assert "description: web-2 on hv1, rack p7" in shown.replace("'", "")
    page = re.search(r"^\$ reconciler (-C [^\n]*--origin)\n(.*?)^```", HOW_TO.read_text(), re.DOTALL | re.MULTILINE)
    assert page is not None
    assert reconciler(repository, *page[1].split()).startswith(page[2])


def test_the_same_comes_from_a_commit(repository: Path) -> None:
    build(HOW_TO, repository)
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", "-C", repository, "add", "-A"], check=True)
    subprocess.run(["git", "-C", repository, *author, "commit", "-q", "-m", "all"], check=True)
    files = reconciler(repository, "-C", "environments/prod", "render", "--all", "--as", "yaml")
    (repository / "base" / "values.yaml").write_text("web: {count: 9, memory: 1GiB}\nlan: []\n")
    (repository / "environments" / "prod" / "reconciler.yaml").write_text("owner: web-team\n")
    assert (
        reconciler(repository, "-C", "environments/prod", "render", "--all", "--as", "yaml", "--ref", "HEAD") == files
    )


def test_a_script_keeps_its_own_names(repository: Path) -> None:
    assert build(EXPLANATION, repository) == ["script.yaml"]
    shown = reconciler(repository, "render", "Domain/web-1", "--as", "yaml", "--connect", "test:///default")
    assert "title: costs 5$ in web-1, not in ${HOME}" in shown.replace("'", "")
    assert "for i in ${list}; do echo web-1 ${metadata.name} ${i%.*}; done\n" in shown
