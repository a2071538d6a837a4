"""`validate`."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.app.validate import validate
from reconciler.cli.arguments import Options, Verb, with_options
from reconciler.cli.messages import exit_code, problem_lines, problems_json
from reconciler.cli.terminal import answer, tell


@click.command(cls=Verb, name="validate")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(path_type=Path))
@with_options
def command(options: Options, paths: tuple[Path, ...]) -> int:
    """Check the manifests, all of them or those at PATH. Needs no host and no libvirt.

    Every problem is shown with file, line, column and a number that `reconciler help NUMBER` explains.
    """
    found = validate(paths, options.settings())
    if found.problems:
        tell("\n".join(problem_lines(found.problems, options.terminal())))
    if options.json:
        from reconciler.cli import render_json  # 5 ms for the values of plans, which are not needed here.

        answer(
            render_json.text({"documents": found.count, "valid": not found.problems, **problems_json(found.problems)})
        )
    elif not found.problems:
        answer(f"{found.count} {'document is' if found.count == 1 else 'documents are'} valid.")
    return exit_code(found.problems)
