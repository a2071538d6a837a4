"""Where a disk's data is, however a definition says it: as a path, or as a volume of a pool."""

from __future__ import annotations

import re

from reconciler.kind import Locate, Situation
from reconciler.model.addresses import pattern_of
from reconciler.model.documents import Address, Texts

_SOURCE = re.compile(r"devices/disk\[\](@type|/source(@(file|dev|pool|volume))?)")


def is_source(address: Address) -> bool:
    """Whether this says where a disk's data is."""
    return _SOURCE.fullmatch(pattern_of(address)) is not None


def same_place(disk: Address, one: Texts, other: Texts, locate: Locate) -> bool:
    """Whether two definitions mean the same file or block device."""
    path = _path(disk, one, locate)
    return path is not None and path == _path(disk, other, locate)


def runs_on(disk: Address, situation: Situation) -> bool:
    """Whether the running guest has the data already that the document names, perhaps in other words."""
    claims = situation.spec.claims
    wanted = {address: text for address, text in {**situation.texts, **claims}.items() if text is not None}
    return same_place(disk, wanted, situation.live, situation.locate)


def _path(disk: Address, texts: Texts, locate: Locate) -> str | None:
    pool, volume = texts.get(f"{disk}/source@pool"), texts.get(f"{disk}/source@volume")
    if texts.get(f"{disk}@type") == "volume":
        return locate(f"{pool}/{volume}")
    return texts.get(f"{disk}/source@file") or texts.get(f"{disk}/source@dev")
