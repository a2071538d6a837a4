"""Steps on one object, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from reconciler.errors import BusyError, Problem
from reconciler.model.plans import Step

# What the guest has to do for a change, and has not done by the deadline.
NOT_YET = "R611"


def in_turn(steps: Iterable[Step], take: Callable[[Step], None]) -> Problem | None:
    """Take every step, and give what a guest has yet to do. Raises what `take` raises, at once.

    What a guest does not let go of in time (R611) keeps none of the later steps from happening.
    """
    left: Problem | None = None
    for step in steps:
        try:
            take(step)
        except BusyError as error:
            if error.problems[0].number != NOT_YET:
                raise
            left = left or error.problems[0]
    return left
