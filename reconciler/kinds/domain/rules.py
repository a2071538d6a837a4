"""What each difference of a domain costs, and the steps that carry differences out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.kind import Decision, Judged, Rule, Situation, restarts
from reconciler.kinds.domain import live, seed, xml
from reconciler.kinds.domain.devices import TPM_AT
from reconciler.kinds.domain.live import powered, restart
from reconciler.kinds.domain.live_steps import about, balloon, live_steps
from reconciler.kinds.domain.power import NO_WAY, judge_power, power_steps, restart_steps
from reconciler.kinds.domain.spec import AUTOSTART, OWNER, POWER, UNPLUGGED
from reconciler.model.addresses import keys_of
from reconciler.model.documents import Observed, Spec
from reconciler.model.plans import (
    Allow,
    Autostart,
    Define,
    Diff,
    Disruption,
    KindStep,
    Start,
    Step,
    Stop,
    Undefine,
)

# Long enough for most guests; only a document that is still there can say better.
DELETE_SECONDS = 120


def _autostart(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.NONE, "autostart")


def _reconnect(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.NONE, "reconnect", "its network was restarted, and its link was left behind")


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
    return restart(diff, situation)


def _arch(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.REFUSED, why="a machine keeps its architecture; it takes a new domain")


def _boot(diff: Diff, situation: Situation) -> Decision:
    if not powered(situation):
        return Decision(Disruption.NONE)
    return Decision(Disruption.NEXT_BOOT, why="takes effect when the machine is next switched on")


_SETTINGS_STAY = "the settings that are there stay as they are; only a new file of them starts from the template"
_EMPTY_TPM = "the guest would find an empty TPM: what was sealed with the one that it has is lost to it"
_HANDED = "Stored at once; the firmware hands it over from the next start on. A seed for Ignition goes by its onChange."


def _template(diff: Diff, situation: Situation) -> Decision:
    return replace(_boot(diff, situation), why=_SETTINGS_STAY)


def _tpm(diff: Diff, situation: Situation) -> Decision:
    """swtpm keeps the state of each version apart, and opens none with another key."""
    if diff.before is None and TPM_AT not in situation.texts:
        return restart(diff, situation)
    lacking = None if Allow.REPLACE in situation.allow else Allow.REPLACE
    return replace(restart(diff, situation), why=_EMPTY_TPM, needs=lacking)


RULES: tuple[Rule, ...] = (
    Rule(AUTOSTART, _autostart, "The flag is set at once."),
    Rule(
        POWER,
        judge_power,
        "Started at once; shut down by agent, then power button, in shutdown.timeout. A kept crash needs a restart.",
    ),
    Rule("!interfaces[].link", _reconnect, "Plugged into its restarted network again at once."),
    Rule("uuid", _identity, "Refused: libvirt keeps the UUID for the domain's life."),
    Rule("name", _identity, "Refused: libvirt keeps the name for the domain's life."),
    Rule(OWNER, _mark, "The mark is written at once."),
    Rule("title", _metadata, "Written at once, also on a running guest."),
    Rule("description", _metadata, "Written at once, also on a running guest."),
    Rule("metadata*", _metadata, "Written at once, also on a running guest."),
    Rule("os/type@machine", _machine, "Another version needs a restart; another chipset is refused."),
    Rule("os/type@arch", _arch, "Refused: it takes a new domain."),
    Rule("os/type", _arch, "Refused: it takes a new domain."),
    Rule("os/nvram@template", _template, "Stored at once; firmware settings that are there stay as they are."),
    Rule("os*", _boot, "Takes effect when the machine is next switched on."),
    *(
        Rule(f"{TPM_AT}/backend{leaf}", _tpm, "The guest finds an empty TPM: needs --allow replace, and a restart.")
        for leaf in ("@version", "/encryption*")
    ),
    *map(seed.minding, live.RULES),
    seed.minding(Rule("sysinfo[]/entry[]*", restart, _HANDED)),
    Rule("*", restart, live.STORED),
)

# Ways that leave the definition as it is.
_APART = (*NO_WAY, "metadata", "mark")


def create(spec: Spec) -> tuple[Step, ...]:
    """Define it, then what the definition cannot say."""
    steps: list[Step] = [*seed.sown(spec, seed.seeds_of(spec)), Define(xml.render(spec, None, ()))]
    if spec.claims.get(AUTOSTART) == "yes":
        steps.append(Autostart(True))
    if spec.claims.get(POWER) == "running":
        steps.append(Start())
    return tuple(steps)


def update(situation: Situation, judged: Sequence[Judged]) -> tuple[Step, ...]:
    """At most one definition, then the live changes, then autostart and power. Nothing where a part is refused.

    The balloon alone moves before (see `live_steps.balloon`).
    """
    if any(item.decision.disruption is Disruption.REFUSED for item in judged):
        return ()
    rebuilt = any(item.decision.way == seed.REBUILD for item in judged)
    steps = _rebuilding(situation, judged) if rebuilt else _own_steps(situation, judged)
    starts = any(isinstance(step, Start) for step in steps)
    first, last = seed.around(situation, judged, starts)
    return (*first, *steps, *last)


def _rebuilding(situation: Situation, judged: Sequence[Judged]) -> tuple[Step, ...]:
    """Down, another root disk, its definition, and up again. The step `rebuild` is spelt out where volumes are known.

    The definition tells that it is done, so it comes after the disk.
    """
    around = restart_steps(situation) if situation.active else power_steps(situation, judged)
    stop = tuple(step for step in around if isinstance(step, Stop))
    start = tuple(step for step in around if not isinstance(step, Stop))
    anew = KindStep(seed.REBUILD, {"volume": situation.spec.hints[seed.ROOT]})
    target = _definition(situation, judged)
    return (*stop, anew, *((Define(target),) if target else ()), *_autostarts(judged), *start)


def _own_steps(situation: Situation, judged: Sequence[Judged]) -> tuple[Step, ...]:
    target = _definition(situation, judged)
    defined = (Define(target),) if target else ()
    power = restart_steps(situation) if restarts(situation, judged) else power_steps(situation, judged)
    if situation.active and not any(isinstance(step, Stop) for step in power):
        plugged = live_steps(situation, judged, target or situation.observed.xml)
        return (*balloon(situation, judged), *defined, *plugged, *_autostarts(judged), *power)
    # A guest that is off, or will be, takes nothing more.
    said = () if target else about(judged)
    return (*defined, *said, *_autostarts(judged), *power)


def _definition(situation: Situation, judged: Sequence[Judged]) -> str:
    """The new definition, if anything but metadata is not yet in it, or the machine would not outlive its guest."""
    open_ = [item for item in judged if situation.texts.get(item.diff.address) != item.diff.after]
    transient = situation.observed.facts.get("!persistent") == "no"
    if not transient and all(item.decision.way in _APART for item in open_):
        return ""
    diffs = [item.diff for item in open_ if item.decision.way not in NO_WAY]
    return xml.render(situation.spec, situation, diffs)


def _autostarts(judged: Sequence[Judged]) -> tuple[Step, ...]:
    return tuple(Autostart(item.diff.after == "yes") for item in judged if item.decision.way == "autostart")


def mends(situation: Situation) -> tuple[Diff, ...]:
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

    Its seed goes too: it was made from the document. `data` takes its firmware settings along; `force` cuts off a guest
    that does not stop in time.
    """
    stop: tuple[Step, ...] = (Stop(DELETE_SECONDS, force=force),) if observed.active else ()
    if observed.facts.get("!persistent") == "no":
        return stop
    return (*stop, Undefine(data), *seed.left(observed, xml.read(observed.xml)))
