"""What a change has left behind, seen as the next plan will see it."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler import entries
from reconciler.app.session import Session, Workspace
from reconciler.engine import compare
from reconciler.engine.decide import Case, decide
from reconciler.engine.judge import situation_of
from reconciler.kind import KEEP
from reconciler.model.documents import Address, Observed, Spec
from reconciler.model.inventory import NOTHING_APPLIED, Applied
from reconciler.model.plans import Diff, Disruption


def settled(
    workspace: Workspace, host: Session, spec: Spec, observed: Observed
) -> tuple[Mapping[Address, tuple[str, str]], tuple[Address, ...]]:
    """Where the host spells what was asked its own way, and what left the document but not yet the running object."""
    kind = workspace.kinds[spec.ref.kind]
    now = situation_of(kind, spec, observed, locate=host.locate)
    spelled = {
        at: pair
        for at, pair in compare.settle(kind, spec, now.texts).items()
        if kind.judge(Diff(at, pair[1], pair[0]), now).way != KEEP
    }
    if observed.live is None:
        return spelled, ()
    before = compare.as_named(host.ledger.applied(spec.ref) or NOTHING_APPLIED, now.live_renamed)
    return spelled, compare.leaving(kind, spec, now.texts, now.live, before)


def disobeyed(workspace: Workspace, host: Session, spec: Spec, observed: Observed) -> tuple[str, ...]:
    """What libvirt made otherwise than `xml:` says, in words: it put something back, or dropped an element."""
    kind = workspace.kinds[spec.ref.kind]
    texts = situation_of(kind, spec, observed, locate=host.locate).texts
    found = compare.compare(kind, spec, texts, NOTHING_APPLIED)
    back = (diff for diff in found if spec.claims.get(diff.address, "") is None and not diff.address.startswith("!"))
    return (
        *(
            f"libvirt puts {entries.path_of(kind.table, diff.address)} back; take reconciler:remove away"
            for diff in back
        ),
        *(
            f"libvirt drops {entries.path_of(kind.table, diff.address)}; take it out of xml:"
            for diff in found
            if compare.is_dropped(diff)
        ),
    )


def unfinished(workspace: Workspace, host: Session, spec: Spec, observed: Observed, applied: Applied) -> frozenset[str]:
    """The paths of fields that a next apply would have to change in the running object once more."""
    case = Case(
        kind=workspace.kinds[spec.ref.kind],
        spec=spec,
        observed=observed,
        owned=None,
        applied=applied,
        owners=workspace.desired.owners,
        locate=host.locate,
    )
    return frozenset(
        field.path for change in decide(case).changes for field in change.fields if field.disruption is Disruption.NONE
    )
