"""`init`."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.app.init import init
from reconciler.cli import render_json
from reconciler.cli.arguments import Options, Verb, with_options
from reconciler.cli.terminal import answer, printable, tell


@click.command(cls=Verb, name="init")
@click.argument("into", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@with_options
def command(options: Options, into: Path) -> int:
    """Write a small desired-state repository to start from, into DIR or here."""
    written = init(into)
    if options.json:
        answer(render_json.text({"written": [str(path) for path in written]}))
    else:
        answer("\n".join(f"wrote {printable(str(path))}" for path in written))
        tell("Next: git init, and reconciler plan.")
    return 0
