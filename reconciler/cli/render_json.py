"""Plans and results as plain JSON data: a contract with scripts, to which fields are only ever added."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from reconciler.cli.messages import problem_json
from reconciler.model.outcomes import Outcome
from reconciler.model.plans import Action, Blocked, Capacity, Change, Condition, FieldChange, Plan
from reconciler.model.quantities import format_size
from reconciler.model.refs import Ref

if TYPE_CHECKING:
    from reconciler.app.written import Written

FORMAT_VERSION = 1


def text(value: object) -> str:
    """The JSON text of an answer."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def plan_json(
    plan: Plan, outcomes: Iterable[Outcome] | None = None, diffs: Mapping[tuple[str, Ref], str] | None = None
) -> dict[str, object]:
    """The plan; with `outcomes`, what became of each change; with `diffs`, each definition's difference."""
    ends = None if outcomes is None else {id(outcome.change): outcome for outcome in outcomes}
    changes = [
        {
            **_change(change),
            **({} if ends is None else _outcome(ends.get(id(change)))),
            **({} if diffs is None else {"diff": diffs.get(change.key)}),
        }
        for change in plan.changes
    ]
    return {
        "formatVersion": FORMAT_VERSION,
        "digest": plan.digest,
        "revision": plan.revision,
        "complete": plan.complete,
        "changes": changes,
        "conditions": [condition_json(condition) for condition in plan.conditions],
        "unmanaged": list(dict.fromkeys(str(ref) for _, ref in plan.unmanaged)),
        "capacity": [_capacity(capacity) for capacity in plan.capacity],
        "failures": [{"host": host, "message": str(problem)} for host, problem in plan.failures],
        "summary": summary(plan),
    }


def _change(change: Change) -> dict[str, object]:
    return {
        "ref": str(change.ref),
        "host": change.host,
        "action": change.action.value,
        "disruption": change.disruption.word,
        "blocked": _blocked(change.blocked) if change.blocked else None,
        "waits": change.waits,
        "until": change.until or None,
        "opens": change.opens or None,
        "fields": [_field(field) for field in change.fields],
    }


def _field(field: FieldChange) -> dict[str, object]:
    row: dict[str, object] = {
        "path": field.path,
        "before": field.before,
        "after": field.after,
        "disruption": field.disruption.word,
    }
    return {**row, "why": field.why} if field.why else row


def _blocked(blocked: Blocked) -> dict[str, object]:
    return {
        "number": blocked.number,
        "reason": blocked.reason,
        "allow": blocked.allow.value if blocked.allow else None,
    }


def _outcome(outcome: Outcome | None) -> dict[str, object]:
    """What became of a change; one that nobody reported was not begun."""
    if outcome is None:
        return {"outcome": "skipped", "error": None}
    return {
        "outcome": outcome.result.value,
        "error": problem_json(outcome.problem) if outcome.problem else None,
    }


def condition_json(condition: Condition) -> dict[str, object]:
    """One condition as plain JSON data."""
    return {
        "ref": str(condition.ref),
        "host": condition.host,
        "type": condition.type,
        "fields": list(condition.fields),
        "message": condition.message,
    }


def _capacity(capacity: Capacity) -> dict[str, object]:
    return {
        **asdict(capacity),
        "memory": format_size(capacity.memory),
        "committed": format_size(capacity.committed),
        "warnings": list(capacity.warnings),
    }


def summary(plan: Plan) -> dict[str, int]:
    """How many objects come, change, go, …; a replaced one comes and goes, a blocked one is counted as that alone."""
    actions = [change.action for change in plan.permitted]
    replaced = actions.count(Action.REPLACE)
    return {
        "add": actions.count(Action.CREATE) + replaced,
        "change": actions.count(Action.UPDATE),
        "destroy": actions.count(Action.DELETE) + replaced,
        "adopt": actions.count(Action.ADOPT),
        "forget": actions.count(Action.FORGET),
        "blocked": len(plan.changes) - len(plan.permitted),
        "waiting": sum(change.waits for change in plan.permitted),
    }


def written(resources: Iterable[Written]) -> dict[str, object]:
    """Documents as they are asked for, with the origin of each value by its path."""
    return {
        "formatVersion": FORMAT_VERSION,
        "resources": [
            {
                "ref": str(each.ref),
                "host": each.host,
                "where": each.where,
                "document": each.document,
                "origins": dict(each.origins),
            }
            for each in resources
        ],
    }
