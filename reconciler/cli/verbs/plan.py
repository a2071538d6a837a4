"""`plan`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from reconciler.app.plan import plan as make_plan
from reconciler.app.settings import Selection
from reconciler.cli import plan_file, render_json
from reconciler.cli.arguments import Options, Verb, path_option, refs_argument, with_options, with_selection
from reconciler.cli.messages import tell_failures
from reconciler.cli.render_diff import definition_diffs, diff_text
from reconciler.cli.render_plan import Style, plan_text
from reconciler.cli.terminal import answer
from reconciler.model.plans import Plan
from reconciler.model.refs import Ref

CHANGES = 2


@click.command(cls=Verb, name="plan")
@refs_argument()
@path_option("--out", metavar="FILE", help="Write the plan for `apply FILE`, readable by you only.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 where there are changes.")
@click.option("--diff", type=click.Choice(["xml"]), help="Show each definition's change as a diff of XML.")
@with_options
@with_selection
def command(
    options: Options,
    refs: tuple[Ref, ...],
    chosen: Selection,
    out: Path | None,
    detailed_exitcode: bool,
    diff: str | None,
) -> int:
    """Show what would change, of everything or of the resources named, and how much it hurts.

    Writes nothing, on no host and in no ledger.
    """
    selection = replace(chosen, refs=refs)
    plan = make_plan(options.settings(), selection)
    if out is not None:
        plan_file.write(out, plan, selection)
    _show(plan, options, diff is not None)
    if not plan.complete:
        return tell_failures(plan, options.terminal())
    return CHANGES if detailed_exitcode and plan.changes else 0


def _show(plan: Plan, options: Options, with_diffs: bool) -> None:
    diffs = definition_diffs(plan) if with_diffs else None
    if options.json:
        answer(render_json.text(render_json.plan_json(plan, diffs=diffs)))
        return
    terminal = options.terminal()
    for diff in (diffs or {}).values():
        answer(diff_text(diff, terminal) + "\n")
    answer(plan_text(plan, Style(terminal, options.verbose)))
