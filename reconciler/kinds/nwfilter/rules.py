"""What each change of a network filter costs, and the steps that carry it out.

libvirt takes a new definition at once and rebuilds the rules of every running guest that the filter is in front of
(virNWFilterDefineXML, 9.0): no guest loses its link, and connections go on as far as the new rules let them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.errors import Problem
from reconciler.kind import Decision, Facts, Judged, Rule, Situation
from reconciler.kinds.nwfilter.xml import read, render
from reconciler.model.addresses import pattern_of
from reconciler.model.documents import Observed, Spec
from reconciler.model.plans import Define, Diff, Disruption, Step, Undefine
from reconciler.model.refs import Ref

REBUILDS = "the rules of running guests that have this filter are rebuilt"


def _live(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.NONE, why=REBUILDS)


RULES: tuple[Rule, ...] = (
    Rule("*", _live, "Stored at once, and the rules of running guests that have the filter are rebuilt."),
)


def create(spec: Spec) -> tuple[Step, ...]:
    """Define."""
    return (Define(render(spec, None, ())),)


def update(situation: Situation, judged: Sequence[Judged]) -> tuple[Step, ...]:
    """Define over the old definition, whose UUID stays: libvirt refuses another one."""
    return (Define(render(situation.spec, situation, [item.diff for item in judged])),)


def delete(observed: Observed, data: bool, force: bool) -> tuple[Step, ...]:
    """Undefine; the driver looks for users first."""
    return (Undefine(data),)


def stands(observed: Observed) -> tuple[Ref, ...]:
    """The filters that this one refers to."""
    texts = read(observed.xml)
    named = (text for address, text in texts.items() if pattern_of(address) == "filterref[]@filter")
    return tuple(Ref("NwFilter", name) for name in dict.fromkeys(named))


def preflight(spec: Spec, observed: Observed | None, facts: Facts) -> tuple[Problem, ...]:
    """Filters that this one names and the host lacks: libvirt would find out when a guest starts."""
    if facts.nwfilters is None:
        return ()
    return tuple(Problem("R401", message, spec.where) for message in _lacking(spec, facts.nwfilters, facts.declared))


def _lacking(spec: Spec, known: frozenset[str], declared: frozenset[Ref]) -> Iterator[str]:
    for address, name in spec.claims.items():
        if pattern_of(address) != "filterref[]@filter" or name is None:
            continue
        if name not in known and Ref("NwFilter", name) not in declared:
            yield f"{spec.ref} needs NwFilter/{name}, which is neither declared nor on {spec.host}"
