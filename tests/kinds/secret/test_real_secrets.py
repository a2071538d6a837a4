"""Secrets on a real libvirtd: what a document says is what the host then has."""

from __future__ import annotations

import base64

import libvirt
import pytest

from reconciler.errors import RefusedError
from reconciler.kinds.secret import KIND
from reconciler.model.documents import UNKNOWN
from reconciler.model.refs import Ref
from tests.kinds.secret.test_secrets import DOCUMENTS
from tests.kinds.steering import Still, apply, differences, plan, spec_of

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_kind_of_secret_is_defined_as_written(host: libvirt.virConnect, name: str) -> None:
    spec = spec_of(KIND, name, DOCUMENTS[name])
    apply(KIND, spec, host)
    observed = KIND.look(host, spec.ref)
    assert observed == next(iter(KIND.observe(host)))
    shown = {at: text for at, text in observed.facts.items() if text != UNKNOWN}
    assert observed.facts.get("!value") == (UNKNOWN if DOCUMENTS[name].get("private") else shown.get("!value"))
    manifest = KIND.dump({**KIND.read(observed.xml), **observed.facts})
    assert differences(KIND, spec_of(KIND, name, manifest), host) == []
    assert differences(KIND, spec_of(KIND, name, xml=observed.xml), host) == []


@pytest.mark.proves("Secret", "!value", "*")
def test_value_and_description_follow_the_document_and_the_uuid_stays(host: libvirt.virConnect) -> None:
    before = spec_of(KIND, "tls/front", {"usage": "tls", "value": "one", "description": "a"})
    apply(KIND, before, host)
    secret = host.secretLookupByUsage(libvirt.VIR_SECRET_USAGE_TYPE_TLS, "front")
    assert secret.value() == b"one"
    after = spec_of(KIND, "tls/front", {"usage": "tls", "value": "two", "description": "b", "ephemeral": False})
    apply(KIND, after, host)
    assert (secret.value(), secret.UUIDString()) == (b"two", KIND.look(host, after.ref).uuid)
    assert plan(KIND, after, host) == ()
    apply(KIND, spec_of(KIND, "tls/front", {"usage": "tls"}), host, before=after)
    assert secret.value() == b"two"
    assert "description" not in secret.XMLDesc()


@pytest.mark.proves("Secret", "@private")
def test_a_secret_becomes_private_and_keeps_its_value(host: libvirt.virConnect) -> None:
    apply(KIND, spec_of(KIND, "tls/front", {"usage": "tls", "value": "one"}), host)
    apply(KIND, spec_of(KIND, "tls/front", {"usage": "tls", "private": True}), host)
    assert KIND.look(host, Ref("Secret", "tls/front")).facts == {"!value": UNKNOWN}


def test_any_bytes_are_a_value(host: libvirt.virConnect) -> None:
    raw = b"\x00\xff\n"
    spec = spec_of(KIND, "tls/front", {"usage": "tls", "value": raw.decode("utf-8", "surrogateescape")})
    apply(KIND, spec, host)
    assert host.secretLookupByUsage(libvirt.VIR_SECRET_USAGE_TYPE_TLS, "front").value() == raw
    assert spec.claims["!value"] == base64.b64encode(raw).decode()
    assert plan(KIND, spec, host) == ()


def test_a_secret_that_a_pool_needs_is_not_deleted(host: libvirt.virConnect) -> None:
    ref = Ref("Secret", "ceph/client.libvirt")
    apply(KIND, spec_of(KIND, ref.name, {"usage": "ceph"}), host)
    pool = host.storagePoolDefineXML(
        "<pool type='iscsi'><name>p</name><source><host name='h'/><device path='iqn.2013-06.com.example:t'/>"
        f"<auth type='chap' username='u'><secret uuid='{KIND.look(host, ref).uuid}'/></auth></source>"
        "<target><path>/dev/disk/by-path</path></target></pool>"
    )
    (step,) = KIND.delete(KIND.look(host, ref), False, False)
    with pytest.raises(RefusedError, match="is used by Pool/p"):
        KIND.perform(host, ref, step, Still())
    pool.undefine()
    KIND.perform(host, ref, step, Still())
    assert KIND.look(host, ref) is None
    KIND.perform(host, ref, step, Still())


@pytest.mark.proves("Secret", "uuid", "usage*")
def test_what_a_secret_is_known_by_is_never_changed(host: libvirt.virConnect) -> None:
    apply(KIND, spec_of(KIND, "tls/front", {"usage": "tls"}), host)
    uuid = KIND.look(host, Ref("Secret", "tls/front")).uuid
    for body in (
        {"usage": "tls", "uuid": "2ec115d7-3a88-3ceb-bc12-0ac909a6fd87"},
        {"usage": {"type": "tls", "name": "x"}},
    ):
        assert plan(KIND, spec_of(KIND, "tls/front", body), host) == ()
    assert KIND.look(host, Ref("Secret", "tls/front")).uuid == uuid
