"""`history`."""

from __future__ import annotations

import click

from reconciler.app.history import history
from reconciler.cli import render_json
from reconciler.cli.arguments import Options, Verb, ref_argument, with_options
from reconciler.cli.render_status import history_json, history_text
from reconciler.cli.terminal import answer
from reconciler.model.refs import Ref


@click.command(cls=Verb, name="history")
@ref_argument()
@with_options
def command(options: Options, ref: Ref) -> int:
    """List the versions of one resource in the ledger, newest first, with what each changed."""
    found = history(options.settings(), ref)
    if options.json:
        answer(render_json.text(history_json(ref, found)))
    else:
        answer(history_text(found, options.terminal(), options.verbose))
    return 0
