"""A machine that crashes again and again is not started at every pass: how long it rests, and what is remembered."""

from __future__ import annotations

from dataclasses import replace

from reconciler.model import moments
from reconciler.model.documents import CRASHED, POWER, Observed, Spec
from reconciler.model.inventory import Crashes, Owned
from reconciler.model.plans import Change, Condition, Diff, Disruption, Start, Stop

CRASH_LOOP = "CrashLoop"
# The first start after a crash is immediate, the second waits this long, every further one twice as long as the last.
FIRST_SECONDS = 10
LONGEST_SECONDS = 300
# A machine that is seen running so long after such a start has recovered.
CALM_SECONDS = 600


def rests_until(spec: Spec, observed: Observed, owned: Owned | None, today: str) -> str:
    """When a crashed machine is to be started next; "" if nothing forbids it now. A changed document is a new try."""
    crashes = owned.crashes if owned and owned.uuid in ("", observed.uuid) else None
    if not today or crashes is None or crashes.digest != spec.digest:
        return ""
    if observed.facts.get(CRASHED) != "yes" or spec.claims.get(POWER) != "running":
        return ""
    due = moments.after(crashes.started, _delay(crashes.count))
    # A clock that was set back must not keep a machine off for longer than that.
    return due if crashes.started <= today < due else ""


def _delay(count: int) -> int:
    return min(LONGEST_SECONDS, FIRST_SECONDS << min(count - 1, 10)) if count else 0


def counted(crashes: Crashes | None, digest: str, today: str) -> Crashes:
    """What to remember when a crashed machine is started."""
    count = crashes.count if crashes and crashes.digest == digest else 0
    return Crashes(count=count + 1, started=today, digest=digest)


def has_recovered(crashes: Crashes, observed: Observed, today: str) -> bool:
    """Whether the machine has run long enough since its last start after a crash to begin anew."""
    return observed.facts.get(POWER) == "running" and today >= moments.after(crashes.started, CALM_SECONDS)


def condition(spec: Spec, owned: Owned | None, due: str) -> tuple[Condition, ...]:
    """That a machine rests, and until when."""
    if not due or owned is None or owned.crashes is None:
        return ()
    said = f"it crashed or failed to start {owned.crashes.count + 1} times in a row"
    message = f"{said}; the next start is due at {due}, or when its document changes"
    return (Condition(spec.ref, spec.host, CRASH_LOOP, message),)


def is_start(diff: Diff) -> bool:
    """Whether this difference is that the machine should run."""
    return diff.address == POWER and diff.after == "running"


def without_start(change: Change | None) -> Change | None:
    """The change without what would start the machine; None where that was all of it."""
    if change is None or change.blocked:
        return change
    steps = tuple(step for step in change.steps if not isinstance(step, Start | Stop))
    if steps == change.steps:
        return change
    return replace(change, steps=steps, waits=change.disruption >= Disruption.NEXT_BOOT) if steps else None
