# ruff: noqa: N802 (the fakes answer to libvirt's names)
"""Probes in a document, and what is asked of libvirt for them."""

from dataclasses import dataclass, field

import pytest

from reconciler.errors import ManifestError
from reconciler.kinds.domain import KIND, health
from reconciler.manifest import rows
from reconciler.model.documents import Document, Place, Policy
from reconciler.model.plans import RENAME, Autostart, Define, KindStep, Mark, Start, Stop
from reconciler.model.probes import (
    AddressProbe,
    AddressSource,
    AgentProbe,
    Health,
    HttpProbe,
    OnFailure,
    TcpProbe,
)
from reconciler.model.refs import Ref
from tests.kinds.domain.machines import parsed

WEB = Ref("Domain", "web")


def policy(**said):
    return parsed({"health": said}).policy


def test_a_document_without_probes_is_always_healthy():
    assert parsed({}).policy.health == Health() == Health((), 120, OnFailure.REPORT)


def test_every_probe_is_read_as_written():
    said = policy(
        timeout="90s",
        onFailure="rollback",
        probes=[
            {"agent": True},
            {"address": "arp"},
            {"tcp": 22},
            {"tcp": 443, "host": "web.example.org"},
            {"http": "http://{address}:8080/healthz", "status": 204},
            {"http": "https://web.example.org"},
        ],
    ).health
    assert (said.timeout, said.on_failure) == (90, OnFailure.ROLLBACK)
    assert said.probes == (
        AgentProbe(),
        AddressProbe(AddressSource.ARP),
        TcpProbe(22),
        TcpProbe(443, "web.example.org"),
        HttpProbe("http://{address}:8080/healthz", 204),
        HttpProbe("https://web.example.org"),
    )
    assert [str(probe) for probe in said.probes[:5]] == [
        "agent",
        "address arp",
        "tcp 22",
        "tcp web.example.org:443",
        "http http://{address}:8080/healthz",
    ]


def test_health_claims_nothing_of_the_host():
    assert parsed({"health": {"timeout": "1m", "probes": [{"agent": True}]}}).claims == parsed({}).claims


def test_a_policy_comes_back_from_the_cache():
    said = parsed({"health": {"onFailure": "rollback", "probes": [{"tcp": 22}, {"address": "lease"}, {"agent": True}]}})
    (again,) = rows.read_specs(rows.write_specs([said]), said.host, said.where)
    assert again.policy == said.policy and again.policy.health.probes[1] == AddressProbe(AddressSource.LEASE)


def test_what_is_probed_changes_the_policy_and_nothing_said_leaves_it_alone():
    values = rows.policy_values
    assert values(policy(probes=[{"tcp": 22}])) != values(policy(probes=[{"tcp": 23}]))
    assert values(policy(probes=[])) == values(Policy())


@pytest.mark.parametrize(
    ("entry", "number", "place", "says"),
    [
        ({}, "R205", "6:9", "one of agent, address, tcp and http"),
        ({"status": 200}, "R205", "6:9", "one of agent, address, tcp and http"),
        ({"agent": True, "tcp": 22}, "R207", "tcp", "agent and tcp"),
        ({"agent": True, "host": "web"}, "R205", "host", "host means nothing beside agent"),
        ({"tcp": 22, "status": 200}, "R205", "status", "it belongs to http"),
        ({"http": "http://"}, "R204", "http", "no URL"),
        ({"http": "http://{adress}/"}, "R204", "http", "{address}"),
        ({"http": "http://[{address}]/"}, "R204", "http", "no URL"),
        ({"http": "http://me:secret@web/"}, "R204", "http", "no URL"),
        ({"http": "http://web:99999/"}, "R204", "http", "no URL"),
        ({"http": "http://web:0/"}, "R204", "http", "no URL"),
    ],
)
def test_a_probe_that_cannot_be_meant_is_an_error_at_its_place(entry, number, place, says):
    where = {("spec", "health", "probes", 0): Place("web.yaml", 6, 9)}
    where |= {("spec", "health", "probes", 0, name): Place(f"web.yaml:{name}") for name in entry}
    body = {"health": {"probes": [entry]}}
    document = Document(ref=WEB, host=None, labels={}, body=body, places={(): Place("web.yaml"), **where})
    (problem,) = health.contradictions(document)
    assert problem.number == number and place in problem.where and says in problem.message


def test_a_contradiction_fails_the_document():
    with pytest.raises(ManifestError) as caught:
        parsed({"health": {"probes": [{"agent": True, "tcp": 22}, {}]}})
    assert [problem.number for problem in caught.value.problems] == ["R207", "R205"]


@pytest.mark.parametrize(
    ("steps", "touched"),
    [
        ((), False),
        ((Define("<domain/>"), Autostart(True), Mark("me"), KindStep("metadata", {"title": "Web"})), False),
        ((KindStep(RENAME, {"name": "web"}),), False),
        ((Define("<domain/>"), KindStep("memory", {"current": "1024"})), True),
        ((Start(),), True),
        ((Define("<domain/>"), Stop(60), Start()), True),
    ],
)
def test_only_what_reaches_the_guest_touches_it(steps, touched):
    assert KIND.questions.touches(steps) is touched


@dataclass
class Guest:
    found: dict = field(default_factory=dict)
    calls: list = field(default_factory=list)

    def lookupByName(self, name):
        self.calls.append(name)
        return self

    def getTime(self, flags=0):
        self.calls.append("getTime")
        return {"seconds": 1, "nseconds": 0}

    def interfaceAddresses(self, source, flags=0):
        self.calls.append(source)
        return self.found


def test_the_agent_is_asked_for_the_time():
    guest = Guest()
    KIND.questions.answer(guest, WEB)
    assert guest.calls == ["web", "getTime"]


def test_addresses_that_others_can_reach_are_found_ipv4_first():
    def interface(*addresses):
        return {"addrs": [{"addr": address, "prefix": 8, "type": 0} for address in addresses], "hwaddr": "x"}

    guest = Guest(
        {
            "lo": interface("127.0.0.1", "::1"),
            "eth0": interface("fe80::5054:ff:fe0f:26ca", "2001:db8::7", "192.0.2.20", "192.0.2.3"),
            "eth1": {"addrs": None, "hwaddr": "y"},
            "eth2": interface("192.0.2.3"),
        }
    )
    found = KIND.questions.addresses(guest, WEB, AddressSource.AGENT)
    assert found == ("192.0.2.3", "192.0.2.20", "2001:db8::7")


@pytest.mark.parametrize(("source", "number"), [("lease", 0), ("agent", 1), ("arp", 2)])
def test_each_source_is_libvirts(source, number):
    guest = Guest()
    assert KIND.questions.addresses(guest, WEB, AddressSource(source)) == ()
    assert guest.calls == ["web", number]
