"""Network filters on a real libvirtd: what a document says is what the host then has."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import libvirt
import pytest

from reconciler.errors import RefusedError
from reconciler.kinds.nwfilter import KIND
from reconciler.model.refs import Ref
from tests.collected import Definition
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


def test_filters_that_others_wrote_are_as_imported_and_made_anew_the_same(
    host: libvirt.virConnect, collected: Callable[..., list[Definition]]
) -> None:
    count = 0
    for each in collected("filter"):
        try:
            found = host.nwfilterDefineXML(each.text)
        except libvirt.libvirtError:
            continue
        count += 1
        name, before = found.name(), found.XMLDesc().replace(found.UUIDString(), "")
        spec = spec_of(KIND, name, KIND.dump(KIND.read(before)))
        assert differences(KIND, spec, host) == [], each.path
        found.undefine()
        apply(KIND, spec, host)
        made = host.nwfilterLookupByName(name)
        assert made.XMLDesc().replace(made.UUIDString(), "") == before, each.path
        made.undefine()
    assert count > 120


def firewall(uri: str) -> str:
    """The rules in the network namespace of the private libvirtd, which is found by the home that it was given."""
    home = uri.partition("socket=")[2].partition("/run/")[0]
    named = f"{home}/run/libvirtd.pid".encode()
    lines = ((path.parent.name, _command(path)) for path in Path("/proc").glob("[0-9]*/cmdline"))
    pid = next(pid for pid, words in lines if words[0].endswith(b"libvirtd") and named in words)
    return subprocess.run(
        ["nsenter", "-t", pid, "-n", "iptables", "-S"], capture_output=True, text=True, check=True
    ).stdout


def _command(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return [b""]


def test_the_rules_of_a_running_guest_are_rebuilt_at_once(libvirtd: str, host: libvirt.virConnect) -> None:
    apply(KIND, spec_of(KIND, "web", {"rules": [SSH]}), host)
    host.networkDefineXML("<network><name>n</name><ip address='10.77.0.1' netmask='255.255.255.0'/></network>").create()
    domain = host.defineXML(
        "<domain type='qemu'><name>vm</name><memory unit='MiB'>32</memory><os><type>hvm</type></os><devices>"
        "<interface type='network'><source network='n'/><filterref filter='web'/></interface></devices></domain>"
    )
    domain.create()
    assert "--dport 22 " in firewall(libvirtd)
    apply(KIND, spec_of(KIND, "web", {"rules": [{**SSH, "tcp": {"dstportstart": 2222}}]}), host)
    assert "--dport 2222 " in firewall(libvirtd) and "--dport 22 " not in firewall(libvirtd)
    assert domain.isActive()
    (step,) = KIND.delete(KIND.look(host, REF), False, False)
    with pytest.raises(RefusedError, match="is used by Domain/vm"):
        KIND.perform(host, REF, step, Still())
