"""The tutorial works as it is written: its files are made, its commands run, and what it shows is what they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

FENCE = re.compile(r"^```(yaml|console)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
END = "end-of-what-it-printed"


@dataclass(frozen=True, slots=True)
class Step:
    """One command with the lines that the page shows below it. It may fail only if `echo $?` stands below it."""

    command: str
    shown: tuple[str, ...]
    may_fail: bool = False


def steps(page: str) -> Iterator[Step]:
    """The page's commands in order; a YAML block that begins with its file's name is a command that writes it."""
    for language, body in FENCE.findall(page):
        if language == "yaml":
            name = body.splitlines()[0].removeprefix("# ")
            yield Step(f"mkdir -p $(dirname {name}) && cat >{name} <<'EOF'\n{body}EOF", ())
            continue
        for block in re.split(r"^\$ (?=\S)", body, flags=re.MULTILINE)[1:]:
            command, *shown = block.splitlines()
            yield Step(command, tuple(line for line in shown if line), f"{block}$ echo $?" in body)


def looks_like(shown: str, printed: str) -> bool:
    """Whether a printed line is the shown one; `…` stands for anything, and columns may be wider."""
    parts = (r"\s+".join(map(re.escape, part.split())) for part in shown.split("…"))
    return re.search(".*".join(parts), printed) is not None


@pytest.mark.e2e
def test_the_tutorial(guest: Path, root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    from reconciler.adapters.virt import embedded

    # A short name: the page shows a socket by its path, and that may have 107 characters at most.
    tmp_path = tmp_path_factory.mktemp("t")

    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "RECONCILER_CACHE_DIR": str(tmp_path / "cache")}
    bash = subprocess.Popen(["bash"], cwd=tmp_path, env=environment, stdin=-1, stdout=-1, stderr=-2, text=True)
    assert bash.stdin is not None
    assert bash.stdout is not None
    with bash:
        try:
            for step in steps((root / "docs/tutorial.md").read_text()):
                bash.stdin.write(f"{step.command}\ncode=$?; echo; echo code=$code; echo {END}; (exit $code)\n")
                bash.stdin.flush()
                *printed, code = iter(bash.stdout.readline, f"{END}\n")
                missing = [line for line in step.shown if not any(looks_like(line, each) for each in printed)]
                assert not missing, f"$ {step.command}\n{''.join(printed)}"
                assert code == "code=0\n" or step.may_fail, f"$ {step.command}\n{''.join(printed)}{code}"
        finally:
            bash.stdin.close()
            embedded.stop(tmp_path / "state")
