"""`render`."""

from __future__ import annotations

import click

from reconciler.app.render import render
from reconciler.app.settings import Selection
from reconciler.cli import render_json
from reconciler.cli.arguments import Options, Verb, refs_argument, with_options
from reconciler.cli.terminal import answer
from reconciler.errors import trouble
from reconciler.model.refs import Ref


@click.command(cls=Verb, name="render")
@refs_argument()
@click.option("--all", "everything", is_flag=True, help="Every resource.")
@click.option(
    "--as",
    "form",
    type=click.Choice(["xml", "yaml"]),
    help="xml: the definition (the default). yaml: the document with all that is merged, filled in and generated.",
)
@click.option("--origin", is_flag=True, help="Say beside each value where it was written; implies --as yaml.")
@click.option("--ref", "revision", metavar="GITREF", default="", help="Of this branch, tag or commit.")
@with_options
def command(
    options: Options, refs: tuple[Ref, ...], everything: bool, form: str | None, origin: bool, revision: str
) -> int:
    """Print what would be defined for resources, over what the host has, or what their documents come to.

    Passwords are left out.
    """
    if bool(refs) == everything:
        raise trouble("R801", "render wants resources, or --all")
    if origin and form == "xml":
        raise trouble("R801", "--origin belongs to --as yaml")
    chosen = Selection(refs=refs, revision=revision)
    if form == "yaml" or origin:
        return _documents(options, chosen, origins=origin)
    xml = render(options.settings(), chosen)
    answer(render_json.text({"ref": ", ".join(map(str, refs)), "xml": xml}) if options.json else xml)
    return 0


def _documents(options: Options, chosen: Selection, *, origins: bool) -> int:
    from reconciler.app.written import as_yaml, written

    found = written(options.settings(), chosen)
    answer(render_json.text(render_json.written(found)) if options.json else as_yaml(found, origins=origins))
    return 0
