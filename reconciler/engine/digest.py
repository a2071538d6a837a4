"""One hash over all that a plan rests on, so that what was approved is what happens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from reconciler.model.plans import Change, Plan, Step


def plan_digest(revision: str | None, changes: Iterable[Change], uris: Mapping[str, str | None]) -> str:
    """The hex SHA-256 over the revision and each change: host and its URI, document, definition seen, steps."""
    return _digest([revision, [_change(change, uris.get(change.host)) for change in changes]])


def _change(change: Change, uri: str | None) -> list[object]:
    seen = change.observed.digest if change.observed else ""
    blocked = change.blocked.number if change.blocked else None
    return [
        change.host,
        uri,
        change.spec_digest,
        str(change.ref),
        change.action.value,
        seen,
        blocked,
        [step_data(step) for step in change.steps],
    ]


def step_data(step: Step) -> list[object]:
    """A step as plain JSON data."""
    return [type(step).__name__, asdict(step)]


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=dict)
    return hashlib.sha256(text.encode()).hexdigest()


# Characters of a digest that approve a plan.
SHORTEST = 6


def matches(plan: Plan, approved: str) -> bool:
    """Whether an approval (the digest or its first characters, six at least) is for this plan."""
    return len(approved) >= SHORTEST and plan.digest.startswith(approved.rstrip("…"))
