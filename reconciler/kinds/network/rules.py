"""What each change of a network costs, and the steps that carry it out.

libvirt updates DHCP, DNS, forwarding devices and port groups of a running network (virNetworkUpdate, 9.0);
everything else waits until the network is restarted, which takes the link away from the guests on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler import markup
from reconciler.errors import Problem
from reconciler.kind import Decision, Facts, Judged, Rule, Situation
from reconciler.kinds.network.xml import IDENTITIES, MODE, render
from reconciler.markup import Element, pattern_of
from reconciler.model.documents import Address, Observed, RestartPolicy, Spec
from reconciler.model.plans import Allow, Autostart, Define, Diff, Disruption, KindStep, Start, Step, Stop, Undefine

# Entries that libvirt can update while the network runs -> the section's name in virNetworkUpdate.
SECTIONS = {
    "ip[]/dhcp/range[]": "ip-dhcp-range",
    "ip[]/dhcp/host[]": "ip-dhcp-host",
    "dns/host[]": "dns-host",
    "dns/txt[]": "dns-txt",
    "dns/srv[]": "dns-srv",
    "forward/interface[]": "forward-interface",
    "portgroup[]": "portgroup",
}
RESTARTS = "the running network keeps the old value until it restarts, and a restart takes the link from its guests"


def _power(diff: Diff, situation: Situation) -> Decision:
    if diff.after == "no":
        return Decision(Disruption.NONE, "stop", "the network stops, and its guests lose their link")
    return Decision(Disruption.NONE, "start")


def _autostart(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.NONE, "autostart")


def _entry(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.NONE, "update" if situation.active else "define")


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
    restarts = _may_restart(situation) and any(item.decision.disruption is Disruption.RESTART for item in judged)
    steps: list[Step] = []
    if diffs:
        target = render(situation.spec, situation, diffs)
        if "update" in ways and not restarts and situation.observed.live is not None:
            steps.extend(_updates(situation.observed.live, target, [diff.address for diff in diffs]))
        steps.append(Define(target))
    if restarts and "stop" not in ways:
        steps.append(KindStep("restart"))
    if "!active" in facts:
        steps.append(Start() if facts["!active"] == "yes" else Stop(0))
    if "!autostart" in facts:
        steps.append(Autostart(facts["!autostart"] == "yes"))
    return tuple(steps)


def _may_restart(situation: Situation) -> bool:
    permitted = Allow.RESTART in situation.allow or situation.spec.policy.restart is RestartPolicy.WHEN_REQUIRED
    return situation.active and permitted


def _updates(live: str, target: str, touched: Sequence[Address]) -> Iterator[KindStep]:
    """One step for each entry of the running network that has to go, come or change.

    An entry is taken out and put in again: libvirt can modify port groups and DHCP hosts only, these not by address.
    """
    have, parents = _entries(live)
    want, _ = _entries(target)
    for address in _ordered(have, want):
        if not _concerned(address, touched) or _same(have.get(address), want.get(address)):
            continue
        section = SECTIONS[pattern_of(address)]
        parent = parents.get(address.partition("/")[0], -1)
        if section.startswith("ip-") and parent < 0:
            continue
        old, new = have.get(address), want.get(address)
        if section == "portgroup" and old is not None and new is not None:
            yield _step("modify", section, parent, new)
            continue
        if old is not None:
            yield _step("delete", section, parent, old)
        if new is not None:
            yield _step("add-last", section, parent, new)


def _entries(text: str) -> tuple[dict[Address, Element], dict[Address, int]]:
    """The entries that can be updated, and the position of each `ip` among its like."""
    root = markup.parse(text)
    found = dict(markup.walk(root, IDENTITIES))
    entries = {address: element for address, element in found.items() if pattern_of(address) in SECTIONS}
    parents = [address for address in found if pattern_of(address) == "ip[]"]
    return entries, {address: position for position, address in enumerate(parents)}


def _ordered(have: dict[Address, Element], want: dict[Address, Element]) -> list[Address]:
    """What goes comes before what stays or is new, so that nothing is in the way."""
    return [*(address for address in have if address not in want), *want]


def _concerned(address: Address, touched: Sequence[Address]) -> bool:
    return any(
        address == other or other.startswith((address + "/", address + "@")) or address.startswith(other + "/")
        for other in touched
    )


def _same(old: Element | None, new: Element | None) -> bool:
    return old is not None and new is not None and markup.canonical(old) == markup.canonical(new)


def _step(command: str, section: str, parent: int, element: Element) -> KindStep:
    xml = markup.canonical(element)
    return KindStep("update", {"command": command, "section": section, "parent": str(parent), "xml": xml})


def delete(observed: Observed, data: bool, force: bool) -> tuple[Step, ...]:
    """Only a network without guests is taken away."""
    return (KindStep("vacant"), Stop(0), Undefine(data)) if observed.active else (Undefine(data),)


def preflight(spec: Spec, observed: Observed | None, facts: Facts) -> tuple[Problem, ...]:
    """A bridge name that is taken, or devices that the host does not have."""
    if facts.interfaces is None:
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
