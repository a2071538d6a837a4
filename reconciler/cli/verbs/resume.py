"""`resume`."""

from __future__ import annotations

import click

from reconciler.app.suspend import resume
from reconciler.cli import render_json
from reconciler.cli.arguments import Options, Verb, refs_argument, with_options
from reconciler.cli.render_status import suspended_json, suspended_text
from reconciler.cli.terminal import answer
from reconciler.model.refs import Ref


@click.command(cls=Verb, name="resume")
@refs_argument(required=True)
@with_options
def command(options: Options, refs: tuple[Ref, ...]) -> int:
    """Take care of suspended resources again; the next plan shows what has gathered."""
    found = resume(options.settings(), refs)
    answer(render_json.text(suspended_json(found)) if options.json else suspended_text(found))
    return 0
