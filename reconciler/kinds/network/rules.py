"""What each change of a network costs, and the steps that carry it out.

libvirt updates DHCP, DNS, forwarding devices and port groups of a running network (virNetworkUpdate, 9.0);
everything else waits until the network is restarted, which takes the link away from the guests on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.errors import Problem
from reconciler.kind import Decision, Facts, Judged, Rule, Situation, restarts
from reconciler.kinds.network.entries import SECTIONS, ambiguous, updates
from reconciler.kinds.network.xml import MODE, render
from reconciler.model.addresses import pattern_of
from reconciler.model.documents import Observed, Spec
from reconciler.model.plans import Autostart, Define, Diff, Disruption, KindStep, Start, Step, Stop, Undefine

RESTARTS = "the running network keeps the old value until it restarts, and a restart takes the link from its guests"


def _power(diff: Diff, situation: Situation) -> Decision:
    if diff.after == "no":
        return Decision(Disruption.NONE, "stop", "the network stops, and its guests lose their link")
    return Decision(Disruption.NONE, "start")


def _autostart(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.NONE, "autostart")


def _entry(diff: Diff, situation: Situation) -> Decision:
    if not situation.active:
        return Decision(Disruption.NONE)
    if ambiguous(diff.address, situation.observed.live or "", situation.spec):
        return Decision(
            Disruption.RESTART, "define", f"libvirt cannot tell entries apart that are so alike; {RESTARTS}"
        )
    return Decision(Disruption.NONE, "update")


def _quiet(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.NONE)


def _rest(diff: Diff, situation: Situation) -> Decision:
    """A whole element that goes may hold nothing but entries that can be updated."""
    if not situation.active:
        return Decision(Disruption.NONE)
    if diff.after is None and "@" not in diff.address:
        inside = [
            at
            for at, text in situation.texts.items()
            if text and at.startswith((diff.address + "/", diff.address + "@"))
        ]
        if inside and all(pattern_of(at).startswith(tuple(SECTIONS)) for at in inside):
            return Decision(Disruption.NONE, "update")
    return Decision(Disruption.RESTART, "define", RESTARTS)


RULES: tuple[Rule, ...] = (
    Rule("!active", _power, "Started or stopped at once."),
    Rule("!autostart", _autostart, "Set at once."),
    Rule("metadata*", _quiet, "Written at once."),
    *(Rule(f"{pattern}*", _entry, "Updated while the network runs.") for pattern in SECTIONS),
    Rule("*", _rest, "Stored at once; a running network takes it when it restarts."),
)


def create(spec: Spec) -> tuple[Step, ...]:
    """Define; then start and set autostart as the document says."""
    steps: list[Step] = [Define(render(spec, None, ()))]
    if spec.claims.get("!active") == "yes":
        steps.append(Start())
    if spec.claims.get("!autostart") == "yes":
        steps.append(Autostart(True))
    return tuple(steps)


def update(situation: Situation, judged: Sequence[Judged]) -> tuple[Step, ...]:
    """Running entries first, then the definition: a crash in between leaves a difference that the next plan sees."""
    diffs = [item.diff for item in judged if not item.diff.address.startswith("!")]
    facts = {item.diff.address: item.diff.after for item in judged if item.diff.address.startswith("!")}
    ways = {item.decision.way for item in judged}
    anew = restarts(situation, judged)
    steps: list[Step] = []
    if diffs:
        target = render(situation.spec, situation, diffs)
        if "update" in ways and not anew and situation.observed.live is not None:
            touched = [item.diff.address for item in judged if item.decision.way == "update"]
            steps.extend(updates(situation.observed.live, target, touched))
        if any(situation.texts.get(diff.address) != diff.after for diff in diffs):
            steps.append(Define(target))
    if anew and "stop" not in ways:
        steps.append(KindStep("restart"))
    if "!active" in facts:
        # Guests may still run that were on it before it was stopped.
        steps += [Start(), KindStep("reconnect")] if facts["!active"] == "yes" else [Stop(0)]
    if "!autostart" in facts:
        steps.append(Autostart(facts["!autostart"] == "yes"))
    return tuple(steps)


def delete(observed: Observed, data: bool, force: bool) -> tuple[Step, ...]:
    """Only a network without guests is taken away."""
    return (KindStep("vacant"), Stop(0), Undefine(data)) if observed.active else (Undefine(data),)


def preflight(spec: Spec, observed: Observed | None, facts: Facts) -> tuple[Problem, ...]:
    """A bridge name that is taken, or devices that the host does not have. One that is not to run needs none."""
    if facts.interfaces is None or spec.claims.get("!active") == "no":
        return ()
    return tuple(Problem("R401", message, spec.where) for message in _lacking(spec, observed, facts.interfaces))


def _lacking(spec: Spec, observed: Observed | None, interfaces: frozenset[str]) -> Iterator[str]:
    bridge, mode = spec.claims.get("bridge@name"), spec.claims.get(MODE)
    if bridge and mode == "bridge" and bridge not in interfaces:
        yield f"{spec.ref} needs the bridge {bridge}, which {spec.host} does not have; create it there first"
    if bridge and mode not in (None, "bridge") and observed is None and bridge in interfaces:
        yield f"{spec.ref} wants to make the bridge {bridge}, but {spec.host} has a device of that name; choose another"
    for address, device in spec.claims.items():
        if pattern_of(address) == "forward/interface[]@dev" and device not in interfaces:
            yield f"{spec.ref} needs the device {device}, which {spec.host} does not have"
