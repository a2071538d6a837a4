"""Network filters on a real libvirtd: what a document says is what the host then has."""

from __future__ import annotations

import libvirt
import pytest

from reconciler.errors import RefusedError
from reconciler.kinds.nwfilter import KIND
from reconciler.model.refs import Ref
from tests.kinds.nwfilter.test_nwfilters import DOCUMENTS, DROP, SSH
from tests.kinds.steering import Still, apply, differences, plan, spec_of

pytestmark = pytest.mark.e2e
REF = Ref("NwFilter", "web")


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "everything"])
def test_a_filter_is_defined_as_written(host: libvirt.virConnect, name: str) -> None:
    spec = spec_of(KIND, "web", DOCUMENTS[name])
    apply(KIND, spec, host)
    assert plan(KIND, spec, host) == ()
    seen = KIND.look(host, REF)
    assert seen == next(iter(KIND.observe(host)))
    assert differences(KIND, spec_of(KIND, "web", KIND.dump(KIND.read(seen.xml))), host) == []
    assert differences(KIND, spec_of(KIND, "web", xml=seen.xml), host) == []


@pytest.mark.proves("NwFilter", "*")
def test_rules_follow_the_document_and_the_uuid_stays(host: libvirt.virConnect) -> None:
    apply(KIND, spec_of(KIND, "web", {"rules": [SSH]}), host)
    uuid = host.nwfilterLookupByName("web").UUIDString()
    for body in ({"rules": [DROP, SSH]}, {"chain": "ipv4", "rules": [DROP]}, DOCUMENTS["woven"], {"rules": []}):
        spec = spec_of(KIND, "web", body)
        apply(KIND, spec, host)
        assert plan(KIND, spec, host) == ()
        assert host.nwfilterLookupByName("web").UUIDString() == uuid


def test_a_filter_that_others_use_is_not_deleted(host: libvirt.virConnect) -> None:
    apply(KIND, spec_of(KIND, "web", {"rules": [SSH]}), host)
    apply(KIND, spec_of(KIND, "more", {"filterrefs": ["web"]}), host)
    domain = host.defineXML(
        "<domain type='qemu'><name>vm</name><memory>1024</memory><os><type>hvm</type></os><devices>"
        "<interface type='ethernet'><filterref filter='web'/></interface></devices></domain>"
    )
    (step,) = KIND.delete(KIND.look(host, REF), False, False)
    with pytest.raises(RefusedError, match="is used by Domain/vm, NwFilter/more"):
        KIND.perform(host, REF, step, Still())
    domain.undefine()
    host.nwfilterLookupByName("more").undefine()
    KIND.perform(host, REF, step, Still())
    assert KIND.look(host, REF) is None
    KIND.perform(host, REF, step, Still())
