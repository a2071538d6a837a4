"""One apply as the person at the terminal sees it: the plan, the question, a line for each change, the end."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING

from reconciler.cli import render_json
from reconciler.cli.approval import Approval, approve, check_digest
from reconciler.cli.arguments import Options
from reconciler.cli.interrupts import Interrupts
from reconciler.cli.messages import tell_failures
from reconciler.cli.progress_line import ProgressLine
from reconciler.cli.render_apply import applied_code, applied_text, outcome_line
from reconciler.cli.render_plan import Style, plan_text
from reconciler.cli.terminal import answer, tell
from reconciler.model.outcomes import Outcome
from reconciler.model.plans import Plan

if TYPE_CHECKING:
    from reconciler.app.apply import Applied
    from reconciler.app.contents import Progress


class Applying:
    """What `apply` and `rollback` hand to the app: how to approve, where to report, when to stop."""

    def __init__(self, options: Options, approval: Approval) -> None:
        self._options = options
        self._approval = approval
        self._terminal = options.terminal()
        self._interrupts = Interrupts()
        self._progress = ProgressLine(self._terminal)
        self._shown = False
        # Hosts are worked on side by side, and each reports from its own thread.
        self._writing = threading.Lock()

    def __enter__(self) -> Applying:
        return self

    def approve(self, plan: Plan) -> bool:
        """True where the plan may be carried out. From then on Ctrl-C is a request to stop."""
        self._show(plan)
        agreed = approve(plan, self._approval, self._terminal.interactive)
        self._interrupts.begin()
        return agreed

    def _show(self, plan: Plan) -> None:
        """The plan: part of the answer, or on standard error where the answer is JSON."""
        self._shown = True
        text = plan_text(plan, Style(self._terminal, self._options.verbose))
        (tell if self._options.json else answer)(text + "\n")

    def report(self, outcome: Outcome) -> None:
        """A line for one change that has ended."""
        with self._writing:
            self._progress.clear()
            if not self._options.json:
                answer(outcome_line(outcome, self._terminal))

    def progress(self, progress: Progress) -> None:
        """How far a step is that takes long."""
        with self._writing:
            self._progress.show(progress)

    def stopping(self) -> bool:
        """Whether somebody has asked to stop."""
        return self._interrupts.stopping()

    def end(self, applied: Applied) -> int:
        """Say how it ended; gives the exit code. Raises R506 where an approved plan has become empty."""
        plan, outcomes = applied.plan, applied.outcomes
        if not self._shown:
            check_digest(plan, self._approval)
        if self._options.json:
            answer(render_json.text(render_json.plan_json(plan, outcomes)))
        elif not self._shown:
            answer(plan_text(plan, Style(self._terminal, self._options.verbose)))
        if outcomes and not self._options.json:
            answer("\n" + applied_text(plan, outcomes, self._terminal))
        tell_failures(plan, self._terminal)
        return applied_code(plan, outcomes)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._interrupts.end()
