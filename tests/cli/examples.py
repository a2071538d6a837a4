"""Plans to show, and an app that gives them without any host."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from types import ModuleType

from reconciler.app.settings import Selection, Settings
from reconciler.errors import Problem, trouble
from reconciler.model.documents import Observed
from reconciler.model.outcomes import Outcome, Result
from reconciler.model.plans import (
    Action,
    Allow,
    Blocked,
    Capacity,
    Change,
    Condition,
    Define,
    Disruption,
    FieldChange,
    Plan,
)
from reconciler.model.refs import Ref

DIGEST = "3f9c1a7be2d0" + "0" * 52
GIB = 1 << 30
WEB = Ref("Domain", "web-1")


def web() -> Change:
    return Change(
        ref=WEB,
        host="hv1",
        action=Action.UPDATE,
        fields=(
            FieldChange("memory.current", "2GiB", "4GiB", Disruption.NONE),
            FieldChange("disks[data].io", "native", "io_uring", Disruption.RESTART),
            FieldChange("interfaces[dmz]", None, "network=dmz", Disruption.NONE),
            FieldChange("title", "old", None, Disruption.NEXT_BOOT),
        ),
        steps=(Define("<domain>\n  <memory>4</memory>\n  <graphics passwd='new'/>\n</domain>\n"),),
        observed=Observed(
            ref=WEB,
            uuid="u",
            xml="<domain>\n  <memory>2</memory>\n  <graphics passwd='old'/>\n</domain>\n",
            digest="seen",
        ),
        disruption=Disruption.RESTART,
        waits=True,
    )


def volume() -> Change:
    return Change(
        ref=Ref("Volume", "default/web-1-data"),
        host="hv1",
        action=Action.UPDATE,
        fields=(FieldChange("capacity", "40GiB", "60GiB", Disruption.NONE),),
    )


def doomed(name: str = "old-vm", host: str = "hv1") -> Change:
    return Change(
        ref=Ref("Domain", name),
        host=host,
        action=Action.DELETE,
        blocked=Blocked("R502", "nothing declares it any more", Allow.DELETE),
    )


def created(name: str) -> Change:
    fields = (
        FieldChange("memory.current", None, "2GiB", Disruption.NONE),
        FieldChange("title", None, name, Disruption.NONE),
    )
    return Change(ref=Ref("Domain", name), host="hv1", action=Action.CREATE, fields=fields)


def plan(*changes: Change) -> Plan:
    return Plan(revision="abc123", changes=changes, digest=DIGEST)


FULL = replace(
    plan(web(), volume(), doomed()),
    conditions=(Condition(Ref("Domain", "db"), "hv1", "RestartPending", "waits", ("cpu.mode",)),),
    unmanaged=(("hv1", Ref("Domain", "stray")),),
    capacity=(Capacity(host="hv1", cpus=8, vcpus=14, memory=32 * GIB, committed=28 * GIB, warnings=("tight",)),),
)
EMPTY = plan()
UNREACHABLE = replace(EMPTY, failures=(("hv2", Problem("R601", "the host cannot be reached")),))


@dataclass(frozen=True)
class Applied:
    plan: Plan
    outcomes: tuple[Outcome, ...] = ()


def outcomes(plan: Plan, failing: Iterable[str] = (), number: str = "R604") -> tuple[Outcome, ...]:
    return tuple(
        Outcome(change, Result.SKIPPED, Problem(change.blocked.number, change.blocked.reason))
        if change.blocked
        else Outcome(change, Result.FAILED, Problem(number, "no"))
        if change.ref.name in failing
        else Outcome(change, Result.DONE)
        for change in plan.changes
    )


def applying(found: Plan, failing: Iterable[str] = (), seconds: float = 0.0) -> Callable[..., Applied]:
    """An `apply` as the app's: asks, then reports each change, stopping between two where it is asked to."""

    def apply(settings, selection, approve, report, stopping, progress=None) -> Applied:
        if found.permitted and not approve(found):
            raise trouble("R508", "nothing was changed")
        ends = []
        for outcome in outcomes(found, failing):
            if stopping():
                ends.append(Outcome(outcome.change, Result.SKIPPED, Problem("R509", "stopped before it")))
            else:
                _hold(seconds)
                ends.append(outcome)
            report(ends[-1])
        return Applied(found, tuple(ends))

    return apply


def _hold(seconds: float) -> None:
    """As a libvirt call that does not return for the sake of a signal."""
    if seconds:
        sys.stderr.write("step\n")
        sys.stderr.flush()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)


def planning(found: Plan) -> Callable[[Settings, Selection], Plan]:
    return lambda settings, selection: found


def module(name: str, **content: object) -> ModuleType:
    fake = ModuleType(name)
    fake.__dict__.update(content)
    return fake
