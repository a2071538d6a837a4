"""Differences as people read them: the paths that they wrote, and values in their units."""

from __future__ import annotations

from reconciler import entries
from reconciler.kind import Judged, Kind, Situation
from reconciler.model.addresses import inside
from reconciler.model.documents import Address, Spec, Texts
from reconciler.model.plans import FieldChange


def is_field(kind: Kind, address: Address) -> bool:
    """Whether people write a value at this address: elements that only hold others are not worth a line."""
    entry = entries.entry_of(kind.table, address)
    return entry is not None and entry.field is not None


def field_change(kind: Kind, spec: Spec, situation: Situation, item: Judged) -> FieldChange:
    diff = item.diff
    texts = situation.texts if diff.address in situation.texts else situation.live
    before, after = (
        _entry_text(kind, side, diff.address)
        if text is not None and is_element(kind, diff.address)
        else entries.shown(kind.table, diff.address, text)
        for side, text in ((texts, diff.before), (_present(spec), diff.after))
    )
    return FieldChange(
        entries.path_of(kind.table, diff.address), before, after, item.decision.disruption, item.decision.why
    )


def _present(spec: Spec) -> Texts:
    return {address: text for address, text in spec.claims.items() if text is not None}


def is_element(kind: Kind, address: Address) -> bool:
    """Whether this is a whole entry or group rather than one value."""
    return address.endswith("]") or ("@" not in address and not is_field(kind, address) and address[0] != "!")


def _entry_text(kind: Kind, texts: Texts, element: Address) -> str:
    """A whole list entry or group in a few words: the values of its fields."""
    whole = entries.path_of(kind.table, element)
    said: list[str] = []
    for address, text in inside(texts, element).items():
        path, value = entries.path_of(kind.table, address), entries.shown(kind.table, address, text)
        if text and path.startswith(f"{whole}."):
            said.append(f"{path.removeprefix(f'{whole}.')}={value}")
        elif text and path == whole and address != element:
            said.append(str(value))
    return " ".join(said) or "present"
