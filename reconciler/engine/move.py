"""A rename: the same object under another name, with its UUID, MAC, NVRAM, disks and history of settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.kind import Kind, may_restart
from reconciler.model.documents import Observed, Spec
from reconciler.model.inventory import Owned
from reconciler.model.plans import Action, Allow, Blocked, Change, Disruption, FieldChange
from reconciler.model.refs import Ref


def move(
    kind: Kind,
    spec: Spec,
    old: Observed,
    owned: Owned | None,
    owners: Sequence[str],
    allow: frozenset[Allow],
    until: str = "",
) -> Change:
    """The change that gives `old` the name of its document, for a kind that can rename.

    `until` is when the permission to restart a running one runs out ("" is never).
    """
    disruption = Disruption.RESTART if old.active else Disruption.NONE
    return Change(
        ref=spec.ref,
        host=spec.host,
        action=Action.UPDATE,
        steps=kind.rename(spec, old, allow) if kind.rename else (),
        fields=(FieldChange("name", old.ref.name, spec.ref.name, disruption),),
        disruption=disruption,
        blocked=_blocked(spec, old, owned, owners, allow),
        observed=old,
        spec_digest=spec.digest,
        until=until if old.active else "",
    )


def _blocked(
    spec: Spec, old: Observed, owned: Owned | None, owners: Sequence[str], allow: frozenset[Allow]
) -> Blocked | None:
    if owned is None or owned.owner not in owners:
        return Blocked("R503", f"{old.ref} is not owned by this desired state; adopt it under its own name first")
    if old.active and not may_restart(spec.policy, allow):
        return Blocked("R502", f"{old.ref} is running, and libvirt renames only what is stopped", Allow.RESTART)
    return None


def renamed(old: Observed, ref: Ref) -> Observed:
    """The object as it will be once it has its new name."""
    before, after = f"<name>{old.ref.name}</name>", f"<name>{ref.name}</name>"
    live = old.live and old.live.replace(before, after, 1)
    return replace(old, ref=ref, xml=old.xml.replace(before, after, 1), live=live)
