"""`rollback`."""

from __future__ import annotations

import click

from reconciler.app.rollback import rollback
from reconciler.cli.applying import Applying
from reconciler.cli.approval import Approval
from reconciler.cli.arguments import Options, Verb, allow_option, ref_argument, with_options
from reconciler.errors import trouble
from reconciler.model.plans import Allow
from reconciler.model.refs import Ref


@click.command(cls=Verb, name="rollback")
@ref_argument()
@click.option(
    "--to", metavar="REV", default="", help="Version as `history` shows it; the one before the present otherwise."
)
@allow_option()
@click.option(
    "--approve", "digest", metavar="DIGEST", default="", help="Apply only the plan with this digest (or its start)."
)
@click.option("--yes", is_flag=True, help="Apply without asking.")
@with_options
def command(options: Options, ref: Ref, to: str, allow: frozenset[Allow], digest: str, yes: bool) -> int:
    """Plan and apply an older version of one resource.

    The manifest stays as it is, so the next plan shows the way forward again: revert the commit to stay.
    """
    if yes and digest:
        raise trouble("R801", "--yes and --approve exclude each other")
    settings = options.settings()
    with Applying(options, Approval(yes=yes, digest=digest)) as applying:
        return applying.end(
            rollback(settings, ref, to, allow, applying.approve, applying.report, applying.stopping),
        )
