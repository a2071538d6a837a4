"""Documents that only tell, that make once, or that leave some fields to others, on a real host."""

import json

import libvirt
import pytest

from tests.scenarios.test_machines import vm

pytestmark = pytest.mark.e2e


def drift(lab):
    return {each["ref"]: each["fields"] for each in lab.plan()["conditions"] if each["type"] == "Drifted"}


def mode(word):
    return f"  mode: {word}"


def test_what_is_observed_is_told_and_never_changed(lab):
    lab.converge(vm("a"))
    lab.converge(vm("a", memory="256MiB", more=mode("observe")))
    assert lab.xml("a").findtext("memory") == "131072"
    assert set(drift(lab)["Domain/a"]) == {"memory.max", "memory.current"}
    (row,) = json.loads(lab.run("status", "-o", "json").stdout)["resources"]
    assert [each["type"] for each in row["conditions"]] == ["Drifted"]
    assert "memory.max" in lab.run("plan").stdout
    # What was not made is not ours: taking the line out again asks for nothing.
    lab.converge(vm("a"))
    assert lab.xml("a").findtext("memory") == "131072"


def test_what_is_observed_is_not_made_either_nor_are_its_disks(lab):
    disk = "  disks: [{name: root, size: 8MiB}]\n"
    lab.write(vm("a", more=disk + mode("observe")))
    assert lab.plan()["changes"] == []
    assert set(drift(lab)) >= {"Domain/a"}
    lab.apply()
    with pytest.raises(libvirt.libvirtError):
        lab.domain("a")


def test_what_is_made_once_belongs_to_others_afterwards(lab):
    lab.converge(vm("a", more=mode("createOnly")))
    assert lab.xml("a").findtext("vcpu") == "1"
    lab.converge(vm("a", vcpus=2, more=mode("createOnly")))
    assert lab.xml("a").findtext("vcpu") == "1" and "vcpus.max" in drift(lab)["Domain/a"]
    lab.converge(vm("a", vcpus=2))
    assert lab.xml("a").findtext("vcpu") == "2"


def test_what_is_ignored_is_not_even_told_and_is_not_deleted_for_it(lab):
    lab.converge(vm("a"))
    lab.converge(vm("a", vcpus=2, more=mode("ignore")))
    assert lab.xml("a").findtext("vcpu") == "1" and lab.plan()["conditions"] == []


def test_an_observed_machine_goes_by_the_usual_rules_when_its_document_does(lab):
    lab.write(vm("a", more=mode("observe")), "a.yaml")
    lab.write(vm("b"), "b.yaml")
    lab.connect().defineXML("<domain type='qemu'><name>a</name><memory>8192</memory><os><type>hvm</type></os></domain>")
    lab.converge()
    lab.remove("a.yaml")
    lab.converge(None, "--allow", "delete")
    assert lab.domain("a").name() == "a", "it was never ours"


def test_a_field_that_is_left_to_others_is_set_when_it_is_made_and_never_again(lab):
    more = "  title: first\n  ignoreFields: [title, memory.current]"
    lab.converge(vm("a", more=more))
    assert lab.xml("a").findtext("title") == "first"
    lab.domain("a").setMetadata(
        libvirt.VIR_DOMAIN_METADATA_TITLE, "by hand", None, None, libvirt.VIR_DOMAIN_AFFECT_CONFIG
    )
    assert lab.plan()["changes"] == [] and drift(lab) == {}
    lab.converge(vm("a", vcpus=2, more=more))
    assert lab.xml("a").findtext("title") == "by hand" and lab.xml("a").findtext("vcpu") == "2"
    lab.write(vm("a", vcpus=2, more="  title: first"))
    assert [field["path"] for change in lab.plan()["changes"] for field in change["fields"]] == ["title"]


def test_a_list_that_is_left_to_others_may_grow_by_hand(lab):
    disk = "<disk type='file' device='cdrom'><target dev='sdz' bus='sata'/><readonly/></disk>"
    lab.converge(vm("a", more="  disks: []\n  ignoreFields: [disks]"))
    lab.domain("a").attachDeviceFlags(disk, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    assert lab.plan()["changes"] == []
    lab.write(vm("a", more="  disks: []"))
    assert lab.actions() == [("Domain/a", "update")]


def test_a_field_that_there_is_not_is_said_with_its_place(lab):
    path = lab.write(vm("a", more="  ignoreFields:\n    - memory\n    - memroy"))
    said = lab.run("validate", code=65).stdout + lab.run("plan", code=65).stderr
    place = next(number for number, line in enumerate(path.read_text().splitlines(), 1) if "memroy" in line)
    assert f"main.yaml:{place}:7" in said and "did you mean memory?" in said and "R203" in said


def test_a_source_that_only_observes_changes_nothing_whatever_its_documents_say(lab):
    lab.write(vm("a"), "a.yaml")
    lab.write(vm("b"), "b.yaml")
    lab.converge()
    lab.write("mode: observe\n", "reconciler.yaml")
    lab.write(vm("a", vcpus=2), "a.yaml")
    lab.remove("b.yaml")
    lab.apply("--allow", "delete,mass-delete")
    assert lab.xml("a").findtext("vcpu") == "1" and lab.domain("b").name() == "b"
    assert set(drift(lab)) == {"Domain/a", "Domain/b"}
    lab.write("mode: sometimes\n", "reconciler.yaml")
    assert "enforce, createOnly or observe" in lab.run("plan", code=64).stderr
