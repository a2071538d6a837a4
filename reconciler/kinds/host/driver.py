"""The host itself: read and tune its kernel's same-page merging through libvirt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Protocol, cast

from reconciler.errors import trouble
from reconciler.kinds.host.rules import PARAMETERS, TUNE
from reconciler.kinds.host.xml import EMPTY
from reconciler.model.documents import Observed
from reconciler.model.plans import KindStep, Step
from reconciler.model.refs import Ref
from reconciler.ports import Clock, Handle, error_code

# virterror.h: VIR_ERR_NO_SUPPORT (the driver has no such call), VIR_ERR_OPERATION_UNSUPPORTED (not on this kernel).
UNSUPPORTED = (3, 84)


class Connection(Protocol):
    """What is used of libvirt's virConnect."""

    def getMemoryParameters(self, flags: int) -> Mapping[str, int] | None: ...  # noqa: N802
    def setMemoryParameters(self, params: Mapping[str, int], flags: int) -> int: ...  # noqa: N802


def observe(handle: Handle) -> Iterator[Observed]:
    """The host, as the one object of its kind. A host does not know its document: the Ref has no name."""
    yield _seen(cast(Connection, handle), Ref("Host", ""))


def look(handle: Handle, ref: Ref) -> Observed | None:
    """The host."""
    return _seen(cast(Connection, handle), ref)


def _seen(connection: Connection, ref: Ref) -> Observed:
    found = _parameters(connection)
    facts = {address: str(int(found[name])) for address, name in PARAMETERS.items() if name in found}
    digest = sha256(repr(sorted(facts.items())).encode()).hexdigest()
    return Observed(ref=ref, uuid="", xml=EMPTY, facts=facts, digest=digest)


def _parameters(connection: Connection) -> Mapping[str, int]:
    """What can be tuned; nothing where the driver or the kernel has no such thing."""
    try:
        return connection.getMemoryParameters(0) or {}
    except Exception as error:
        if error_code(error) not in UNSUPPORTED:
            raise
        return {}


def perform(handle: Handle, ref: Ref, step: Step, clock: Clock) -> None:
    """Set the parameters of a `tune` step."""
    if not isinstance(step, KindStep) or step.name != TUNE:
        raise trouble("R999", f"{ref} has no step {step}")
    parameters = {name: int(value) for name, value in step.arguments.items()}
    cast(Connection, handle).setMemoryParameters(parameters, 0)
