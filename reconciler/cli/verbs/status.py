"""`status`."""

from __future__ import annotations

import json
import threading

import click

from reconciler.app.settings import Selection, Settings
from reconciler.app.status import status
from reconciler.catalogue import Family
from reconciler.cli import render_json
from reconciler.cli.arguments import Options, Verb, refs_argument, with_options
from reconciler.cli.render_status import status_json, status_text
from reconciler.cli.terminal import answer
from reconciler.model.refs import Ref

# The state of a resource whose host could not be asked.
UNKNOWN = "unknown"
PERIOD_SECONDS = 2.0
CLEAR = "\x1b[H\x1b[2J"


@click.command(cls=Verb, name="status")
@refs_argument()
@click.option(
    "--watch", is_flag=True, help="Look again every two seconds until Ctrl-C; with -o json a document a line."
)
@with_options
def command(options: Options, refs: tuple[Ref, ...], watch: bool) -> int:
    """Show how each declared resource stands: its state, whether it has drifted, what waits for a restart."""
    settings = options.settings()
    if watch:
        return _watch(options, settings, refs)
    found = status(settings, Selection(refs=refs))
    answer(render_json.text(status_json(found)) if options.json else status_text(found, options.terminal()))
    return Family.UNREACHABLE.value if any(each.state == UNKNOWN for each in found) else 0


def _watch(options: Options, settings: Settings, refs: tuple[Ref, ...]) -> int:
    terminal = options.terminal()
    pause = threading.Event()
    try:
        while True:
            found = status(settings, Selection(refs=refs))
            if options.json:
                answer(json.dumps(status_json(found), ensure_ascii=False))
            else:
                answer((CLEAR if terminal.interactive else "") + status_text(found, terminal))
            pause.wait(PERIOD_SECONDS)
    except KeyboardInterrupt:
        return 0
