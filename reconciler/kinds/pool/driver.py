"""Pools on a host: look at all of them, and carry out one step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, cast

from reconciler import definitions
from reconciler.errors import trouble
from reconciler.kinds.pool.xml import details, tidy
from reconciler.model.documents import Observed
from reconciler.model.plans import Autostart, Define, KindStep, Start, Step, Stop, Undefine
from reconciler.model.refs import Ref
from reconciler.ports import Clock, Handle

# libvirt's numbers (libvirt-storage.h).
XML_INACTIVE = 1
LIST_ACTIVE = 2
LIST_AUTOSTART = 16
NAMED = 5


class Volume(Protocol):
    """What we use of libvirt's virStorageVol."""

    def name(self) -> str: ...


class Pool(Protocol):
    """What we use of libvirt's virStoragePool."""

    def name(self) -> str: ...
    def UUIDString(self) -> str: ...  # noqa: N802
    def XMLDesc(self, flags: int) -> str: ...  # noqa: N802
    def isActive(self) -> int: ...  # noqa: N802
    def build(self, flags: int) -> int: ...
    def create(self, flags: int) -> int: ...
    def destroy(self) -> int: ...
    def delete(self, flags: int) -> int: ...
    def undefine(self) -> int: ...
    def setAutostart(self, autostart: int) -> int: ...  # noqa: N802
    def refresh(self, flags: int) -> int: ...
    def listAllVolumes(self, flags: int) -> list[Volume]: ...  # noqa: N802


class Connection(Protocol):
    """What we use of libvirt's virConnect."""

    def listAllStoragePools(self, flags: int) -> list[Pool]: ...  # noqa: N802
    def storagePoolLookupByName(self, name: str) -> Pool: ...  # noqa: N802
    def storagePoolDefineXML(self, xml: str, flags: int) -> Pool: ...  # noqa: N802


def observe(handle: Handle) -> Iterator[Observed]:
    """Every pool of the host, by name."""
    connection = cast(Connection, handle)
    active = {pool.name() for pool in connection.listAllStoragePools(LIST_ACTIVE)}
    autostart = {pool.name() for pool in connection.listAllStoragePools(LIST_AUTOSTART)}
    for pool in sorted(connection.listAllStoragePools(0), key=lambda pool: pool.name()):
        yield _seen(pool, pool.name() in active, pool.name() in autostart)


def look(handle: Handle, ref: Ref) -> Observed | None:
    """One pool; None if the host has none of this name."""
    connection = cast(Connection, handle)
    autostart = {pool.name() for pool in connection.listAllStoragePools(LIST_AUTOSTART)}
    found = (pool for pool in connection.listAllStoragePools(0) if pool.name() == ref.name)
    return next((_seen(pool, bool(pool.isActive()), ref.name in autostart) for pool in found), None)


def _seen(pool: Pool, active: bool, autostart: bool) -> Observed:
    running = pool.XMLDesc(0)
    return definitions.witness(
        Ref("Pool", pool.name()),
        uuid=pool.UUIDString(),
        xml=tidy(definitions.persistent(pool.XMLDesc, XML_INACTIVE)),
        live=tidy(running) if active else None,
        facts={"!active": "yes" if active else "no", "!autostart": "yes" if autostart else "no"},
        details=details(running),
    )


def perform(handle: Handle, ref: Ref, step: Step, clock: Clock) -> None:
    """Carry out one step. Raises what libvirt raises, and R403 for a pool that is not empty."""
    connection = cast(Connection, handle)
    if isinstance(step, Define):
        connection.storagePoolDefineXML(step.xml, 0)
        return
    pool = connection.storagePoolLookupByName(ref.name)
    match step:
        case Start():
            if not pool.isActive():
                pool.create(0)
        case Stop():
            if pool.isActive():
                pool.destroy()
        case Autostart(on):
            pool.setAutostart(int(on))
        case Undefine(data):
            _remove(pool, data)
        case KindStep("build"):
            _build(pool)
        case KindStep("empty"):
            _must_be_empty(pool, ref)


def _build(pool: Pool) -> None:
    if not pool.isActive():
        pool.build(0)


def _remove(pool: Pool, data: bool) -> None:
    if data:
        pool.delete(0)
    pool.undefine()


def _must_be_empty(pool: Pool, ref: Ref) -> None:
    """Raises R403 while there are volumes: deleting a pool never deletes the data of others."""
    if not pool.isActive():
        return
    pool.refresh(0)
    names = sorted(volume.name() for volume in pool.listAllVolumes(0))
    if names:
        listed = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
        message = f"{ref} still holds {listed}; delete them first, or keep them with deletionPolicy: retain"
        raise trouble("R403", message)
