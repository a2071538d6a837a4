"""python -m tests.benchmarks [--tiny] [--write FILE]: measure, print a table, say whether all is within its limit."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.cases import CASES, MEBIBYTE, Bench, Row

INTRODUCTION = """\
# Benchmarks

Written by `make bench`. Each time stands beside a **floor** measured in the same run on the same machine: bare
libvirt-python in a process of its own, which lists all domains and reads their XML (or defines them); for commands
that need no libvirt, `python -c "import yaml"`. Ratios carry over to other machines; seconds do not. Each figure is
the median of whole processes, start-up included. *Cold* is without the cache of parsed documents and verdicts.
"""


def table(rows: Iterable[Row]) -> str:
    lines = ["| what | time | floor | ratio | limit | memory |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for row in rows:
        limit = "" if row.limit is None else f"{row.limit:g}"
        ratio = f"{row.ratio:.2f}{'' if row.within else ' **over**'}"
        memory = f"{row.ours.memory // MEBIBYTE} MiB"
        cells = (row.what, f"{row.ours.seconds:.2f} s", f"{row.floor.seconds:.2f} s", ratio, limit, memory)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def page(rows: Iterable[Row]) -> str:
    """The page for the documentation."""
    machine = f"Python {platform.python_version()}, {os.cpu_count()} CPUs, {platform.system()} {platform.machine()}."
    return f"{INTRODUCTION}\n{machine}\n\n{table(rows)}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--tiny", action="store_true", help="few machines, once: checks the benchmark, measures nothing"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page for the documentation")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="bench-") as work:
        full = Bench(work=Path(work))
        bench = replace(full, machines=3, many=(4,), repeats=1) if arguments.tiny else full
        for case in CASES:
            for row in case(bench):
                print(f"{row.ratio:6.2f}  {row.what}", file=sys.stderr, flush=True)
                rows.append(row)
    print(table(rows))
    if arguments.write:
        arguments.write.write_text(page(rows))
    return 0 if arguments.tiny or all(row.within for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
