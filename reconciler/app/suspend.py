"""`suspend` and `resume`: leave resources alone, and take care of them again. No host is opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.app import wiring
from reconciler.app.desired import Desired
from reconciler.app.hosts import desired_of
from reconciler.app.session import host_uris
from reconciler.app.settings import Settings
from reconciler.errors import trouble
from reconciler.model import moments
from reconciler.model.inventory import Inventory, Suspension
from reconciler.model.quantities import parse_duration
from reconciler.model.refs import Ref
from reconciler.ports import LedgerChange


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspended:
    """One resource on one host, and how it is suspended now; None where it is not."""

    ref: Ref
    host: str
    suspension: Suspension | None


def suspend(settings: Settings, refs: Sequence[Ref], reason: str, until: str) -> tuple[Suspended, ...]:
    """Leave these resources alone on every host that has them, until a moment or for a duration; "" is for good.

    Raises R305 for one that nothing declares and no ledger knows, R801 for a moment that is none or is over.
    """
    since = wiring.clock().today()
    suspension = Suspension(reason=reason, author=wiring.who(), since=since, until=_moment(until, since))

    def change(inventory: Inventory, here: Sequence[Ref]) -> Inventory:
        return replace(inventory, suspended={**inventory.suspended, **dict.fromkeys(here, suspension)})

    return _each(settings, refs, "suspend", change, f"until {suspension.until or 'it is resumed'}: {reason}")


def resume(settings: Settings, refs: Sequence[Ref]) -> tuple[Suspended, ...]:
    """Take care of these resources again. Raises R305 for one that nothing declares and no ledger knows."""

    def change(inventory: Inventory, here: Sequence[Ref]) -> Inventory:
        left = {ref: each for ref, each in inventory.suspended.items() if ref not in here}
        return replace(inventory, suspended=left)

    return _each(settings, refs, "resume", change, "")


def _each(
    settings: Settings,
    refs: Sequence[Ref],
    operation: str,
    change: Callable[[Inventory, Sequence[Ref]], Inventory],
    more: str,
) -> tuple[Suspended, ...]:
    """Change the inventory of each host that has some of the resources."""
    desired = desired_of(settings)
    uris = host_uris(settings, desired)
    _check(settings, desired, list(uris), refs)
    found: list[Suspended] = []
    for host, uri in uris.items():
        with wiring.lock(settings, host, uri, operation):
            ledger = wiring.ledger(settings, host)
            inventory = ledger.inventory()
            here = [ref for ref in dict.fromkeys(refs) if _knows(desired, host, inventory, ref)]
            changed = change(inventory, here)
            if here and changed != inventory:
                names = ", ".join(map(str, here))
                message = f"{operation} {names} {more}".strip()
                ledger.record(LedgerChange(inventory=changed, definitions={}, applied={}, message=message))
            found += [Suspended(ref=ref, host=host, suspension=changed.suspended.get(ref)) for ref in here]
    return tuple(found)


def _check(settings: Settings, desired: Desired, hosts: Sequence[str], refs: Sequence[Ref]) -> None:
    """Raise R305 before anything is written."""
    inventories = {host: wiring.ledger(settings, host).inventory() for host in hosts}
    for ref in refs:
        if not any(_knows(desired, host, inventory, ref) for host, inventory in inventories.items()):
            raise trouble("R305", f"nothing declares {ref}, and it is not owned")


def _knows(desired: Desired, host: str, inventory: Inventory, ref: Ref) -> bool:
    return (host, ref) in desired.specs or ref in inventory.objects or ref in inventory.suspended


def _moment(until: str, now: str) -> str:
    """The moment in a text: a duration from now, or a date or time; without a zone, of this machine's own."""
    if not until:
        return ""
    try:
        found = moments.after(now, parse_duration(until))
    except ValueError:
        try:
            found = moments.spell(datetime.fromisoformat(until))
        except ValueError:
            message = (
                f"{until!r} is no moment; write a duration (4h, 2d), a date (2026-12-01) or a time (2026-12-01T08:00)"
            )
            raise trouble("R801", message) from None
    if found <= now:
        raise trouble("R801", f"{until!r} is over already: it is {now}")
    return found
