"""`suspend`."""

from __future__ import annotations

import click

from reconciler.app.suspend import suspend
from reconciler.cli import render_json
from reconciler.cli.arguments import Options, Verb, refs_argument, with_options
from reconciler.cli.render_status import suspended_json, suspended_text
from reconciler.cli.terminal import answer
from reconciler.model.refs import Ref


@click.command(cls=Verb, name="suspend")
@refs_argument(required=True)
@click.option("--reason", metavar="TEXT", required=True, help="Why; everybody who looks at the status reads it.")
@click.option("--until", metavar="T", default="", help="When that ends: 4h, 2d, 2026-12-01, 2026-12-01T08:00.")
@with_options
def command(options: Options, refs: tuple[Ref, ...], reason: str, until: str) -> int:
    """Leave resources alone: no plan holds a change of them, and no apply touches them, until they are resumed.

    Whoever uses the same ledger is bound by it. A machine's volumes have names of their own.
    """
    found = suspend(options.settings(), refs, reason, until)
    answer(render_json.text(suspended_json(found)) if options.json else suspended_text(found))
    return 0
