"""Network filters without a host: documents, definitions and rules."""

from __future__ import annotations

import pytest

from reconciler.errors import ManifestError
from reconciler.grammar import Schema
from reconciler.kind import Facts
from reconciler.kinds.nwfilter import KIND
from reconciler.kinds.nwfilter.builtin import BUILTIN
from reconciler.kinds.nwfilter.protocols import PROTOCOLS
from reconciler.kinds.nwfilter.rules import REBUILDS
from reconciler.markup import parse
from reconciler.model.documents import Observed
from reconciler.model.plans import Define, Disruption
from reconciler.model.refs import Ref
from reconciler.naming import GIVEN_FILTERS
from tests.kinds.steering import judged, situation, spec_of

SCHEMA = Schema("/usr/share/libvirt/schemas/nwfilter.rng")
SSH = {"action": "accept", "direction": "in", "tcp": {"dstportstart": 22}}
DROP = {"action": "drop", "direction": "inout", "all": {}}
DOCUMENTS = {
    "empty": {},
    "rules": {"chain": "ipv4", "priority": -650, "rules": [SSH, {**DROP, "priority": 900, "statematch": False}]},
    "references": {
        "filterrefs": ["clean-traffic", {"filter": "x", "parameters": [{"name": "IP", "value": "10.0.0.1"}]}]
    },
    "woven": {"filterrefs": ["a", "b"], "rules": [SSH], "order": ["filterref", "rule", "filterref"]},
    "spelled": {
        "rules": [{"action": "drop", "direction": "out", "ip": {"srcipmask": "255.255.0.0", "srcipaddr": "10.0.0.0"}}]
    },
}


def every_attribute() -> dict[str, object]:
    """A rule for each protocol with all that it can look at."""
    rules: list[object] = []
    groups = {
        group.at: group
        for items in KIND.fields
        if items.name == "rules"
        for group in items.fields
        if hasattr(group, "fields")
    }
    for name in PROTOCOLS:
        body = {field.name: field.example for field in groups[name].fields}
        if name == "stp":
            body["flags"] = "0x44"
        rules.append({"action": "drop", "direction": "in", groups[name].name: body})
    return {"rules": rules}


DOCUMENTS["everything"] = every_attribute()


def observed(body: dict[str, object], name: str = "web") -> Observed:
    return Observed(ref=Ref("NwFilter", name), uuid="", xml=KIND.render(spec_of(KIND, name, body), None, ()))


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "everything"])
def test_libvirts_schema_accepts_every_definition(name: str) -> None:
    assert SCHEMA.complaint(KIND.render(spec_of(KIND, "web", DOCUMENTS[name]), None, ())) is None


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_definition_read_back_has_what_its_document_claims(name: str) -> None:
    spec, seen = spec_of(KIND, "web", DOCUMENTS[name]), observed(DOCUMENTS[name])
    assert judged(KIND, situation(KIND, spec, seen)) == []
    again = spec_of(KIND, "web", KIND.dump(KIND.read(seen.xml)))
    assert KIND.read(KIND.render(again, None, ())) == KIND.read(seen.xml)
    assert "xml" not in KIND.dump(KIND.read(seen.xml))


def test_rules_and_references_keep_the_order_of_the_document() -> None:
    root = parse(KIND.render(spec_of(KIND, "web", DOCUMENTS["woven"]), None, ()))
    assert [child.get("filter", child.tag) for child in root] == ["a", "rule", "b"]
    assert KIND.dump(KIND.read(observed(DOCUMENTS["woven"]).xml))["order"] == ["filterref", "rule", "filterref"]


def revised(before: dict[str, object], after: dict[str, object]) -> str:
    now = situation(KIND, spec_of(KIND, "web", after), observed(before))
    (step,) = KIND.update(now, judged(KIND, now))
    assert isinstance(step, Define)
    return step.xml


@pytest.mark.parametrize("before", DOCUMENTS)
@pytest.mark.parametrize("after", ["rules", "references", "woven", "spelled"])
def test_one_filter_becomes_the_other_in_one_definition(before: str, after: str) -> None:
    if before == after:
        return
    spec = spec_of(KIND, "web", DOCUMENTS[after])
    text = revised(DOCUMENTS[before], DOCUMENTS[after])
    assert judged(KIND, situation(KIND, spec, Observed(ref=spec.ref, uuid="", xml=text))) == []


def test_a_rule_that_comes_in_front_moves_the_others() -> None:
    after = {"rules": [DROP, SSH]}
    assert KIND.read(revised({"rules": [SSH]}, after)) == KIND.read(observed(after).xml)


def test_the_uuid_stays_since_libvirt_refuses_another() -> None:
    uuid = "727f5360-1ff1-489c-b5d9-a420a8a6e0df"
    seen = observed({"rules": [SSH]})
    seen = Observed(ref=seen.ref, uuid=uuid, xml=seen.xml.replace("<rule", f"<uuid>{uuid}</uuid><rule", 1))
    now = situation(KIND, spec_of(KIND, "web", {"rules": [DROP]}), seen)
    assert uuid in KIND.update(now, judged(KIND, now))[0].xml


def test_every_change_is_live_and_says_what_it_does_to_running_guests() -> None:
    now = situation(KIND, spec_of(KIND, "web", {"rules": [DROP]}), observed({"rules": [SSH]}))
    assert {(item.decision.disruption, item.decision.why) for item in judged(KIND, now)} == {
        (Disruption.NONE, REBUILDS)
    }


@pytest.mark.parametrize(("want", "have"), [("0x16", "22"), ("Reply", "reply"), ("IPV4", "ipv4")])
def test_two_spellings_of_one_value_are_no_difference(want: str, have: str) -> None:
    wanted = {"rules": [{"action": "drop", "direction": "in", "ip": {"protocol": want}}]}
    body = {"rules": [{"action": "drop", "direction": "in", "ip": {"protocol": have}}]}
    found = judged(KIND, situation(KIND, spec_of(KIND, "web", wanted), observed(body)))
    assert found == []


def test_an_order_that_does_not_name_every_entry_is_refused() -> None:
    with pytest.raises(ManifestError, match="has 1 filterref and 1 rule"):
        spec_of(KIND, "web", {"filterrefs": ["a"], "rules": [SSH], "order": ["rule", "rule"]})


def test_a_filter_needs_those_that_it_refers_to() -> None:
    spec = spec_of(KIND, "web", {"filterrefs": ["a", {"filter": "b", "external": True}]})
    assert [(need.ref.name, need.external) for need in spec.needs] == [("a", False), ("b", True)]
    problems = KIND.preflight(spec, None, Facts(nwfilters=frozenset({"a"})))
    assert [problem.message for problem in problems] == [
        "NwFilter/web needs NwFilter/b, which is neither declared nor on lab"
    ]


def test_what_libvirt_brought_along_is_known_until_somebody_changes_it() -> None:
    rule = "<rule action='accept' direction='inout'/>"
    own = f"<filter name='allow-arp' chain='arp' priority='-500'><uuid>{{}}</uuid>{rule}</filter>"
    seen = [Observed(ref=Ref("NwFilter", "allow-arp"), uuid="", xml=own.format(uuid)) for uuid in "ab"]
    assert all(KIND.given(each) for each in seen)
    changed = Observed(ref=seen[0].ref, uuid="", xml=seen[0].xml.replace("accept", "drop"))
    other = Observed(ref=Ref("NwFilter", "mine"), uuid="", xml=seen[0].xml)
    assert not KIND.given(changed) and not KIND.given(other)


def test_the_names_that_need_no_document_are_those_that_libvirt_brings_along() -> None:
    assert set(BUILTIN) == GIVEN_FILTERS
