"""Documents with `movedFrom`: which objects of a host get a new name instead of a new life."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.app.session import Session
from reconciler.engine.busy import busy
from reconciler.engine.decide import Case, Decided, decide
from reconciler.engine.move import move, renamed
from reconciler.errors import trouble
from reconciler.model.documents import Spec
from reconciler.model.inventory import Inventory
from reconciler.model.refs import Ref


def moves(host: Session, specs: Iterable[Spec]) -> dict[Ref, Ref]:
    """The new Ref of each object that is to be renamed, and its present one. Raises R207 where both are declared.

    A rename that is done leaves nothing to do: the line may stay in the document or go.
    """
    declared = {spec.ref: spec for spec in specs}
    found: dict[Ref, Ref] = {}
    for ref, spec in declared.items():
        old = Ref(ref.kind, spec.moved_from)
        if not spec.moved_from or ref in host.observed or old not in host.observed:
            continue
        if old in declared:
            raise trouble("R207", f"{ref} is movedFrom {old}, which is declared as well; keep one of them", spec.where)
        found[ref] = old
    return found


def decide_moved(case: Case, host: Session, inventory: Inventory, old: Ref) -> Decided:
    """The rename, then whatever else the document wants of the object."""
    found, owned = host.observed[old], inventory.objects.get(old)
    if occupied := busy(case.spec, found):
        return Decided(conditions=occupied)
    change = move(case.kind, case.spec, found, owned, case.owners, case.allow, case.until)
    if change.blocked:
        return Decided(changes=(change,))
    after = decide(replace(case, observed=renamed(found, case.spec.ref), owned=owned))
    return replace(after, changes=(change, *after.changes))
