"""What is left alone for a time, because somebody said so."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.model.inventory import Inventory, Suspension
from reconciler.model.plans import Condition
from reconciler.model.refs import Ref

SUSPENDED = "Suspended"


def in_force(inventory: Inventory, today: str) -> dict[Ref, Suspension]:
    """The suspensions that are not over at this moment (RFC 3339 in UTC)."""
    return {ref: each for ref, each in inventory.suspended.items() if not each.until or today < each.until}


def conditions(host: str, suspended: Mapping[Ref, Suspension]) -> tuple[Condition, ...]:
    """What there is to say of each."""
    return tuple(Condition(ref, host, SUSPENDED, told(each)) for ref, each in sorted(suspended.items()))


def told(suspension: Suspension) -> str:
    """`left alone until 2026-12-01T08:00:00Z: disk is being copied (root <root@hv1>, 2026-11-25T09:00:00Z)`."""
    until = f" until {suspension.until}" if suspension.until else ""
    return f"left alone{until}: {suspension.reason} ({suspension.author}, {suspension.since})"
