"""What the how-to pages show can be typed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{place}")
    for page in sorted((ROOT / "docs" / "how-to").glob("*.md"))
    for place, block in enumerate(
        re.findall(r"^```yaml\n(apiVersion.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    )
]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_document_in_a_how_to_page_is_valid(block: str, tmp_path: Path) -> None:
    (tmp_path / "shown.yaml").write_text(block)
    command = [sys.executable, "-m", "reconciler", "-C", tmp_path, "--state-dir", tmp_path / "state", "validate"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_policy_in_the_how_to_page_refuses_what_the_page_says_it_does(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "policy.md").read_text()
    written = re.search(r"^```yaml\n# /etc/reconciler/config.yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert written is not None
    (tmp_path / "config.yaml").write_text(written[1])
    desired = tmp_path / "desired"
    desired.mkdir()
    disks = "  disks:\n    - {name: root, file: /srv/guests/web-1.qcow2}\n    - {name: data, file: /etc/shadow}\n"
    head = "apiVersion: reconciler/v1\nkind: Domain\nmetadata: {name: web-1}\nspec:\n"
    (desired / "web.yaml").write_text(head + disks)
    command = [sys.executable, "-m", "reconciler", "-C", desired, "--config", tmp_path / "config.yaml", "validate"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 65
    said = re.search(r"^error: web.yaml:12:14: (.*)$", page, re.MULTILINE)
    assert said is not None
    assert (
        f"web.yaml:7:26: {said[1]}".replace("/etc/reconciler/config.yaml", str(tmp_path / "config.yaml")) in done.stderr
    )
