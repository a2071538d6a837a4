"""What each difference of a domain costs, and the steps that carry differences out."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.kind import Decision, Judged, Rule, Situation
from reconciler.kinds.domain import xml
from reconciler.kinds.domain.power import NO_WAY, judge_power, power_steps, restart_steps, restarts
from reconciler.kinds.domain.spec import AUTOSTART, OWNER, POWER, UNPLUGGED
from reconciler.markup import keys_of
from reconciler.model.documents import Address, Observed, Spec, Texts
from reconciler.model.plans import (
    Autostart,
    Define,
    Diff,
    Disruption,
    KindStep,
    Mark,
    Start,
    Step,
    Stop,
    Undefine,
)

# Long enough for most guests; only a document that is still there can say better.
DELETE_SECONDS = 120

KEEPS = "the running guest keeps the old value until it restarts"
SAVED = "the saved guest keeps the old value until it has been started and shut down"


def _autostart(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.NONE, "autostart")


def _plug_in(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.NONE, "plug", "its network was restarted, and its link was left behind")


def _identity(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.REFUSED, why="libvirt keeps the name and UUID of a domain for its life")


def _metadata(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.NONE, "metadata")


def _mark(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.NONE, "mark")


def _machine(diff: Diff, situation: Situation) -> Decision:
    if diff.before and diff.after and xml.family(diff.before) != xml.family(diff.after):
        why = "another chipset moves every device to another address; it takes a new domain"
        return Decision(Disruption.REFUSED, why=why)
    return _restart(diff, situation)


def _arch(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.REFUSED, why="a machine keeps its architecture; it takes a new domain")


def _boot(diff: Diff, situation: Situation) -> Decision:
    if not _powered(situation):
        return Decision(Disruption.NONE)
    return Decision(Disruption.NEXT_BOOT, why="takes effect when the machine is next switched on")


def _restart(diff: Diff, situation: Situation) -> Decision:
    if situation.active:
        return Decision(Disruption.RESTART, why=KEEPS)
    return Decision(Disruption.RESTART, why=SAVED) if _powered(situation) else Decision(Disruption.NONE)


def _balloon(diff: Diff, situation: Situation) -> Decision:
    """The balloon moves at once below what the guest was booted with, unless that is to change too."""
    maximum = situation.spec.claims.get("memory", situation.texts.get("memory"))
    if _exceeds(diff.after, maximum):
        return Decision(Disruption.REFUSED, why="more than the domain's memory.max; raise that too")
    live = xml.weigh(situation.observed.live or "").memory_max // xml.KIB
    if situation.active and maximum == situation.texts.get("memory") and 0 < _number(diff.after) <= live:
        return Decision(Disruption.NONE, "memory")
    return _restart(diff, situation)


def _plug(diff: Diff, situation: Situation) -> Decision:
    """vCPUs are plugged at once up to what the guest was booted with; few guests give one back (QEMU 7.2)."""
    if _exceeds(diff.after, situation.spec.claims.get("vcpu", situation.texts.get("vcpu"))):
        return Decision(Disruption.REFUSED, why="more than the domain's vcpus.max; raise that too")
    live = xml.weigh(situation.observed.live or "")
    if situation.active and diff.after and live.vcpus <= _number(diff.after) <= live.vcpus_max:
        return Decision(Disruption.NONE, "vcpus")
    return _restart(diff, situation)


def _exceeds(wanted: str | None, maximum: str | None) -> bool:
    return bool(maximum) and _number(wanted) > _number(maximum)


def _number(text: str | None) -> int:
    """The number in a text; 0 for what is none, which libvirt's schema refuses before it gets to the host."""
    return int(text) if text is not None and text.isdecimal() else 0


def _powered(situation: Situation) -> bool:
    """Whether a guest lives in this definition, running or saved to disk."""
    return situation.active or situation.observed.facts.get("!managedsave") == "yes"


RULES: tuple[Rule, ...] = (
    Rule(AUTOSTART, _autostart, "The flag is set at once."),
    Rule(POWER, judge_power, "Started at once; shut down by asking the guest, which has shutdown.timeout for it."),
    Rule("!interfaces[].link", _plug_in, "Plugged into its restarted network again at once."),
    Rule("uuid", _identity, "Refused: libvirt keeps the UUID for the domain's life."),
    Rule("name", _identity, "Refused: libvirt keeps the name for the domain's life."),
    Rule(OWNER, _mark, "The mark is written at once."),
    Rule("title", _metadata, "Written at once, also on a running guest."),
    Rule("description", _metadata, "Written at once, also on a running guest."),
    Rule("metadata*", _metadata, "Written at once, also on a running guest."),
    Rule("os/type@machine", _machine, "Another version needs a restart; another chipset is refused."),
    Rule("os/type@arch", _arch, "Refused: it takes a new domain."),
    Rule("os/type", _arch, "Refused: it takes a new domain."),
    Rule("os*", _boot, "Takes effect when the machine is next switched on."),
    Rule(
        "currentMemory*", _balloon, "Live up to what the guest was booted with, else a restart; never above memory.max."
    ),
    Rule(
        "vcpu@current",
        _plug,
        "Added live up to what the guest was booted with; fewer need a restart. Never above vcpus.max.",
    ),
    Rule("*", _restart, "Stored at once; a running guest keeps the old value until it restarts."),
)

# The ways that end in the persistent definition.
_DEFINING = ("define", "memory", "vcpus")


def create(spec: Spec) -> tuple[Step, ...]:
    """Define it, then what the definition cannot say."""
    steps: list[Step] = [Define(xml.render(spec, None, ()))]
    if spec.claims.get(AUTOSTART) == "yes":
        steps.append(Autostart(True))
    if spec.claims.get(POWER) == "running":
        steps.append(Start())
    return tuple(steps)


def update(situation: Situation, judged: Sequence[Judged]) -> tuple[Step, ...]:
    """At most one definition, then the live changes, then autostart and power. Nothing where a part is refused."""
    if any(item.decision.disruption >= Disruption.REPLACE for item in judged):
        return ()
    restart = restarts(situation, judged)
    defined = _definition(situation, judged)
    live = () if restart and defined else _live(situation, judged, bool(defined))
    power = restart_steps(situation) if restart else power_steps(situation, judged)
    return (*defined, *live, *_autostarts(judged), *power)


def _definition(situation: Situation, judged: Sequence[Judged]) -> tuple[Step, ...]:
    """The new definition, if anything but metadata is not yet in it, or the machine would not outlive its guest."""
    open_ = [item for item in judged if situation.texts.get(item.diff.address) != item.diff.after]
    transient = situation.observed.facts.get("!persistent") == "no"
    if not transient and not any(item.decision.way in _DEFINING for item in open_):
        return ()
    diffs = [item.diff for item in open_ if item.decision.way not in NO_WAY]
    return (Define(xml.render(situation.spec, situation, diffs)),)


def _live(situation: Situation, judged: Sequence[Judged], defined: bool) -> tuple[Step, ...]:
    """What changes without a definition, or besides it on a running guest."""
    if defined and not situation.active:
        return ()
    steps: list[Step] = []
    about = {item.diff.address: item.diff.after or "" for item in judged if item.decision.way == "metadata"}
    if about:
        steps.append(KindStep("metadata", about))
    for item in judged:
        if item.decision.way == "mark" and item.diff.after:
            steps.append(Mark(xml.owner(f"<domain><metadata>{item.diff.after}</metadata></domain>")))
        if item.decision.way == "plug" and KindStep("plug") not in steps:
            steps.append(KindStep("plug"))
        if item.decision.way in ("memory", "vcpus") and item.diff.after and not item.diff.address.endswith("@unit"):
            steps.append(KindStep(item.decision.way, {"current": item.diff.after}))
    return tuple(steps)


def _autostarts(judged: Sequence[Judged]) -> tuple[Step, ...]:
    return tuple(Autostart(item.diff.after == "yes") for item in judged if item.decision.way == "autostart")


def mends(situation: Situation, running: Texts, waiting: Sequence[Address]) -> tuple[Diff, ...]:
    """The interfaces whose network was restarted under the running guest, managed or not, by the document's names."""
    keys = situation.observed.facts.get(UNPLUGGED, "")
    if not keys or situation.spec.claims.get(POWER) == "stopped":
        return ()
    named = {theirs: ours for ours, theirs in situation.renamed.items()}
    elements = (f"devices/interface[{key}]" for key in keys.split(","))
    found = (keys_of(named.get(element, element))[0] for element in elements)
    return tuple(Diff(f"!interfaces[{key}].link", "unplugged", "plugged") for key in found)


def delete(observed: Observed, data: bool, force: bool) -> tuple[Step, ...]:
    """Ask a running guest to stop, then remove its definition.

    `data` takes its firmware settings along; `force` cuts off a guest that does not stop in time.
    """
    stop: tuple[Step, ...] = (Stop(DELETE_SECONDS, force=force),) if observed.active else ()
    if observed.facts.get("!persistent") == "no":
        return stop
    return (*stop, Undefine(data))
