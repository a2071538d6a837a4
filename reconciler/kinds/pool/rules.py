"""What each change of a pool costs, and the steps that carry it out.

libvirt stores a new definition of a running pool at once and uses it from its next start (seen with 9.0). A restart
takes the volumes away for a moment: guests that run on files go on, but nothing can be started meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.errors import Problem
from reconciler.kind import Decision, Facts, Judged, Rule, Situation, restarts
from reconciler.kinds.pool.xml import render
from reconciler.model.addresses import pattern_of
from reconciler.model.documents import Observed, Spec
from reconciler.model.plans import Autostart, Define, Diff, Disruption, KindStep, Start, Step, Stop, Undefine

# Types whose build only makes a directory. Building the others writes to devices, which is never ours to decide.
DIRECTORIES = ("dir", "fs", "netfs")
_MADE_OF_DEVICES = ("fs", "disk", "logical")


def _power(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.NONE, "stop" if diff.after == "no" else "start")


def _autostart(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.NONE, "autostart")


def _type(diff: Diff, situation: Situation) -> Decision:
    why = "a pool cannot change its type; declare a new one and move the volumes"
    return Decision(Disruption.REFUSED, why=why)


def _permissions(diff: Diff, situation: Situation) -> Decision:
    if diff.after is None:
        return Decision(Disruption.NONE)
    return _restart(situation, "rebuild")


def _rest(diff: Diff, situation: Situation) -> Decision:
    return _restart(situation, "define")


def _restart(situation: Situation, way: str) -> Decision:
    if not situation.active:
        return Decision(Disruption.NONE, way)
    return Decision(Disruption.RESTART, way, "the running pool keeps the old value until it restarts")


RULES: tuple[Rule, ...] = (
    Rule("!active", _power, "Started or stopped at once."),
    Rule("!autostart", _autostart, "Set at once."),
    Rule("@type", _type, "Refused: a pool cannot change its type."),
    Rule("target/permissions*", _permissions, "Stored at once; set on the directory when the pool restarts."),
    Rule("*", _rest, "Stored at once; a running pool takes it when it restarts."),
)


def create(spec: Spec) -> tuple[Step, ...]:
    """Define, make the directory where that is all there is to make, start, set autostart."""
    steps: list[Step] = [Define(render(spec, None, ()))]
    if spec.claims.get("!active") == "yes":
        steps += [*_build(spec), Start()]
    if spec.claims.get("!autostart") == "yes":
        steps.append(Autostart(True))
    return tuple(steps)


def _build(spec: Spec) -> tuple[Step, ...]:
    """An existing directory keeps its files, and its permissions unless the document gives others (seen with 9.0)."""
    return (KindStep("build"),) if spec.claims.get("@type") in DIRECTORIES else ()


def update(situation: Situation, judged: Sequence[Judged]) -> tuple[Step, ...]:
    """Define over the old definition; restart only if that is permitted and needed."""
    if any(item.decision.disruption is Disruption.REFUSED for item in judged):
        return ()
    diffs = [item.diff for item in judged if not item.diff.address.startswith("!")]
    facts = {item.diff.address: item.diff.after for item in judged if item.diff.address.startswith("!")}
    steps: list[Step] = [Define(render(situation.spec, situation, diffs))] if diffs else []
    anew = restarts(situation, judged)
    power = facts.get("!active")
    if power == "no":
        steps.append(Stop(0))
    elif anew:
        steps += [Stop(0), *_build(situation.spec), Start()]
    elif power == "yes":
        steps += [*_build(situation.spec), Start()]
    if "!autostart" in facts:
        steps.append(Autostart(facts["!autostart"] == "yes"))
    return tuple(steps)


def delete(observed: Observed, data: bool, force: bool) -> tuple[Step, ...]:
    """Stop and undefine: the directory and its files stay, unless the document said deletionPolicy: delete."""
    stop: tuple[Step, ...] = (Stop(0),) if observed.active else ()
    return (*((KindStep("empty"),) if data else ()), *stop, Undefine(data))


def preflight(spec: Spec, observed: Observed | None, facts: Facts) -> tuple[Problem, ...]:
    """Block devices that the host does not have. A pool that is not to run needs none."""
    return tuple(Problem("R401", message, spec.where) for message in _lacking(spec, facts))


def _lacking(spec: Spec, facts: Facts) -> Iterator[str]:
    if spec.claims.get("@type") not in _MADE_OF_DEVICES or spec.claims.get("!active") == "no":
        return
    for address, path in spec.claims.items():
        if pattern_of(address) == "source/device[]@path" and path and facts.exists(path) is False:
            yield f"{spec.ref} needs the device {path}, which {spec.host} does not have"
