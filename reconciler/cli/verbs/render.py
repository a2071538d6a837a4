"""`render`."""

from __future__ import annotations

import click

from reconciler.app.render import render
from reconciler.app.settings import Selection
from reconciler.cli import render_json
from reconciler.cli.arguments import Options, Verb, ref_argument, with_options
from reconciler.cli.terminal import answer
from reconciler.model.refs import Ref


@click.command(cls=Verb, name="render")
@ref_argument()
@with_options
def command(options: Options, ref: Ref) -> int:
    """Print the XML that would be defined for one resource, over what the host has. Passwords are left out."""
    xml = render(options.settings(), Selection(refs=(ref,)))
    answer(render_json.text({"ref": str(ref), "xml": xml}) if options.json else xml)
    return 0
