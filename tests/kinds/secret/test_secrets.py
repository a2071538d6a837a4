"""Secrets without a host: documents, definitions and rules."""

from __future__ import annotations

import base64

import pytest

from reconciler import users
from reconciler.errors import ManifestError
from reconciler.grammar import Schema
from reconciler.kinds.secret import KIND
from reconciler.markup import parse
from reconciler.model.documents import UNKNOWN, Observed
from reconciler.model.plans import Define, Disruption, KindStep
from reconciler.model.refs import Ref
from reconciler.naming import defined_name, written_name
from tests.kinds.steering import judged, situation, spec_of

SCHEMA = Schema("/usr/share/libvirt/schemas/secret.rng")
DOCUMENTS = {
    "ceph/client.libvirt": {"usage": "ceph", "private": True, "value": "key"},
    "ceph/client.libvirt secret": {"usage": {"type": "ceph", "name": "client.libvirt secret"}, "description": "a key"},
    "iscsi/t1": {"usage": {"type": "iscsi", "target": "t1"}, "ephemeral": True},
    "tls/front": {"usage": "tls"},
    "vtpm/web-1": {"usage": "vtpm"},
    "volume/srv/a.img": {"usage": {"type": "volume", "volume": "/srv/a.img"}, "private": False},
    "none/2ec115d7-3a88-3ceb-bc12-0ac909a6fd87": {"uuid": "2EC115D7-3a88-3ceb-bc12-0ac909a6fd87"},
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_definition_is_valid_and_read_back_has_what_its_document_claims(name: str) -> None:
    spec = spec_of(KIND, name, DOCUMENTS[name])
    xml = KIND.render(spec, None, ())
    assert SCHEMA.complaint(xml) is None
    assert "!value" not in xml and base64.b64encode(b"key").decode() not in xml
    facts = {at: text for at, text in spec.claims.items() if at.startswith("!")}
    assert judged(KIND, situation(KIND, spec, Observed(ref=spec.ref, uuid="", xml=xml, facts=facts))) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_and_its_definition_have_one_name(name: str) -> None:
    body = DOCUMENTS[name]
    called = name.partition("/")[2].rpartition("/")[2]
    assert written_name("Secret", called, body) == name
    assert defined_name(parse(KIND.render(spec_of(KIND, name, body), None, ()))) == name


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"private": True}, "needs usage, or uuid"),
        ({"usage": "volume"}, "needs usage.volume"),
        ({"usage": {"type": "ceph", "target": "x"}}, "has usage.target"),
        (
            {"uuid": "2ec115d7-3a88-3ceb-bc12-0ac909a6fd87", "usage": {"type": "tls", "volume": "/a"}},
            "has usage.volume",
        ),
    ],
)
def test_what_nobody_could_find_is_refused_in_the_manifest(body: dict[str, object], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        spec_of(KIND, "x/y", body)


def seen(xml: str, **facts: str) -> Observed:
    return Observed(
        ref=Ref("Secret", "ceph/a"), uuid="", xml=xml, facts={f"!{name}": text for name, text in facts.items()}
    )


UUID = "2ec115d7-3a88-3ceb-bc12-0ac909a6fd87"
CEPH = "<secret ephemeral='no' private='{}'><uuid>u</uuid><usage type='ceph'><name>a</name></usage></secret>"


def test_a_new_secret_is_defined_and_then_gets_its_value() -> None:
    steps = KIND.create(spec_of(KIND, "ceph/a", {"usage": "ceph", "value": "key"}))
    assert isinstance(steps[0], Define)
    assert steps[1:] == (KindStep("value", {"value": base64.b64encode(b"key").decode()}),)
    assert len(KIND.create(spec_of(KIND, "ceph/a", {"usage": "ceph"}))) == 1


def test_another_value_is_set_at_once_and_the_definition_left_alone() -> None:
    now = situation(
        KIND, spec_of(KIND, "ceph/a", {"usage": "ceph", "value": "new"}), seen(CEPH.format("no"), value="b2xk")
    )
    items = judged(KIND, now)
    assert [item.decision.disruption for item in items] == [Disruption.NONE]
    assert KIND.update(now, items) == (KindStep("value", {"value": base64.b64encode(b"new").decode()}),)


def test_a_value_that_the_document_does_not_manage_is_left_alone() -> None:
    assert (
        judged(KIND, situation(KIND, spec_of(KIND, "ceph/a", {"usage": "ceph"}), seen(CEPH.format("no"), value="b2xk")))
        == []
    )


def test_private_is_a_way_without_return() -> None:
    there = situation(KIND, spec_of(KIND, "ceph/a", {"usage": "ceph", "private": True}), seen(CEPH.format("no")))
    back = situation(
        KIND, spec_of(KIND, "ceph/a", {"usage": "ceph", "private": False}), seen(CEPH.format("yes"), value=UNKNOWN)
    )
    assert [item.decision.disruption for item in judged(KIND, there)] == [Disruption.NONE]
    assert [item.decision.disruption for item in judged(KIND, back)] == [Disruption.REFUSED]
    assert KIND.update(back, judged(KIND, back)) == ()


def test_an_imported_secret_keeps_its_uuid_and_never_its_value() -> None:
    xml = CEPH.format("yes").replace("<uuid>u</uuid>", f"<uuid>{UUID}</uuid>")
    body = KIND.dump({**KIND.read(xml), "!value": "b2xk"})
    assert body == {"usage": {"type": "ceph", "name": "a"}, "private": True, "uuid": UUID}


@pytest.mark.parametrize(
    ("usage", "xml", "used"),
    [
        ("<usage type='ceph'><name>a b</name></usage>", "<auth><secret type='ceph' usage='a b'/></auth>", True),
        ("<usage type='ceph'><name>a b</name></usage>", "<auth type='ceph'><secret usage='a b'/></auth>", True),
        ("<usage type='ceph'><name>a b</name></usage>", "<auth type='chap'><secret usage='a b'/></auth>", False),
        ("<usage type='iscsi'><target>t</target></usage>", "<auth type='chap'><secret usage='t'/></auth>", True),
        (
            "<usage type='volume'><volume>/a&amp;b</volume></usage>",
            "<e><secret type='passphrase' usage='/a&amp;b'/></e>",
            True,
        ),
        ("", f"<encryption><secret type='passphrase' uuid='{UUID}'/></encryption>", True),
        (
            "<usage type='vtpm'><name>v</name></usage>",
            f"<tpm><backend><encryption secret='{UUID}'/></backend></tpm>",
            True,
        ),
        ("<usage type='vtpm'><name>v</name></usage>", "<tpm><backend/><v/></tpm>", False),
    ],
)
def test_those_who_use_a_secret_are_found(usage: str, xml: str, used: bool) -> None:
    assert users.secret(f"<secret><uuid>{UUID}</uuid>{usage}</secret>")(xml) is used
