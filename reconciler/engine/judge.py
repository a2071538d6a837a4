"""One object beside what is asked of it, and what each difference costs there."""

from __future__ import annotations

from dataclasses import replace

from reconciler.engine import compare
from reconciler.engine.describe import is_element
from reconciler.kind import Judged, Kind, Locate, Situation, nowhere
from reconciler.matching import align, rename
from reconciler.model.addresses import inside
from reconciler.model.documents import Observed, Spec
from reconciler.model.plans import Allow, Diff, Disruption


def situation_of(
    kind: Kind, spec: Spec, observed: Observed, allow: frozenset[Allow] = frozenset(), locate: Locate = nowhere
) -> Situation:
    """One object and what is asked of it, both definitions under the names of the document."""
    texts = {**kind.read(observed.xml), **observed.facts}
    renamed = align(spec, texts, kind.identities)
    running = kind.read(observed.live) if observed.live is not None else {}
    live_renamed = align(spec, running, kind.identities)
    return Situation(
        spec=spec,
        observed=observed,
        texts=rename(texts, renamed),
        renamed=renamed,
        live=rename(running, live_renamed),
        live_renamed=live_renamed,
        locate=locate,
        allow=allow,
    )


def judged(kind: Kind, diff: Diff, situation: Situation) -> list[Judged]:
    """The difference with its decision; a group that goes is taken apart where its fields do not cost the same."""
    if not situation.active or diff.after is not None or not is_element(kind, diff.address):
        return [_judge(kind, diff, situation)]
    parts = [_judge(kind, part, situation) for part in compare.parts(diff, situation.texts)]
    same = len({item.decision.disruption for item in parts}) <= 1
    return [_judge(kind, diff, situation)] if same or diff.address.endswith("]") else parts


def _judge(kind: Kind, diff: Diff, situation: Situation) -> Judged:
    """The difference with its decision. What the running object has already waits for nothing."""
    decision = kind.judge(diff, situation)
    waits = decision.disruption in (Disruption.NEXT_BOOT, Disruption.RESTART)
    if waits and situation.active and _runs_so(kind, diff, situation):
        decision = replace(decision, disruption=Disruption.NONE, why="")
    return Judged(diff, decision)


def _runs_so(kind: Kind, diff: Diff, situation: Situation) -> bool:
    """Whether the running object is as this difference would make it: the change of a definition is taken back."""
    live = situation.live
    if diff.after is None:
        return not inside(live, diff.address)
    if not diff.address.endswith("]"):
        return diff.address in live and live.get(diff.address) == diff.after
    wanted = inside(situation.spec.claims, diff.address)
    return diff.address in live and all(
        text is None or text == live.get(address) or (address in live and kind.equal(address, text, live[address]))
        for address, text in wanted.items()
    )
