"""What each change of a volume costs, and the steps that carry it out."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.errors import Problem
from reconciler.kind import Decision, Facts, Judged, Rule, Situation
from reconciler.kinds.volume.table import CONTENT, SOURCE, SOURCE_DIGEST, SOURCE_URL, SOURCE_VOLUME
from reconciler.kinds.volume.xml import BACKING, FORMAT, IMAGE, render
from reconciler.model.documents import Observed, Spec
from reconciler.model.plans import FETCH, FILL, Diff, Disruption, KindStep, Step, Undefine
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


def _anew(diff: Diff, situation: Situation) -> Decision:
    return Decision(Disruption.REPLACE, "replace", ANEW)


RULES: tuple[Rule, ...] = (
    Rule("capacity*", _capacity, "Grows at once, also under a running guest; refuses to shrink."),
    Rule("target/permissions*", _mode, "Refused: libvirt has no call for it."),
    Rule(FORMAT, _anew, "Needs a new volume; the data is lost."),
    Rule("*", _anew, "Needs a new volume; the data is lost."),
)


def create(spec: Spec) -> tuple[Step, ...]:
    """One step: the driver puts in what only the host knows, the path and format of the backing volume.

    What has content from a file or the web is a `fill`, which is handed that content.
    """
    whole = {**spec.hints, **spec.claims}
    arguments = {
        "xml": render(spec, None, ()),
        "backing": whole.get(BACKING) or "",
        "volume": whole.get(SOURCE_VOLUME) or "",
        "image": whole.get(IMAGE) or "",
        **_content(spec),
    }
    name = FILL if _content(spec) else "create"
    return (KindStep(name, {name: value for name, value in arguments.items() if value}),)


def _content(spec: Spec) -> dict[str, str]:
    """Where the content comes from and what it has to be; nothing where there is none from outside."""
    path, url, sha256 = (spec.claims.get(at) for at in (SOURCE, SOURCE_URL, SOURCE_DIGEST))
    if not path and not url:
        return {}
    found = {name: spec.claims.get(at) for at, name in CONTENT.items()}
    found |= {"path": path, "url": url, "digest": f"sha256:{sha256}" if sha256 else found["digest"]}
    return {name: value for name, value in found.items() if value}


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
    content = _content(spec)
    return (KindStep(FETCH, content),) if content else ()


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
    below = (spec.claims.get(at) or spec.hints.get(at) for at in (BACKING, SOURCE_VOLUME))
    lacking = []
    if facts.pools is not None and pool not in facts.pools and Ref("Pool", pool) not in facts.declared:
        lacking.append(f"the pool {pool}")
    lacking += [
        f"the volume {name}"
        for name in below
        if name and facts.volumes is not None and name not in facts.volumes
        if Ref("Volume", name) not in facts.declared
    ]
    return tuple(
        Problem("R401", f"{spec.ref} needs {what}, which {spec.host} does not have", spec.where) for what in lacking
    )
