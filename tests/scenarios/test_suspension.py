"""What is suspended is left alone by everybody, until it is resumed or its time is over."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from tests import sops
from tests.scenarios.test_machines import vm

pytestmark = pytest.mark.e2e


def conditions(lab):
    return {each["ref"]: each["message"] for each in lab.plan()["conditions"] if each["type"] == "Suspended"}


def test_a_suspended_machine_is_neither_changed_nor_deleted_until_it_is_resumed(lab):
    lab.write(vm("a"), "a.yaml")
    lab.write(vm("b"), "b.yaml")
    lab.converge()
    said = lab.run("suspend", "Domain/a", "--reason", "its disk is being copied").stdout
    assert said == f"Domain/a on {lab.plan()['conditions'][0]['host']}: left alone until it is resumed\n"
    lab.write(vm("a", memory="256MiB"), "a.yaml")
    lab.converge()
    assert lab.xml("a").findtext("memory") == "131072"
    assert "its disk is being copied" in conditions(lab)["Domain/a"]
    lab.remove("a.yaml")
    lab.apply("--allow", "delete")
    assert lab.domain("a").name() == "a"
    lab.write(vm("a", memory="256MiB"), "a.yaml")
    lab.run("resume", "Domain/a")
    assert conditions(lab) == {}
    assert lab.actions() == [("Domain/a", "update")]
    lab.converge()
    assert lab.xml("a").findtext("memory") == "262144"


def test_other_machines_go_on_beside_a_suspended_one_and_writing_keeps_it_suspended(lab):
    lab.write(vm("a"), "a.yaml")
    lab.write(vm("b"), "b.yaml")
    lab.converge()
    lab.run("suspend", "Domain/a", "--reason", "x")
    lab.write(vm("a", vcpus=2), "a.yaml")
    lab.write(vm("b", vcpus=2), "b.yaml")
    lab.converge()
    assert [lab.xml(name).findtext("vcpu") for name in "ab"] == ["1", "2"]
    assert list(conditions(lab)) == ["Domain/a"]


def test_a_suspension_ends_by_itself(lab):
    lab.converge(vm("a"))
    until = (datetime.now(UTC) + timedelta(seconds=8)).isoformat()
    lab.run("suspend", "Domain/a", "--reason", "x", "--until", until)
    lab.write(vm("a", vcpus=2))
    assert lab.plan()["changes"] == []
    while datetime.now(UTC) < datetime.fromisoformat(until):
        pass
    assert lab.actions() == [("Domain/a", "update")]
    assert conditions(lab) == {}


def test_status_says_who_left_it_alone_why_and_until_when_and_not_that_it_is_ready(lab):
    lab.converge(vm("a"))
    (found,) = json.loads(lab.run("suspend", "Domain/a", "--reason", "why", "--until", "2h", "-o", "json").stdout)[
        "resources"
    ]
    suspension = found["suspension"]
    assert suspension["reason"] == "why" and suspension["until"] > suspension["since"]
    (row,) = json.loads(lab.run("status", "-o", "json").stdout)["resources"]
    (condition,) = row["conditions"]
    assert condition["type"] == "Suspended"
    assert all(suspension[part] in condition["message"] for part in ("reason", "author", "since", "until"))
    assert "Suspended: left alone until " in lab.run("status").stdout


def test_a_rollback_of_a_suspended_machine_is_refused(lab):
    lab.converge(vm("a"))
    lab.converge(vm("a", vcpus=2))
    lab.run("suspend", "Domain/a", "--reason", "x")
    refused = lab.run("rollback", "Domain/a", "--yes", code=73)
    assert "R518" in refused.stderr and lab.xml("a").findtext("vcpu") == "2"


def test_what_cannot_be_suspended_is_said_and_nothing_is(lab):
    lab.converge(vm("a"))
    for wrong in ("yesterday", "2020-01-01", "0s"):
        assert "R801" in lab.run("suspend", "Domain/a", "--reason", "x", "--until", wrong, code=64).stderr
    assert "R305" in lab.run("suspend", "Domain/a", "Domain/none", "--reason", "x", code=65).stderr
    assert "R801" in lab.run("suspend", "Domain/a", code=64).stderr
    assert "R801" in lab.run("suspend", "--reason", "x", code=64).stderr
    assert conditions(lab) == {}
    assert "Domain/a" in lab.run("resume", "Domain/a").stdout


def test_beside_encrypted_documents_it_is_the_same(lab):
    key, recipient = sops.identity()
    lab.environment["SOPS_AGE_KEY"] = key
    machine = vm("a", more="  graphics: [{type: vnc, password: sesame}]")
    lab.write(sops.encrypt([yaml.safe_load(machine)], recipient, ["password"]))
    lab.converge()
    lab.run("suspend", "Domain/a", "--reason", "x")
    assert list(conditions(lab)) == ["Domain/a"]
    assert lab.run("history", "Domain/a").stdout


def test_a_machine_can_be_suspended_before_it_is_made(lab):
    lab.write(vm("a"))
    lab.run("suspend", "Domain/a", "--reason", "not yet")
    assert lab.plan()["changes"] == []
    lab.run("resume", "Domain/a")
    assert lab.actions() == [("Domain/a", "create")]
