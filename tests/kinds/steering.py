"""Plan one document against one host with the engine's own comparison, and carry the steps out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reconciler.adapters.image_download import Web
from reconciler.adapters.images import LocalImages
from reconciler.app import contents
from reconciler.app.desired import NoCache
from reconciler.engine.compare import compare, pending
from reconciler.engine.judge import situation_of
from reconciler.kind import Context, Judged, Kind, Situation
from reconciler.model.documents import Document, Observed, Spec
from reconciler.model.inventory import NOTHING_APPLIED, Applied
from reconciler.model.plans import FILL, Allow, KindStep, Step
from reconciler.model.refs import Ref


class Still:
    """A clock that stands still."""

    def now(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        pass

    def today(self) -> str:
        return "2026-01-01T00:00:00Z"


def document(kind: Kind, name: str, body: Mapping[str, object] | None = None, xml: str | None = None) -> Document:
    return Document(ref=Ref(kind.name, name), host=None, labels={}, body=body or {}, xml=xml)


def spec_of(kind: Kind, name: str, body: Mapping[str, object] | None = None, xml: str | None = None) -> Spec:
    return kind.parse(document(kind, name, body, xml), Context("lab", "tests" if kind.marked else ""))


def situation(kind: Kind, spec: Spec, observed: Observed, allow: frozenset[Allow] = frozenset()) -> Situation:
    return situation_of(kind, spec, observed, allow)


def judged(kind: Kind, now: Situation, applied: Applied = NOTHING_APPLIED) -> list[Judged]:
    diffs = compare(kind, now.spec, now.texts, applied)
    return [Judged(diff, kind.judge(diff, now)) for diff in diffs if not diff.address.endswith("@unit")]


def plan(kind: Kind, spec: Spec, host: object, *allow: Allow, before: Spec | None = None) -> tuple[Step, ...]:
    """The steps for one document; `before` is the document as it was at the last apply."""
    observed = kind.look(host, spec.ref)
    if observed is None:
        return kind.create(spec)
    now = situation(kind, spec, observed, frozenset(allow))
    items = judged(kind, now, Applied(claims=before.claims) if before else NOTHING_APPLIED)
    return kind.update(now, items) if items else ()


def apply(kind: Kind, spec: Spec, host: object, *allow: Allow, before: Spec | None = None) -> tuple[Step, ...]:
    steps = plan(kind, spec, host, *allow, before=before)
    for step in steps:
        if contents.asks(step):
            _fill(kind, host, spec, step)
        else:
            kind.perform(host, spec.ref, step, Still())
    return steps


def _fill(kind: Kind, host: object, spec: Spec, step: KindStep) -> None:
    images = LocalImages(Path("/nonexistent"), Path("/"), NoCache(), Web())
    with contents.opened(images, step, lambda what, done, total: None) as content:
        if step.name == FILL:
            kind.fill(host, spec.ref, step, content)


def waiting(kind: Kind, spec: Spec, host: object) -> tuple[str, ...]:
    """The addresses that wait for a restart."""
    observed = kind.look(host, spec.ref)
    assert observed is not None
    if observed.live is None:
        return ()
    return pending(kind, spec, kind.read(observed.xml), kind.read(observed.live), NOTHING_APPLIED)


def differences(kind: Kind, spec: Spec, host: object) -> list[object]:
    observed = kind.look(host, spec.ref)
    assert observed is not None
    return [item.diff for item in judged(kind, situation(kind, spec, observed))]
