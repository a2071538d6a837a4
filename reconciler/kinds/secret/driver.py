"""Secrets on a host: look at all of them, and carry out one step.

Values are read where libvirt shows them, to see whether one is what the document wants; they leave this module as
facts, which are sealed before anybody else sees them (`app.sealing`).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Protocol, cast

from reconciler import definitions, markup, users
from reconciler.errors import trouble
from reconciler.kinds.secret.rules import SET
from reconciler.kinds.secret.xml import VALUE
from reconciler.model.documents import UNKNOWN, Address, Observed
from reconciler.model.plans import Define, KindStep, Step, Undefine
from reconciler.model.refs import Ref
from reconciler.naming import defined_name
from reconciler.ports import Clock, Handle, error_code

# virterror.h: the driver has no secrets; this one is private, has no value, is not for this user, is not there.
UNSUPPORTED = 3
INVALID_SECRET = 65
NO_SECRET = 66
NOT_FOR_US = (29, 88)


class Secret(Protocol):
    """What we use of libvirt's virSecret."""

    def UUIDString(self) -> str: ...  # noqa: N802
    def XMLDesc(self, flags: int) -> str: ...  # noqa: N802
    def value(self, flags: int) -> bytes: ...
    def setValue(self, value: bytes, flags: int) -> int: ...  # noqa: N802
    def undefine(self) -> int: ...


class Connection(users.Connection, Protocol):
    """What we use of libvirt's virConnect."""

    def listAllSecrets(self, flags: int) -> list[Secret]: ...  # noqa: N802
    def secretDefineXML(self, xml: str, flags: int) -> Secret: ...  # noqa: N802


def observe(handle: Handle) -> Iterator[Observed]:
    """Every secret of the host, by what it is known by; none where the driver has no secrets."""
    found = [seen for secret in _listed(handle) if (seen := _seen(secret)) is not None]
    yield from sorted(found, key=lambda seen: seen.ref)


def look(handle: Handle, ref: Ref) -> Observed | None:
    """One secret; None if the host has none that is known by this name."""
    secret = _find(handle, ref)
    return _seen(secret) if secret is not None else None


def _listed(handle: Handle) -> list[Secret]:
    try:
        return cast(Connection, handle).listAllSecrets(0)
    except Exception as error:
        if error_code(error) != UNSUPPORTED:
            raise
        return []


def _described(secret: Secret) -> str | None:
    """Its definition; None where it has gone since it was listed."""
    try:
        return secret.XMLDesc(0)
    except Exception as error:
        if error_code(error) != NO_SECRET:
            raise
        return None


def _find(handle: Handle, ref: Ref) -> Secret | None:
    for secret in _listed(handle):
        text = _described(secret)
        if text is not None and defined_name(markup.parse(text)) == ref.name:
            return secret
    return None


def _seen(secret: Secret) -> Observed | None:
    text = _described(secret)
    if text is None:
        return None
    root = markup.parse(text)
    value = _value(secret, root.get("private") == "yes")
    facts: dict[Address, str] = {} if value is None else {VALUE: value}
    return definitions.witness(
        Ref("Secret", defined_name(root)), uuid=secret.UUIDString(), xml=markup.serialise(root), live=None, facts=facts
    )


def _value(secret: Secret, private: bool) -> str | None:
    """The value in base64, UNKNOWN where libvirt does not show it; None if there is none."""
    if private:
        return UNKNOWN
    try:
        return base64.b64encode(secret.value(0)).decode()
    except Exception as error:
        if error_code(error) == NO_SECRET:
            return None
        if error_code(error) in (INVALID_SECRET, *NOT_FOR_US):
            return UNKNOWN
        raise


def perform(handle: Handle, ref: Ref, step: Step, clock: Clock) -> None:
    """Carry out one step. Raises what libvirt raises, and R403 for a secret that is still used."""
    connection = cast(Connection, handle)
    if isinstance(step, Define):
        connection.secretDefineXML(step.xml, 0)
        return
    secret = _find(handle, ref)
    if secret is None:
        if isinstance(step, Undefine):
            return
        raise trouble("R608", f"{ref} has vanished meanwhile")
    match step:
        case KindStep(name, arguments) if name == SET:
            secret.setValue(base64.b64decode(arguments["value"]), 0)
        case Undefine():
            users.must_be_unused(handle, ref, users.secret(secret.XMLDesc(0)))
            secret.undefine()
        case _:
            raise AssertionError(f"secrets have no step {step}")
