"""`apply`."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import click

from reconciler.app.apply import apply
from reconciler.app.settings import Selection
from reconciler.cli import plan_file
from reconciler.cli.applying import Applying
from reconciler.cli.approval import Approval
from reconciler.cli.arguments import Options, Verb, with_options, with_selection
from reconciler.errors import trouble
from reconciler.model.refs import Ref

# A kind is written so; a path that begins like this can be given as ./Kind/…
_REF = re.compile(r"[A-Z][A-Za-z]*/.")


@click.command(cls=Verb, name="apply")
@click.argument("targets", metavar="[REF]... | [PLANFILE]", nargs=-1)
@click.option(
    "--approve", "digest", metavar="DIGEST", default="", help="Apply only the plan with this digest (or its start)."
)
@click.option("--yes", is_flag=True, help="Apply without asking.")
@with_options
@with_selection
def command(options: Options, targets: tuple[str, ...], chosen: Selection, digest: str, yes: bool) -> int:
    """Carry out what `plan` shows, of everything or of the resources named.

    Asks on a terminal; only yes counts. Without a terminal one of --yes, --approve DIGEST or a PLANFILE is required.
    Everything is planned again; an approved plan is refused where anything differs from it.
    """
    if yes and digest:
        raise trouble("R801", "--yes and --approve exclude each other")
    if _is_plan_file(targets):
        selection, approval = _planned(Path(targets[0]), chosen, yes or bool(digest))
    else:
        selection = replace(chosen, refs=tuple(Ref.parse(target) for target in targets))
        approval = Approval(yes=yes, digest=digest)
    settings = options.settings()
    with Applying(options, approval) as applying:
        ways = (applying.approve, applying.report, applying.stopping, applying.progress)
        return applying.end(apply(settings, selection, *ways))


def _is_plan_file(targets: tuple[str, ...]) -> bool:
    """Whether a plan file is named and not resources; one of each is a mistake that `Ref.parse` explains."""
    return len(targets) == 1 and not _REF.match(targets[0])


def _planned(path: Path, chosen: Selection, approved: bool) -> tuple[Selection, Approval]:
    """What a plan file selects and approves; only permissions can be added to it."""
    if approved or chosen.exclude or chosen.revision:
        raise trouble("R801", "a plan file says what is applied: leave out --exclude, --ref, --approve and --yes")
    found = plan_file.read(path)
    return replace(found.selection, allow=found.selection.allow | chosen.allow), Approval(digest=found.digest)
