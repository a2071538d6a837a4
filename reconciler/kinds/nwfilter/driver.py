"""Network filters on a host: look at all of them, and carry out one step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, cast

from reconciler import definitions, users
from reconciler.model.documents import Observed
from reconciler.model.plans import Define, Step, Undefine
from reconciler.model.refs import Ref
from reconciler.ports import Clock, Handle, error_code

# virterror.h: VIR_ERR_NO_SUPPORT, VIR_ERR_NO_NWFILTER.
UNSUPPORTED = 3
NO_FILTER = 62


class NwFilter(Protocol):
    """What we use of libvirt's virNWFilter."""

    def name(self) -> str: ...
    def UUIDString(self) -> str: ...  # noqa: N802
    def XMLDesc(self, flags: int) -> str: ...  # noqa: N802
    def undefine(self) -> int: ...


class Connection(Protocol):
    """What we use of libvirt's virConnect."""

    def listAllNWFilters(self, flags: int) -> list[NwFilter]: ...  # noqa: N802
    def nwfilterLookupByName(self, name: str) -> NwFilter: ...  # noqa: N802
    def nwfilterDefineXML(self, xml: str) -> NwFilter: ...  # noqa: N802


def observe(handle: Handle) -> Iterator[Observed]:
    """Every network filter of the host, by name; none where the driver has no filters."""
    try:
        found = cast(Connection, handle).listAllNWFilters(0)
    except Exception as error:
        if error_code(error) != UNSUPPORTED:
            raise
        return
    for each in sorted(found, key=lambda each: each.name()):
        seen = _seen(each)
        if seen is not None:
            yield seen


def look(handle: Handle, ref: Ref) -> Observed | None:
    """One network filter; None if the host has none of this name."""
    try:
        found = cast(Connection, handle).nwfilterLookupByName(ref.name)
    except Exception as error:
        if error_code(error) not in (NO_FILTER, UNSUPPORTED):
            raise
        return None
    return _seen(found)


def _seen(found: NwFilter) -> Observed | None:
    """The filter; None where it has gone since it was listed."""
    try:
        text = found.XMLDesc(0)
    except Exception as error:
        if error_code(error) != NO_FILTER:
            raise
        return None
    return definitions.witness(Ref("NwFilter", found.name()), uuid=found.UUIDString(), xml=text, live=None, facts={})


def perform(handle: Handle, ref: Ref, step: Step, clock: Clock) -> None:
    """Carry out one step. Raises what libvirt raises, and R403 for a filter that is still used."""
    connection = cast(Connection, handle)
    match step:
        case Define(xml):
            connection.nwfilterDefineXML(xml)
        case Undefine():
            if look(handle, ref) is not None:
                users.must_be_unused(handle, ref, users.network_filter(ref.name))
                connection.nwfilterLookupByName(ref.name).undefine()
        case _:
            raise AssertionError(f"network filters have no step {step}")
