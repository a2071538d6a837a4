"""What each change of a volume costs, and the steps that carry it out."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.errors import Problem
from reconciler.kind import Decision, Facts, Judged, Rule, Situation
from reconciler.kinds.volume.spec import SOURCE, SOURCE_DIGEST
from reconciler.kinds.volume.xml import BACKING, FORMAT, render
from reconciler.model.documents import Observed, Spec
from reconciler.model.plans import Diff, Disruption, KindStep, Step, Undefine
from reconciler.model.quantities import format_size
from reconciler.model.refs import Ref

ANEW = "the volume would be deleted and made anew: its data is lost"


def _capacity(diff: Diff, situation: Situation) -> Decision:
    before, after = int(diff.before or "0"), int(diff.after or "0")
    if after < before:
        why = f"cannot shrink: it has {format_size(before)}; write that, or move the data to a smaller volume"
        return Decision(Disruption.REFUSED, why=why)
    return Decision(Disruption.NONE, "resize")


def _mode(diff: Diff, situation: Situation) -> Decision:
    why = f"libvirt cannot change the mode of a volume; use chmod on the host, or write {diff.before or 'none'}"
    return Decision(Disruption.REFUSED, why=why)


def _content(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.REPLACE, "replace", ANEW)


RULES: tuple[Rule, ...] = (
    Rule("capacity*", _capacity, "Grows at once, also under a running guest; refuses to shrink."),
    Rule("target/permissions*", _mode, "Refused: libvirt has no call for it."),
    Rule(FORMAT, _content, "Needs a new volume; the data is lost."),
    Rule("*", _content, "Needs a new volume; the data is lost."),
)


def create(spec: Spec) -> tuple[Step, ...]:
    """One step: the driver puts in what only the host knows, the path and format of the backing volume."""
    arguments = {
        "xml": render(spec, None, ()),
        "backing": spec.claims.get(BACKING) or "",
        "source": spec.claims.get(SOURCE) or "",
        "sha256": spec.claims.get(SOURCE_DIGEST) or "",
    }
    return (KindStep("create", {name: value for name, value in arguments.items() if value}),)


def update(situation: Situation, judged: Sequence[Judged]) -> tuple[Step, ...]:
    """Grow in place, or delete and create; nothing where anything is refused."""
    worst = max(item.decision.disruption for item in judged)
    if worst is Disruption.REFUSED:
        return ()
    if worst is Disruption.REPLACE:
        return (*_checks(situation.spec), Undefine(True), *create(situation.spec))
    capacity = next((item.diff.after for item in judged if item.diff.address == "capacity"), None)
    return (KindStep("resize", {"capacity": capacity}),) if capacity else ()


def _checks(spec: Spec) -> tuple[Step, ...]:
    """Before the old volume goes, its new content has to be there."""
    source = spec.claims.get(SOURCE)
    return (KindStep("check", {"source": source, "sha256": spec.claims.get(SOURCE_DIGEST) or ""}),) if source else ()


def delete(observed: Observed, data: bool, force: bool) -> tuple[Step, ...]:
    """A volume is its data. The driver refuses while anything uses it."""
    return (Undefine(True),)


def stands(observed: Observed) -> tuple[Ref, ...]:
    """Its backing volume."""
    backing = observed.facts.get(BACKING)
    return (Ref("Volume", backing),) if backing else ()


def preflight(spec: Spec, observed: Observed | None, facts: Facts) -> tuple[Problem, ...]:
    """A pool or a backing volume that is neither on the host nor declared."""
    if observed is not None:
        return ()
    pool = spec.ref.name.rpartition("/")[0]
    backing = spec.claims.get(BACKING)
    lacking = []
    if facts.pools is not None and pool not in facts.pools and Ref("Pool", pool) not in facts.declared:
        lacking.append(f"the pool {pool}")
    if (
        facts.volumes is not None
        and backing
        and backing not in facts.volumes
        and Ref("Volume", backing) not in facts.declared
    ):
        lacking.append(f"the backing volume {backing}")
    return tuple(
        Problem("R401", f"{spec.ref} needs {what}, which {spec.host} does not have", spec.where) for what in lacking
    )
