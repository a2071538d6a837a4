"""What each change of a host costs: nothing that a guest would notice. A host is never made and never removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.errors import Problem
from reconciler.kind import Decision, Facts, Judged, Rule, Situation
from reconciler.kinds.host.spec import KSM
from reconciler.model.documents import Address, Observed, Spec
from reconciler.model.plans import Diff, Disruption, KindStep, Step

TUNE = "tune"
# Our address -> libvirt's parameter (virNodeSetMemoryParameters, libvirt-host.h; 0.10.2).
PARAMETERS: dict[Address, str] = {
    f"{KSM}pagesToScan": "shm_pages_to_scan",
    f"{KSM}sleepMillisecs": "shm_sleep_millisecs",
    f"{KSM}mergeAcrossNodes": "shm_merge_across_nodes",
}


def _tune(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.NONE, TUNE)


def _ours(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.NONE, "none")


RULES: tuple[Rule, ...] = (
    Rule(f"{KSM}*", _tune, "Set at once; it lasts until the host restarts, and the next apply sets it again."),
    Rule("*", _ours, "For the program only: nothing changes on the host."),
)


def _steps(values: Iterator[tuple[Address, str | None]]) -> tuple[Step, ...]:
    wanted = {PARAMETERS[address]: value for address, value in values if address in PARAMETERS and value is not None}
    return (KindStep(TUNE, wanted),) if wanted else ()


def create(spec: Spec) -> tuple[Step, ...]:
    """The tuning: the host itself is there."""
    return _steps(iter(spec.claims.items()))


def update(situation: Situation, judged: Sequence[Judged]) -> tuple[Step, ...]:
    """The tuning, as far as it differs."""
    return _steps((each.diff.address, each.diff.after) for each in judged)


def delete(observed: Observed, data: bool, force: bool) -> tuple[Step, ...]:
    """Nothing: a host that is no longer declared is only forgotten."""
    return ()


def preflight(spec: Spec, observed: Observed | None, facts: Facts) -> tuple[Problem, ...]:
    """What the host's kernel or driver cannot tune."""
    known = observed.facts if observed else {}
    missing = [address.removeprefix("!") for address in spec.claims if address in PARAMETERS and address not in known]
    if not missing:
        return ()
    message = f"{spec.ref} wants {', '.join(missing)}, which the host's kernel or libvirt driver does not have"
    return (Problem("R401", message, spec.where),)
