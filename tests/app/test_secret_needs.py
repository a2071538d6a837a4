"""Secrets come before what asks for them, and one that is nowhere is told before anything is started with it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from reconciler.app.preflight import _checked
from reconciler.kind import Facts
from reconciler.kinds import KINDS
from reconciler.manifest.link import with_secrets
from reconciler.model.plans import Action, Change
from reconciler.model.refs import Ref
from tests.kinds.steering import spec_of

UUID = "2ec115d7-3a88-3ceb-bc12-0ac909a6fd87"


def pool(active: bool = True, **secret: str):
    source = {"hosts": ["h"], "devices": ["iqn.a:t"], "auth": {"type": "chap", "username": "u", **secret}}
    return spec_of(KINDS["Pool"], "san", {"type": "iscsi", "active": active, "source": source})


def test_a_secret_is_needed_by_its_usage_or_by_the_document_with_its_uuid() -> None:
    secret = replace(spec_of(KINDS["Secret"], "iscsi/san", {"usage": "iscsi", "uuid": UUID}), host="h")
    by_usage, by_uuid = (replace(each, host="h") for each in (pool(secretUsage="san"), pool(secretUuid=UUID)))
    assert [need.ref for need in by_usage.needs] == [secret.ref]
    found = with_secrets({("h", secret.ref): secret, ("h", by_uuid.ref): by_uuid})
    assert [need.ref for need in found["h", by_uuid.ref].needs] == [secret.ref]
    elsewhere = with_secrets({("other", secret.ref): secret, ("h", by_uuid.ref): by_uuid})
    assert [need.ref.name for need in elsewhere["h", by_uuid.ref].needs] == [f"uuid/{UUID}"]


@pytest.mark.parametrize(
    ("spec", "facts", "told"),
    [
        (pool(secretUsage="san"), Facts(secrets=frozenset()), True),
        (pool(secretUsage="san", active=False), Facts(secrets=frozenset()), False),
        (pool(secretUsage="san"), Facts(secrets=frozenset({"iscsi/san"})), False),
        (pool(secretUuid=UUID), Facts(secrets=frozenset({f"uuid/{UUID}"})), False),
        (pool(secretUsage="san"), Facts(declared=frozenset({Ref("Secret", "iscsi/san")}), secrets=frozenset()), False),
        (pool(secretUsage="san"), Facts(), False),
    ],
)
def test_a_secret_that_is_neither_declared_nor_on_the_host_stops_what_would_start_with_it(spec, facts, told) -> None:
    change = Change(ref=spec.ref, host="lab", action=Action.CREATE, spec_digest="")
    checked = _checked(SimpleNamespace(kinds=KINDS), {spec.ref: spec}, facts, (), change)
    assert (checked.blocked is not None) is told
    if told:
        assert checked.blocked.number == "R401" and "needs the secret iscsi/san" in checked.blocked.reason
