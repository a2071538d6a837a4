"""What became of one change."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from reconciler.errors import Problem
from reconciler.model.plans import Change


class Result(Enum):
    """`pending`: the definition is as wanted, and the guest has yet to let go of something or to take it.

    `skipped`: blocked, or something it needs has failed.
    """

    DONE = "done"
    PENDING = "pending"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One change and its end; `problem` says why it is not done."""

    change: Change
    result: Result
    problem: Problem | None = None
