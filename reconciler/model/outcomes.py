"""What became of one change."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from reconciler.errors import Problem
from reconciler.model.plans import Change


class Result(Enum):
    """`skipped`: blocked, or something it needs has failed."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One change and its end; `problem` says why it failed or was skipped."""

    change: Change
    result: Result
    problem: Problem | None = None
