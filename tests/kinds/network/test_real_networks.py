"""Networks on a real libvirtd: what a document says is what the host then has."""

from __future__ import annotations

import libvirt
import pytest

from reconciler.kinds.network import KIND
from reconciler.model.plans import Allow, Diff, KindStep
from reconciler.model.refs import Ref
from tests.kinds.steering import Still, apply, differences, plan, spec_of, waiting

pytestmark = pytest.mark.e2e

NAT = {
    "autostart": True,
    "forward": {
        "mode": "nat",
        "nat": {
            "addresses": {"start": "192.0.2.10", "end": "192.0.2.20"},
            "ports": {"start": 2000, "end": 3000},
        },
    },
    "bridge": {"name": "virbr91", "stp": False, "delay": 2, "macTableManager": "kernel"},
    "mac": "52:54:00:AA:00:01",
    "mtu": 9000,
    "domain": {"name": "lab.example.com", "localOnly": True},
    "dns": {
        "forwardPlainNames": False,
        "forwarders": ["192.0.2.53", {"address": "192.0.2.54", "domain": "example.org"}],
        "hosts": [{"ip": "10.17.3.2", "names": ["db", "db.lab"]}, {"ip": "FD00:0:1::2", "names": ["db6"]}],
        "txt": [{"name": "example", "value": "hello world"}],
        "srv": [
            {"service": "ldap", "protocol": "tcp", "domain": "example.com", "target": "a.example.com", "port": 389},
            {"service": "ldap", "protocol": "tcp", "domain": "example.com", "target": "b.example.com", "port": 389},
        ],
    },
    "ips": [
        {
            "address": "10.17.3.1",
            "prefix": 24,
            "localPtr": True,
            "dhcp": {
                "ranges": [
                    {"start": "10.17.3.100", "end": "10.17.3.150", "leaseTime": "2h"},
                    {"start": "10.17.3.160", "end": "10.17.3.170"},
                ],
                "hosts": [
                    {"ip": "10.17.3.3", "mac": "52:54:00:AB:CD:01", "name": "a", "leaseTime": "infinite"},
                    {"ip": "10.17.3.4", "mac": "52:54:00:AB:CD:02"},
                ],
                "bootp": {"file": "pxelinux.0", "server": "192.0.2.5"},
            },
        },
        {"address": "FD00:0:0:1::1", "prefix": 64},
    ],
    "routes": [{"address": "10.18.0.0", "prefix": 16, "gateway": "10.17.3.2", "metric": 2}],
    "portgroups": [
        {"name": "engineering", "default": True, "bandwidth": {"inbound": {"average": 1000, "peak": 5000, "burst": 1024}}}
    ],
    "isolatedPorts": True,
    "ipv6": True,
    "trustGuestRxFilters": True,
    "dnsmasqOptions": ["log-queries", "local-ttl=5"],
}
OVS = "<network><virtualport type='openvswitch'/></network>"
# One document for each way of forwarding, and for what excludes something above.
DOCUMENTS = {
    "everything": NAT,
    "plain-nat": {"forward": "nat", "ips": [{"address": "10.20.1.1", "prefix": 24}]},
    "nat-default-ports": {
        "forward": {"mode": "nat", "nat": {"ports": {"start": 1024, "end": 65535}}},
        "ips": [{"address": "10.20.2.1", "prefix": 24}],
    },
    "through-lo": {"forward": {"mode": "route", "interfaces": ["lo"]}, "ips": [{"address": "10.20.3.1", "prefix": 24}]},
    "open": {"forward": {"mode": "open"}, "ips": [{"address": "10.20.4.1", "prefix": 24}]},
    "isolated": {"forward": "isolated", "ips": [{"address": "10.20.5.1", "prefix": 24}], "dns": {"enable": False}},
    "silent": {},
    "bare": {"active": False, "bridge": "virbr92"},
    "on-a-bridge": {"active": False, "forward": "bridge", "bridge": "br0", "vlan": {"trunk": True, "tags": [42, 43]}, "xml": OVS},
    "private": {"forward": {"mode": "private", "interfaces": ["lo"]}},
    "vepa": {"forward": {"mode": "vepa", "interfaces": ["lo", "eth1"]}},
    "passthrough": {"forward": {"mode": "passthrough", "interfaces": ["lo"]}},
    "hostdev": {
        "active": False,
        "forward": {"mode": "hostdev", "managed": True, "physicalFunction": "eth0", "driver": "vfio"},
        "vlan": {"tags": [{"id": 42}]},
    },
    "bandwidth": {"active": False, "bandwidth": {"outbound": {"average": 128, "peak": 256, "burst": 256}}},
    "tftp": {"ips": [{"address": "10.20.6.1", "prefix": 24, "tftp": "/tmp"}]},
    "overlay": {"active": False, "xml": OVS},
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_second_plan_is_empty(host: libvirt.virConnect, name: str) -> None:
    spec = spec_of(KIND, "net", DOCUMENTS[name])
    assert apply(KIND, spec, host)
    assert differences(KIND, spec, host) == []
    assert plan(KIND, spec, host) == ()
    assert waiting(KIND, spec, host) == ()
    assert [seen.ref.name for seen in KIND.observe(host)] == ["net"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_imported_network_gives_an_empty_plan(host: libvirt.virConnect, name: str) -> None:
    spec = spec_of(KIND, "net", DOCUMENTS[name])
    apply(KIND, spec, host)
    observed = KIND.look(host, spec.ref)
    body = KIND.dump({**KIND.read(observed.xml), **observed.facts})
    again = spec_of(KIND, "net", body)
    assert differences(KIND, again, host) == []
    plain = spec_of(KIND, "net", xml=observed.xml)
    assert differences(KIND, plain, host) == ([] if observed.active else [Diff("!active", "no", "yes")])


def hosts(*numbers: int) -> dict[str, object]:
    return {
        "forward": "nat",
        "dns": {"hosts": [{"ip": f"10.21.0.{number}", "names": [f"h{number}"]} for number in numbers]},
        "ips": [{"address": "10.21.0.1", "prefix": 24}],
    }


def test_dns_hosts_go_from_three_to_one_while_the_network_runs(host: libvirt.virConnect) -> None:
    before = spec_of(KIND, "net", hosts(2, 3, 4))
    apply(KIND, before, host)
    old = KIND.look(host, before.ref)
    steps = apply(KIND, spec_of(KIND, "net", hosts(3)), host)
    new = KIND.look(host, before.ref)
    assert [step.name for step in steps if isinstance(step, KindStep)] == ["update", "update"]
    assert old.uuid == new.uuid and "10.21.0.3" in new.live
    for text in (new.xml, new.live):
        assert "10.21.0.2" not in text and "10.21.0.4" not in text
    assert KIND.read(new.xml)["bridge@name"] == KIND.read(old.xml)["bridge@name"]
    assert waiting(KIND, spec_of(KIND, "net", hosts(3)), host) == ()


def test_everything_that_can_change_while_the_network_runs_changes_in_both_definitions(host: libvirt.virConnect) -> None:
    before = spec_of(KIND, "net", NAT)
    apply(KIND, before, host)
    changed = {
        **NAT,
        "dns": {
            **NAT["dns"],
            "hosts": [{"ip": "10.17.3.2", "names": ["db", "new"]}, {"ip": "10.17.3.9", "names": ["nine"]}],
            "txt": [{"name": "example", "value": "other"}, {"name": "more", "value": "x"}],
            "srv": NAT["dns"]["srv"][1:],
        },
        "portgroups": [{"name": "engineering"}, {"name": "sales", "default": True}],
    }
    ip = {**NAT["ips"][0]}
    ip["dhcp"] = {
        **ip["dhcp"],
        "ranges": [{"start": "10.17.3.100", "end": "10.17.3.155"}],
        "hosts": [{"ip": "10.17.3.4", "mac": "52:54:00:ab:cd:01", "name": "b"}],
    }
    changed["ips"] = [ip, NAT["ips"][1]]
    spec = spec_of(KIND, "net", changed)
    steps = apply(KIND, spec, host, before=before)
    assert not any(isinstance(step, KindStep) and step.name == "restart" for step in steps)
    assert differences(KIND, spec, host) == []
    assert waiting(KIND, spec, host) == ()
    live, stored = (KIND.read(host.networkLookupByName("net").XMLDesc(flag)) for flag in (0, 1))
    assert {at: text for at, text in live.items() if not at.startswith("metadata")} == {
        at: text for at, text in stored.items() if not at.startswith("metadata")
    }


def test_leaving_the_whole_dns_section_out_removes_its_hosts_at_once(host: libvirt.virConnect) -> None:
    before = spec_of(KIND, "net", hosts(2, 3))
    apply(KIND, before, host)
    spec = spec_of(KIND, "net", {key: value for key, value in hosts().items() if key != "dns"})
    apply(KIND, spec, host, before=before)
    seen = KIND.look(host, spec.ref)
    assert "10.21.0.2" not in seen.xml + seen.live


def test_another_mode_waits_for_a_restart_unless_that_is_permitted(host: libvirt.virConnect) -> None:
    apply(KIND, spec_of(KIND, "net", hosts(2)), host)
    spec = spec_of(KIND, "net", {**hosts(2), "forward": "isolated"})
    apply(KIND, spec, host)
    assert differences(KIND, spec, host) == []
    assert waiting(KIND, spec, host) == ("forward@mode",)
    other = spec_of(KIND, "net", {**hosts(2), "forward": "route"})
    apply(KIND, other, host, Allow.RESTART)
    assert waiting(KIND, other, host) == ()


def test_active_and_autostart_follow_the_document(host: libvirt.virConnect) -> None:
    apply(KIND, spec_of(KIND, "net", hosts()), host)
    apply(KIND, spec_of(KIND, "net", {**hosts(), "active": False, "autostart": True}), host)
    network = host.networkLookupByName("net")
    assert (network.isActive(), network.autostart()) == (0, 1)
    apply(KIND, spec_of(KIND, "net", {**hosts(), "autostart": False}), host)
    assert (network.isActive(), network.autostart()) == (1, 0)


def test_a_removed_network_is_stopped_and_undefined(host: libvirt.virConnect) -> None:
    apply(KIND, spec_of(KIND, "net", hosts()), host)
    ref = Ref("Network", "net")
    for step in KIND.delete(KIND.look(host, ref), False):
        KIND.perform(host, ref, step, Still())
    assert KIND.look(host, ref) is None
