"""What the host itself is at work on (a migration, a save) is left alone, and that is said."""

from __future__ import annotations

from reconciler.model.documents import BUSY, Observed, Spec
from reconciler.model.plans import Condition

BUSY_CONDITION = "Busy"


def busy(spec: Spec, observed: Observed) -> tuple[Condition, ...]:
    """The condition of an object with a job of the host under way; none for any other."""
    job = observed.facts.get(BUSY)
    return (Condition(spec.ref, spec.host, BUSY_CONDITION, f"{job}; left alone until that ends"),) if job else ()
