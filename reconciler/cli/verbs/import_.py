"""`import`."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.app.import_ import Imported, import_
from reconciler.app.settings import Selection
from reconciler.cli import render_json
from reconciler.cli.arguments import Options, Verb, exclude_option, path_option, refs_argument, with_options
from reconciler.cli.messages import exit_code, problem_lines, problems_json
from reconciler.cli.terminal import answer, printable, tell
from reconciler.errors import trouble
from reconciler.model.refs import Ref


@click.command(cls=Verb, name="import")
@refs_argument()
@click.option("--all", "everything", is_flag=True, help="Everything on the hosts that no manifest declares.")
@exclude_option()
@path_option("--to", metavar="DIR", help="Where the manifests go; the desired state otherwise.")
@with_options
def command(
    options: Options, refs: tuple[Ref, ...], everything: bool, exclude: tuple[Ref, ...], to: Path | None
) -> int:
    """Write manifests from the objects on the hosts: those named, or --all. Adopts nothing and changes no host."""
    if bool(refs) == everything:
        raise trouble("R801", "name resources to import, or pass --all")
    settings = options.settings()
    imported = import_(settings, Selection(refs=refs, exclude=exclude), to or settings.directory)
    if imported.problems:
        tell("\n".join(problem_lines(imported.problems, options.terminal())))
    answer(_json(imported) if options.json else _text(imported))
    return exit_code(imported.problems)


def _json(imported: Imported) -> str:
    written = [str(path) for path in imported.written]
    return render_json.text({"written": written, "summary": dict(imported.summary), **problems_json(imported.problems)})


def _text(imported: Imported) -> str:
    counts = ", ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in sorted(imported.summary.items()))
    lines = [f"wrote {printable(str(path))}" for path in imported.written]
    return "\n".join([*lines, f"Imported: {counts or 'nothing'}."])
