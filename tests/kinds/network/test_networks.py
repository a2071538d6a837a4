"""Networks without a host: documents, definitions and rules."""

from __future__ import annotations

import pytest

from reconciler import shapes
from reconciler.errors import ManifestError
from reconciler.grammar import Schema
from reconciler.kind import Facts
from reconciler.kinds.network import KIND
from reconciler.model.plans import Autostart, Define, Start
from tests.kinds.cases import Case, check_case, observed_as, read_cases
from tests.kinds.network.documents import DOCUMENTS
from tests.kinds.steering import judged, situation, spec_of

SCHEMA = Schema("/usr/share/libvirt/schemas/network.rng")


@pytest.mark.parametrize("case", read_cases(__file__))
def test_case(case: Case) -> None:
    check_case(KIND, "net", case)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_libvirts_schema_accepts_every_definition(name: str) -> None:
    assert SCHEMA.complaint(KIND.render(spec_of(KIND, "net", DOCUMENTS[name]), None, ())) is None


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_definition_read_back_has_what_its_document_claims(name: str) -> None:
    spec = spec_of(KIND, "net", DOCUMENTS[name])
    assert judged(KIND, situation(KIND, spec, observed_as(KIND, "net", DOCUMENTS[name]))) == []


def test_what_the_document_does_not_manage_stays_as_it_is() -> None:
    observed = observed_as(KIND, "net", DOCUMENTS["everything"])
    spec = spec_of(KIND, "net", {"mtu": 1500})
    now = situation(KIND, spec, observed)
    revised = KIND.read(KIND.render(spec, now, [item.diff for item in judged(KIND, now)]))
    before = KIND.read(observed.xml)
    assert {at for at in before if before[at] != revised.get(at)} == {"mtu@size"}


def test_netmasks_and_prefixes_mean_the_same_and_are_never_written_together() -> None:
    xml = "<network><name>n</name><ip address='10.0.0.1' netmask='255.255.255.0'/></network>"
    assert KIND.read(xml)["ip[10.0.0.1]@prefix"] == "24"
    observed = observed_as(KIND, "n", {})
    observed = type(observed)(ref=observed.ref, uuid="", xml=xml)
    spec = spec_of(KIND, "n", {"active": False, "ips": [{"address": "10.0.0.1", "prefix": 25}]})
    now = situation(KIND, spec, observed)
    text = KIND.render(spec, now, [item.diff for item in judged(KIND, now)])
    assert 'prefix="25"' in text and "netmask" not in text


def test_a_forwarding_device_is_one_entry_however_it_is_written() -> None:
    once = KIND.read("<network><forward mode='route' dev='eth0'/></network>")
    twice = KIND.read("<network><forward dev='eth0' mode='route'><interface dev='eth0'/></forward></network>")
    assert once == twice


def test_running_counters_are_not_read() -> None:
    idle = KIND.read("<network><forward mode='bridge'><interface dev='eth0'/></forward></network>")
    busy = "<network connections='2'><forward mode='bridge'><interface dev='eth0' connections='2'/></forward></network>"
    assert KIND.read(busy) == idle


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"forward": "bridge", "bridge": "br0", "ips": [{"address": "10.0.0.1"}]}, "has mode bridge"),
        ({"forward": {"mode": "route", "nat": {"ports": {"start": 1, "end": 2}}}}, "needs mode nat"),
        ({"forward": {"mode": "isolated", "interfaces": ["eth0"]}}, "forward.interfaces"),
    ],
)
def test_what_libvirt_would_refuse_is_refused_in_the_manifest(body: dict[str, object], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        spec_of(KIND, "net", body)


def test_a_new_network_is_defined_started_and_set_to_autostart() -> None:
    steps = KIND.create(spec_of(KIND, "net", {"autostart": True}))
    assert isinstance(steps[0], Define)
    assert steps[1:] == (Start(), Autostart(True))


def test_an_owner_is_marked_and_read_back() -> None:
    assert KIND.owner(KIND.render(spec_of(KIND, "net", {}), None, ())) == "tests"


def test_a_plain_xml_document_keeps_its_uuid_for_a_new_network() -> None:
    uuid = "2ec115d7-3a88-3ceb-bc12-0ac909a6fd87"
    spec = spec_of(KIND, "n", xml=f"<network><name>n</name><uuid>{uuid}</uuid><forward mode='nat'/></network>")
    assert uuid in KIND.render(spec, None, ())
    assert not any("uuid" in address for address in spec.claims)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"forward": "bridge", "bridge": "br9"}, "needs the bridge br9"),
        ({"forward": "nat", "bridge": "eth0"}, "has a device of that name"),
        ({"forward": {"mode": "route", "interfaces": ["eth7"]}}, "needs the device eth7"),
    ],
)
def test_devices_are_looked_for_before_anything_is_done(body: dict[str, object], message: str) -> None:
    problems = KIND.preflight(spec_of(KIND, "net", body), None, Facts(interfaces=frozenset({"eth0"})))
    assert [message in problem.message for problem in problems] == [True]


def test_every_example_in_the_table_is_understood() -> None:
    for pattern, entry in KIND.table.items():
        if entry.field is not None:
            assert entry.field.codec.lower(entry.field.example) is not None, pattern
            assert any(rule.matches(pattern) for rule in KIND.rules)
    assert shapes.schema(KIND.fields)["additionalProperties"] is False
