"""Networks on a real libvirtd: what a document says is what the host then has."""

from __future__ import annotations

import libvirt
import pytest

from reconciler.kinds.network import KIND
from reconciler.model.plans import Allow, Diff, KindStep
from reconciler.model.refs import Ref
from tests.kinds.network.documents import DOCUMENTS, NAT
from tests.kinds.steering import Still, apply, differences, plan, spec_of, waiting

pytestmark = pytest.mark.e2e


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


@pytest.mark.proves(
    "Network", "ip[]/dhcp/range[]*", "ip[]/dhcp/host[]*", "dns/host[]*", "dns/txt[]*", "dns/srv[]*", "portgroup[]*"
)
def test_what_can_change_while_the_network_runs_changes_in_both_definitions(
    host: libvirt.virConnect,
) -> None:
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


@pytest.mark.proves("Network", "*")
def test_another_mode_waits_for_a_restart_unless_that_is_permitted(host: libvirt.virConnect) -> None:
    apply(KIND, spec_of(KIND, "net", hosts(2)), host)
    spec = spec_of(KIND, "net", {**hosts(2), "forward": "isolated"})
    apply(KIND, spec, host)
    assert differences(KIND, spec, host) == []
    assert waiting(KIND, spec, host) == ("forward@mode",)
    other = spec_of(KIND, "net", {**hosts(2), "forward": "route"})
    apply(KIND, other, host, Allow.RESTART)
    assert waiting(KIND, other, host) == ()


@pytest.mark.proves("Network", "!active", "!autostart")
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
    for step in KIND.delete(KIND.look(host, ref), False, False):
        KIND.perform(host, ref, step, Still())
    assert KIND.look(host, ref) is None
