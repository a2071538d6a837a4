"""What became of the changes, one line each, and how the program ends."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.catalogue import Family
from reconciler.cli.messages import exit_code
from reconciler.cli.terminal import Terminal, one_line, printable
from reconciler.model.outcomes import Outcome, Result
from reconciler.model.plans import Action, Plan

DONE = {
    Action.CREATE: "created",
    Action.UPDATE: "changed",
    Action.REPLACE: "replaced",
    Action.DELETE: "deleted",
    Action.ADOPT: "adopted",
    Action.FORGET: "forgotten",
}
COLOURS = {Result.DONE: "green", Result.PENDING: "yellow", Result.FAILED: "red", Result.SKIPPED: "yellow"}
INTERRUPTED = "R509"


def outcome_line(outcome: Outcome, terminal: Terminal) -> str:
    """`Domain/web-1 on hv1: changed`; a failed or skipped change says why."""
    change = outcome.change
    word = DONE[change.action] if outcome.result is Result.DONE else outcome.result.value
    line = f"{printable(str(change.ref))} on {printable(change.host)}: {terminal.style(word, COLOURS[outcome.result])}"
    return f"{line}: {one_line(f'{outcome.problem.message} [{outcome.problem.number}]')}" if outcome.problem else line


def applied_text(plan: Plan, outcomes: Sequence[Outcome], terminal: Terminal) -> str:
    """The last line: how many changes ended how."""
    done = [outcome.change for outcome in outcomes if outcome.result is Result.DONE]
    words = [f"{sum(change.action is action for change in done)} {word}" for action, word in DONE.items()]
    said = [word for word in words if not word.startswith("0 ")] or ["0 changed"]
    pending, failed = (
        sum(outcome.result is result for outcome in outcomes) for result in (Result.PENDING, Result.FAILED)
    )
    skipped = len(plan.changes) - len(done) - pending - failed
    counts = ((pending, "pending"), (failed, "failed"), (skipped, "skipped"))
    rest = [f"{count} {word}" for count, word in counts if count]
    waiting = sum(change.waits for change in done)
    line = terminal.style(f"Applied: {', '.join(said + rest)}.", "bold")
    return f"{line}  {waiting} waiting for a restart." if waiting else line


def applied_code(plan: Plan, outcomes: Sequence[Outcome]) -> int:
    """The exit code: of what failed; else of an interruption, an unreachable host, what is blocked, what is pending."""
    failed = [outcome.problem for outcome in outcomes if outcome.result is Result.FAILED and outcome.problem]
    if failed:
        return exit_code(failed)
    if any(outcome.result is Result.FAILED for outcome in outcomes):
        return Family.FAILED.value
    if any(outcome.problem and outcome.problem.number == INTERRUPTED for outcome in outcomes):
        return Family.BUSY.value
    if not plan.complete:
        return exit_code([problem for _, problem in plan.failures])
    if any(change.blocked for change in plan.changes):
        return Family.REFUSED.value
    return Family.BUSY.value if any(outcome.result is Result.PENDING for outcome in outcomes) else 0
