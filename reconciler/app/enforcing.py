"""What the policies do not permit is never carried out; what a host has already may stay as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.app.policing import NUMBER, Refusal, policies_of
from reconciler.app.session import Session, Workspace
from reconciler.kind import Kind
from reconciler.matching import align, rename
from reconciler.model.addresses import element_of
from reconciler.model.documents import Address, Observed, Spec
from reconciler.model.plans import Action, Blocked, Change, Condition, Disruption
from reconciler.model.refs import Ref
from reconciler.policy.judge import Violation, violations

MAKING = (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.ADOPT)
CONDITION = "PolicyViolation"
# What concerns a document as a whole: that its object exists already permits nothing.
_NEVER_OLD = ("kinds", "names")


def enforce(
    workspace: Workspace, host: Session, chosen: Iterable[Spec], changes: Sequence[Change]
) -> tuple[list[Change], list[Condition]]:
    """The changes of one host, those that violate a policy blocked; and what violates it on the host already."""
    refused = {spec.ref: workspace.desired.refused.get((host.host, spec.ref), ()) for spec in chosen}
    refused = {ref: found for ref, found in refused.items() if found}
    if not refused:
        return list(changes), []
    stale = {
        ref: _old(workspace, host, workspace.desired.specs[host.host, ref], found) for ref, found in refused.items()
    }
    planned = [_enforced(change, refused.get(change.ref, ()), stale.get(change.ref, _NOTHING)) for change in changes]
    blocked = {change.ref for change in planned if change.blocked and change.blocked.number == NUMBER}
    return planned, [
        Condition(ref, host.host, CONDITION, "; ".join(_said(each) for each in found))
        for ref, found in refused.items()
        if ref not in blocked
    ]


@dataclass(frozen=True, slots=True)
class _Old:
    """Which violations a host has already, and those of them in a part that the document asks to change."""

    there: frozenset[Violation] = frozenset()
    touched: frozenset[Violation] = frozenset()


_NOTHING = _Old()


def _enforced(change: Change, refused: Sequence[Refusal], old: _Old) -> Change:
    if change.action not in MAKING:
        return change
    adopted = change.action is Action.ADOPT
    new = [
        each
        for each in refused
        if each.violation not in old.there
        or (not adopted and (each.violation in old.touched or change.action is not Action.UPDATE))
    ]
    if not new:
        return change
    reason = "; ".join(_said(each) for each in new)
    return replace(change, blocked=Blocked(NUMBER, reason), disruption=Disruption.REFUSED)


def _said(refusal: Refusal) -> str:
    return f"{refusal.where}: {refusal.violation.message}" if refusal.where else refusal.violation.message


def _old(workspace: Workspace, host: Session, spec: Spec, refused: Sequence[Refusal]) -> _Old:
    observed = host.observed.get(spec.ref) or host.observed.get(Ref(spec.ref.kind, spec.moved_from))
    if observed is None:
        return _NOTHING
    kind = workspace.kinds[spec.ref.kind]
    texts = _texts(kind, spec, observed)
    policies = policies_of(workspace.settings, workspace.desired.hosts, host.host)
    has = {_mark(each) for each in violations(policies, replace(spec, claims=texts, hints={}), kind.table)}
    there = [each.violation for each in refused if _mark(each.violation) in has]
    there = [each for each in there if each.word not in _NEVER_OLD]
    return _Old(frozenset(there), frozenset(each for each in there if _touched(kind, spec, texts, each.address)))


def _texts(kind: Kind, spec: Spec, observed: Observed) -> Mapping[Address, str]:
    """The host's definition with the document's names for its devices."""
    texts = {**kind.read(observed.xml), **observed.facts}
    return rename(texts, align(spec, texts, kind.identities))


def _mark(violation: Violation) -> tuple[str, Address, str]:
    return violation.word, _part(violation.address), violation.value


def _part(address: Address) -> Address:
    """The device or other part of a definition in which an address is."""
    depth = 2 if address.startswith("devices/") else 1
    return "/".join(element_of(address).split("/")[:depth])


def _touched(kind: Kind, spec: Spec, texts: Mapping[Address, str], address: Address) -> bool:
    """Whether the document asks for something else in the part around an address than the host has there."""
    part = _part(address)
    if not part:
        return False
    return any(_part(at) == part and not _same(kind, at, text, texts.get(at)) for at, text in spec.claims.items())


def _same(kind: Kind, address: Address, want: str | None, have: str | None) -> bool:
    """An element that is to be there and is not differs, though it has no text."""
    return want == have or (want is not None and have is not None and kind.same(address, want, have))
