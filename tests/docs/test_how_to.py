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
