"""The file that `plan --out` writes and `apply` takes: the plan's JSON and what it was planned from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.app.settings import Selection
from reconciler.cli.render_json import FORMAT_VERSION, plan_json, text
from reconciler.cli.terminal import write_private
from reconciler.errors import ReconcilerError, trouble
from reconciler.model.plans import Allow, Plan
from reconciler.model.refs import Ref


@dataclass(frozen=True, slots=True)
class PlanFile:
    """An approval: the digest of a plan and the selection that gives the plan again."""

    digest: str
    selection: Selection


def write(path: Path, plan: Plan, selection: Selection) -> None:
    """Write the plan, readable by its owner only. Raises R805."""
    inputs = {
        "selection": {
            "refs": [str(ref) for ref in selection.refs],
            "exclude": [str(ref) for ref in selection.exclude],
            "revision": selection.revision,
            "allow": sorted(word.value for word in selection.allow),
        },
        "observed": [
            {"host": change.host, "ref": str(change.ref), "digest": change.observed.digest if change.observed else None}
            for change in plan.changes
        ],
    }
    write_private(path, text({**plan_json(plan), "inputs": inputs}) + "\n")


def read(path: Path) -> PlanFile:
    """The approval in a plan file. Raises R803."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise trouble("R803", f"cannot be read as a plan: {reason}", str(path)) from error
    try:
        return _approval(found)
    except (KeyError, TypeError, ValueError, ReconcilerError) as error:
        raise trouble("R803", "is not a plan that this version wrote", str(path)) from error


def _approval(found: object) -> PlanFile:
    if (
        not isinstance(found, Mapping)
        or found["formatVersion"] != FORMAT_VERSION
        or not isinstance(found["digest"], str)
    ):
        raise ValueError("another format")
    chosen = found["inputs"]["selection"]
    return PlanFile(
        found["digest"],
        Selection(
            refs=tuple(Ref.parse(ref) for ref in chosen["refs"]),
            exclude=tuple(Ref.parse(ref) for ref in chosen["exclude"]),
            revision=str(chosen["revision"]),
            allow=frozenset(Allow(word) for word in chosen["allow"]),
        ),
    )
