"""Secrets in libvirt's words: read a definition into texts that compare, and write one."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler import definitions, markup
from reconciler.kind import Situation
from reconciler.markup import Identities
from reconciler.model.documents import Address, Spec
from reconciler.model.plans import Diff

IDENTITIES: Identities = {}
VALUE = "!value"


def flat(text: str) -> dict[Address, str]:
    """The texts of a definition or of a part of one."""
    root = markup.parse(text)
    for uuid in root.findall("uuid"):
        uuid.text = (uuid.text or "").strip().lower()
    return markup.flatten(root, IDENTITIES, unit=1, default_unit=1)


def read(text: str) -> dict[Address, str]:
    """The texts of a whole definition."""
    return flat(text)


def render(spec: Spec, situation: Situation | None, diffs: Sequence[Diff]) -> str:
    """The definition to store: a new one, or the host's own with the differences carried out."""
    if situation is not None:
        return definitions.revise(situation, diffs, IDENTITIES, {})
    return definitions.build("<secret/>", spec, IDENTITIES, {})
