"""A host has no definition in libvirt: all that is managed of it are facts (`!ksm.…`)."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.kind import Situation
from reconciler.markup import Identities
from reconciler.model.documents import Address, Spec
from reconciler.model.plans import Diff

EMPTY = "<host/>\n"
IDENTITIES: Identities = {}


def read(text: str) -> dict[Address, str]:
    """Nothing."""
    return {}


def render(spec: Spec, situation: Situation | None, diffs: Sequence[Diff]) -> str:
    """The empty definition."""
    return EMPTY
