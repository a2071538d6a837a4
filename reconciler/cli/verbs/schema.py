"""`schema`."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.app.schema import files, schema
from reconciler.cli import render_json
from reconciler.cli.arguments import Options, Verb, path_option, with_options
from reconciler.cli.terminal import answer, printable
from reconciler.errors import trouble


@click.command(cls=Verb, name="schema")
@click.argument("kind", metavar="[KIND]", required=False)
@click.option("--all", "everything", is_flag=True, help="Every schema, as files in the directory of --to.")
@click.option("--editor", is_flag=True, help="Of documents as they are written: ${…}, generate, patch and null, too.")
@path_option("--to", metavar="DIR", help="Directory for --all.")
@with_options
def command(options: Options, kind: str | None, everything: bool, editor: bool, to: Path | None) -> int:
    """Print the JSON Schema (2020-12) of a kind; without KIND, one schema for documents of any kind.

    For editors, best with --editor: `# yaml-language-server: $schema=…` at the top of a manifest.
    """
    if everything != (to is not None) or (everything and kind):
        raise trouble("R801", "--all and --to DIR belong together, and take no KIND")
    if to is None:
        answer(schema(kind, editor=editor))
        return 0
    written = _write(to)
    if options.json:
        answer(render_json.text({"written": [str(path) for path in written]}))
    else:
        answer("\n".join(f"wrote {printable(str(path))}" for path in written))
    return 0


def _write(directory: Path) -> list[Path]:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files().items():
            (directory / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise trouble("R805", f"cannot be written: {error.strerror}", str(error.filename)) from error
    return [directory / name for name in files()]
