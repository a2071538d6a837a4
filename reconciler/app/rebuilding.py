"""Machines that get a new root disk: what their change takes on its volume, which only the kind of that can say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.app.session import Session, Workspace
from reconciler.engine.judge import situation_of
from reconciler.kind import Decision, Judged
from reconciler.model.documents import Spec
from reconciler.model.plans import FETCH, Blocked, Change, Diff, Disruption, KindStep, On, Step, Undefine
from reconciler.model.refs import Ref

REBUILD = "rebuild"


def with_volumes(
    workspace: Workspace, host: Session, specs: Mapping[Ref, Spec], changes: Iterable[Change]
) -> list[Change]:
    """The changes of one host, with the steps that make a root disk anew in place of the word for them."""
    return [
        _rebuilding(workspace, host, specs, change, step)
        if (step := next((each for each in change.steps if _is_word(each)), None))
        else change
        for change in changes
    ]


def _is_word(step: Step) -> bool:
    return isinstance(step, KindStep) and step.name == REBUILD


def _rebuilding(workspace: Workspace, host: Session, specs: Mapping[Ref, Spec], change: Change, word: Step) -> Change:
    assert isinstance(word, KindStep)
    ref = Ref("Volume", word.arguments["volume"])
    spec = specs.get(ref)
    if spec is None:
        why = f"{change.ref} would get a new {ref}, which nothing declares; declare it, or write another onChange"
        return replace(change, steps=(), disruption=Disruption.REFUSED, blocked=Blocked("R403", why))
    if spec.policy.protect:
        return replace(change, blocked=Blocked("R505", f"{ref} has protect: true"))
    anew = list(_anew(workspace, host, spec, change.ref.name))
    # New content is at hand before the machine goes down for it.
    first = [step for step in anew if isinstance(step.step, KindStep) and step.step.name == FETCH]
    then = [step for step in anew if step not in first]
    place = change.steps.index(word)
    return replace(change, steps=(*first, *change.steps[:place], *then, *change.steps[place + 1 :]))


def _anew(workspace: Workspace, host: Session, spec: Spec, machine: str) -> Iterator[On]:
    """The steps of the volume's own replacement; nothing where it is about to be made anyway."""
    kind, observed = workspace.kinds[spec.ref.kind], host.observed.get(spec.ref)
    if observed is None:
        return
    why = Judged(Diff("", None, None), Decision(Disruption.REPLACE))
    steps: Sequence[Step] = kind.update(situation_of(kind, spec, observed), [why])
    for step in steps:
        if isinstance(step, Undefine):
            yield On(spec.ref, KindStep("remove", {"machine": machine}))
        elif isinstance(step, KindStep):
            yield On(spec.ref, step)
