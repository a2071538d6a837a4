"""What we own and nobody declares any more: to be deleted, or only forgotten."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from reconciler.kind import Kind
from reconciler.model.documents import Deletion, Observed
from reconciler.model.inventory import Inventory, Owned
from reconciler.model.plans import Action, Allow, Blocked, Change, Disruption
from reconciler.model.refs import Ref


def prune(
    kinds: Mapping[str, Kind],
    inventory: Inventory,
    declared: Collection[Ref],
    observed: Mapping[Ref, Observed],
    allow: frozenset[Allow],
    owners: Collection[str],
    hidden: Callable[[Ref], bool] = lambda ref: False,
) -> tuple[Change, ...]:
    """One change for each resource of these owners that is not declared. What is not on the host is forgotten.

    `hidden` says which cannot be looked at now: nothing happens to those.
    """
    return tuple(
        _change(kinds[ref.kind], inventory.host, owned, observed.get(ref), allow)
        for ref, owned in sorted(inventory.objects.items())
        if owned.owner in owners and ref not in declared and ref.kind in kinds and not hidden(ref)
    )


def _change(kind: Kind, host: str, owned: Owned, observed: Observed | None, allow: frozenset[Allow]) -> Change:
    keep = kind.retained and owned.deletion is Deletion.RETAIN
    if observed is None or keep or not _ours(kind, owned, observed):
        return Change(ref=owned.ref, host=host, action=Action.FORGET, observed=observed)
    return Change(
        ref=owned.ref,
        host=host,
        action=Action.DELETE,
        steps=kind.delete(observed, owned.deletion is Deletion.DELETE, Allow.FORCE_OFF in allow),
        fields=kind.remains(observed, owned.deletion is Deletion.DELETE),
        disruption=Disruption.REPLACE,
        blocked=_blocked(owned, allow),
        observed=observed,
    )


def _ours(kind: Kind, owned: Owned, observed: Observed) -> bool:
    """Both the inventory and, where the kind carries one, the owner mark say that it is ours."""
    same = not owned.uuid or not observed.uuid or owned.uuid == observed.uuid
    return same and (not kind.marked or kind.owner(observed.xml) == owned.owner)


def _blocked(owned: Owned, allow: frozenset[Allow]) -> Blocked | None:
    if owned.protect:
        return Blocked("R505", f"{owned.ref} has protect: true since its last apply")
    if not allow & {Allow.DELETE, Allow.MASS_DELETE}:
        return Blocked("R502", f"{owned.ref} is declared no more; deleting it needs permission", Allow.DELETE)
    return None
