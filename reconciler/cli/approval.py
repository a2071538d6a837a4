"""Who says yes to a plan: a flag, a digest, a plan file, or a person at the terminal."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cli.terminal import ask
from reconciler.engine.digest import SHORTEST, matches
from reconciler.errors import trouble
from reconciler.model.plans import Plan

QUESTION = "Apply these changes? Only yes is accepted: "


@dataclass(frozen=True, kw_only=True, slots=True)
class Approval:
    """What the command line says: `yes` to anything, or to the plan with this digest (or its first characters)."""

    yes: bool = False
    digest: str = ""

    def __post_init__(self) -> None:
        if self.digest and (len(self.digest) < SHORTEST or set(self.digest) - set("0123456789abcdef")):
            raise trouble("R801", f"--approve takes a plan's digest, or its first {SHORTEST} characters or more")


def check_digest(plan: Plan, approval: Approval) -> None:
    """Raise R506 where the approval is for another plan."""
    if approval.digest and not matches(plan, approval.digest):
        raise trouble("R506", f"the approved plan was {approval.digest[:12]}, this one is {plan.digest[:12]}")


def approve(plan: Plan, approval: Approval, interactive: bool) -> bool:
    """True for an approved plan, or one that changes nothing. Raises R506, R501 or R508 otherwise."""
    check_digest(plan, approval)
    if approval.digest or approval.yes or not plan.permitted:
        return True
    if not interactive:
        raise trouble("R501", "there is no terminal to ask on, and nothing approves this plan")
    if ask(QUESTION) != "yes":
        raise trouble("R508", "nothing was changed")
    return True
