"""What each change of a secret costs, and the steps that carry it out.

A value is set at once; whoever has opened something with the old one goes on (seen with libvirt 9.0).
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.kind import Decision, Judged, Rule, Situation
from reconciler.kinds.secret.xml import VALUE, render
from reconciler.model.documents import Observed, Spec
from reconciler.model.plans import Define, Diff, Disruption, KindStep, Step, Undefine

SET = "value"


def _value(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.NONE, SET)


def _identity(diff: Diff, situation: Situation) -> Decision:
    why = "a secret keeps its UUID and what it is for; declare a new one under another usage"
    return Decision(Disruption.REFUSED, why=why)


def _private(diff: Diff, situation: Situation) -> Decision:
    """libvirt lets nobody see what it once was told to keep to itself (virSecretObjListAdd, 9.0)."""
    if situation.texts.get("@private") == "yes":
        return Decision(Disruption.REFUSED, why="a private secret stays private; undefine it and declare a new one")
    return Decision(Disruption.NONE)


def _rest(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.NONE)


RULES: tuple[Rule, ...] = (
    Rule(VALUE, _value, "Set at once; what is open goes on with the old value until it is opened again."),
    Rule("uuid", _identity, "Refused: a secret keeps its UUID."),
    Rule("usage*", _identity, "Refused: what it is for is what a secret is known by."),
    Rule("@private", _private, "Stored at once; refused for one that is private already."),
    Rule("*", _rest, "Stored at once."),
)


def create(spec: Spec) -> tuple[Step, ...]:
    """Define, then set the value."""
    return (Define(render(spec, None, ())), *_set(spec.claims.get(VALUE)))


def _set(value: str | None) -> tuple[Step, ...]:
    return () if value is None else (KindStep(SET, {"value": value}),)


def update(situation: Situation, judged: Sequence[Judged]) -> tuple[Step, ...]:
    """Define over the old definition, and set the value."""
    if any(item.decision.disruption is Disruption.REFUSED for item in judged):
        return ()
    diffs = [item.diff for item in judged if not item.diff.address.startswith("!")]
    values = [item.diff.after for item in judged if item.diff.address == VALUE]
    defined: tuple[Step, ...] = (Define(render(situation.spec, situation, diffs)),) if diffs else ()
    return (*defined, *(step for value in values for step in _set(value)))


def delete(observed: Observed, data: bool, force: bool) -> tuple[Step, ...]:
    """Undefine, which takes the value along; the driver looks for users first."""
    return (Undefine(data),)
