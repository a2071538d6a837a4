"""One declared resource with all that is known of it: what its host knows where it is silent, and what is permitted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from reconciler.app.formats import with_formats
from reconciler.app.places import with_places
from reconciler.app.session import Session, Workspace
from reconciler.engine.decide import Case
from reconciler.model.documents import Address, RestartPolicy, Spec
from reconciler.model.inventory import NOTHING_APPLIED, Applied, Inventory
from reconciler.model.plans import Allow, Condition
from reconciler.model.windows import next_opening, open_until


def informed(workspace: Workspace, host: Session, spec: Spec) -> Spec:
    """The Spec with what its host knows where the document is silent: formats and places of volumes, the best type."""
    spec = with_places(workspace, host, with_formats(workspace, host, spec))
    silent = _silent(workspace, host, spec)
    if not silent:
        return spec
    found = host.offers()
    return replace(spec, hints={**{address: found[offer] for address, offer in silent.items()}, **spec.hints})


def _silent(workspace: Workspace, host: Session, spec: Spec) -> dict[Address, str]:
    """What a new object takes from its host: address -> name of the offer."""
    if spec.ref in host.observed:
        return {}
    offers = workspace.kinds[spec.ref.kind].offers
    return {address: offer for address, offer in offers.items() if address not in spec.claims}


def emulated(workspace: Workspace, host: Session, specs: Iterable[Spec]) -> Iterator[Condition]:
    """One for each new machine that will be slow because its host has no hardware virtualisation to offer."""
    for spec in specs:
        if "domain type" in _silent(workspace, host, spec).values() and host.offers()["domain type"] == "qemu":
            yield Condition(spec.ref, host.host, "SoftwareEmulation", host.offers()["why"])


def case_of(workspace: Workspace, host: Session, inventory: Inventory, spec: Spec, applied: Applied | None) -> Case:
    """All that is known of one declared resource."""
    allow, until = permissions(workspace, spec)
    waits = _needs_window(workspace, spec) and not until
    return Case(
        kind=workspace.kinds[spec.ref.kind],
        spec=informed(workspace, host, spec),
        observed=host.observed.get(spec.ref),
        owned=inventory.objects.get(spec.ref),
        applied=applied or NOTHING_APPLIED,
        owners=workspace.desired.owners,
        allow=allow,
        today=workspace.today,
        until=until,
        opens=next_opening(spec.policy.windows, workspace.today) if waits else "",
        locate=host.locate,
    )


def permissions(workspace: Workspace, spec: Spec) -> tuple[frozenset[Allow], str]:
    """What the operator allows and, while a restart window of the document is open, the restart; and when that ends."""
    allow = workspace.selection.allow
    until = open_until(spec.policy.windows, workspace.today) if _needs_window(workspace, spec) else ""
    return (allow | {Allow.RESTART}, until) if until else (allow, "")


def _needs_window(workspace: Workspace, spec: Spec) -> bool:
    return spec.policy.restart is RestartPolicy.WINDOW and Allow.RESTART not in workspace.selection.allow
