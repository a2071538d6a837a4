"""A case: what the host has, what the document wants, and what the rules must say. Read from YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from reconciler import entries
from reconciler.kind import Judged, Kind, Situation
from reconciler.model.documents import Observed
from reconciler.model.plans import Allow, KindStep, Step
from tests.kinds.steering import judged, situation, spec_of


@dataclass(frozen=True)
class Case:
    observed: Mapping[str, object]
    desired: Mapping[str, object]
    expect: Mapping[str, object]
    allow: frozenset[Allow]


def read_cases(test: str) -> list[object]:
    """The cases beside a test file, each under its own name."""
    return [pytest.param(_read(path), id=path.stem) for path in sorted((Path(test).parent / "cases").glob("*.yaml"))]


def _read(path: Path) -> Case:
    body = yaml.safe_load(path.read_text())
    allow = frozenset(Allow(word) for word in body.get("allow", ()))
    return Case(body["observed"], body["desired"], body["expect"], allow)


def observed_as(kind: Kind, name: str, body: Mapping[str, object]) -> Observed:
    """The object that a document makes, without a host."""
    spec = spec_of(kind, name, body)
    xml = kind.render(spec, None, ())
    facts = {address: text for address, text in spec.claims.items() if address.startswith("!") and text}
    active = facts.get("!active") == "yes"
    return Observed(ref=spec.ref, uuid="", xml=xml, live=xml if active else None, facts=facts)


def check_case(kind: Kind, name: str, case: Case) -> None:
    """Compare what the rules say with what the case expects."""
    spec = spec_of(kind, name, case.desired)
    now = situation(kind, spec, observed_as(kind, name, case.observed), case.allow)
    items = judged(kind, now)
    found = dict(_found(kind, now, items))
    assert {key: found[key] for key in case.expect if key != "why"} == {
        key: value for key, value in case.expect.items() if key != "why"
    }
    if "why" in case.expect:
        assert case.expect["why"] in found["why"]


def _found(kind: Kind, now: Situation, items: list[Judged]) -> Iterator[tuple[str, object]]:
    worst = max((item.decision for item in items), key=lambda decision: decision.disruption, default=None)
    yield "paths", [entries.path_of(kind.table, item.diff.address) for item in items]
    yield "disruption", worst.disruption.word if worst else ""
    yield "why", worst.why if worst else ""
    yield "steps", [_named(step) for step in (kind.update(now, items) if items else ())]


def _named(step: Step) -> str:
    if isinstance(step, KindStep):
        return " ".join((step.name, *(step.arguments[key] for key in ("command", "section") if key in step.arguments)))
    return type(step).__name__
