"""`apply`: lock, look, plan, ask, then carry out each permitted change and write down what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.app import plan as planning
from reconciler.app import session
from reconciler.app.contents import Progress
from reconciler.app.perform import Run, carry_out
from reconciler.app.session import Workspace
from reconciler.app.settings import Selection, Settings
from reconciler.errors import trouble
from reconciler.model.outcomes import Outcome
from reconciler.model.plans import Plan

Approve = Callable[[Plan], bool]
Report = Callable[[Outcome], None]
Stopping = Callable[[], bool]
Tell = Callable[[Progress], None]


@dataclass(frozen=True, kw_only=True)
class Applied:
    """A plan and what became of each of its changes."""

    plan: Plan
    outcomes: tuple[Outcome, ...] = ()


def apply(
    settings: Settings,
    selection: Selection,
    approve: Approve,
    report: Report,
    stopping: Stopping,
    progress: Tell = lambda progress: None,
) -> Applied:
    """Plan under the hosts' locks and carry it out if `approve` says so. Raises R508 where it does not."""
    with session.opened(settings, selection, operation="apply") as workspace:
        plan = planning.make(workspace)
        return execute(workspace, plan, Run(approve=approve, report=report, stopping=stopping, progress=progress))


def execute(workspace: Workspace, plan: Plan, run: Run) -> Applied:
    """Carry out an open workspace's plan. An empty one is asked about too: another may have been approved."""
    if not run.approve(plan):
        raise trouble("R508", "nothing was changed")
    return Applied(plan=plan, outcomes=carry_out(workspace, plan, run))
