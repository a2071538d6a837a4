"""What must always be true, tried where it is easiest to break: protection, rollback, approval, selection."""

import json

import pytest

from tests.scenarios.conftest import sweep
from tests.scenarios.test_hosts import host_document, memory, names, on
from tests.scenarios.test_machines import vm
from tests.scenarios.test_storage import storage, volume

pytestmark = pytest.mark.e2e

VNC = "  graphics:\n    - {type: vnc, password: topsecre}"
DISK = "  disks:\n    - {name: root, volume: v, pool: images}"


@pytest.fixture
def other(embedded_host):
    """A second host."""
    hosted = embedded_host("other")
    yield hosted.uri
    sweep(hosted.uri)


@pytest.fixture
def two(lab, other):
    north = host_document("north", lab.uri, "  default: true")
    lab.write(north + "---" + host_document("south", other), "hosts.yaml")
    lab.write(on("north", vm()), "north.yaml")
    lab.write(on("south", vm()), "south.yaml")
    lab.converge()
    return lab


@pytest.fixture
def images(tmp_path):
    return tmp_path / "images"


def outcomes(applied):
    return {change["ref"]: change["outcome"] for change in applied["changes"]}


def newest(lab, ref):
    return json.loads(lab.run("history", ref, "-o", "json").stdout)["versions"]


def test_a_rollback_on_one_host_leaves_the_namesake_on_another_alone(two, other):
    two.write(on("north", vm(memory="256MiB")), "north.yaml")
    two.converge()
    two.write(on("south", vm(memory="512MiB")), "south.yaml")
    north = next(entry for entry in newest(two, "Domain/vm") if entry["host"] == "north" and entry["fields"])
    assert "--to" in two.run("rollback", "Domain/vm", "--yes", code=65).stderr
    assert (memory(two.uri), memory(other)) == (262144, 131072)
    two.run("rollback", "Domain/vm", "--to", older(two, "north", north), "--yes")
    assert (memory(two.uri), memory(other)) == (131072, 131072)


def older(lab, host, entry):
    """The version of a host before this one."""
    commits = [each["commit"] for each in newest(lab, "Domain/vm") if each["host"] == host]
    return commits[commits.index(entry["commit"]) + 1]


def test_a_rollback_does_not_take_the_protection_of_what_is_declared_no_more(lab):
    lab.write(vm("b"), "b.yaml")
    lab.converge(vm("a", more="  protect: true"), name="a.yaml")
    lab.converge(vm("a", memory="256MiB", more="  protect: true"), name="a.yaml")
    lab.remove("a.yaml")
    lab.run("rollback", "Domain/a", "--yes")
    lab.apply("--allow", "delete", code=73)
    assert lab.domain("a").name() == "a"


def test_a_rollback_keeps_the_password_that_the_ledger_does_not_know(lab):
    lab.converge(vm("a", more=VNC))
    lab.converge(vm("a", memory="256MiB", more=VNC))
    lab.run("rollback", "Domain/a", "--yes")
    assert lab.xml("a").findtext("memory") == "131072"
    assert "topsecre" in lab.domain("a").XMLDesc(3)


def test_protection_counts_even_where_the_rest_of_its_document_is_refused(lab):
    lab.write(vm("b"), "b.yaml")
    lab.converge(vm("a"), name="a.yaml")
    lab.write(vm("a", more="  protect: true").replace("q35", "pc"), "a.yaml")
    lab.apply(code=73)
    lab.remove("a.yaml")
    lab.apply("--allow", "delete", code=73)
    assert lab.domain("a").name() == "a"


def test_an_approval_is_for_this_document_on_this_host(lab, other):
    lab.write(host_document("north", lab.uri), "hosts.yaml")
    lab.write(vm("a", more="  protect: true"))
    digest = lab.plan()["digest"]
    lab.write(vm("a"))
    assert "R506" in lab.run("apply", "--approve", digest, code=75).stderr
    digest = lab.plan()["digest"]
    lab.write(host_document("north", other), "hosts.yaml")
    assert "R506" in lab.run("apply", "--approve", digest, code=75).stderr
    assert names(lab.uri) == names(other) == []


def test_a_host_document_alone_is_an_empty_repository(lab):
    lab.write(host_document("north", lab.uri), "hosts.yaml")
    lab.converge(vm("a"))
    lab.remove()
    lab.apply("--allow", "delete", code=73)
    assert names(lab.uri) == ["a"]


def test_a_machine_is_not_made_without_the_volume_that_was_not_selected(lab, images):
    storage(lab, images, volume(capacity="1MiB"), vm("a", power="running", more=DISK))
    (change,) = lab.plan("Domain/a")["changes"]
    assert "Volume/images/v" in change["blocked"]["reason"]
    lab.converge()
    lab.domain("a").destroy()
    assert outcomes(lab.apply("Domain/a")) == {"Domain/a": "done"}


def test_a_machine_is_not_made_without_the_volume_that_is_blocked(lab, images):
    machine = vm("a", power="running", more=DISK)
    storage(lab, images, poolmore="  active: false")
    lab.converge()
    storage(lab, images, volume(capacity="1MiB"), machine, poolmore="  active: false")
    applied = outcomes(lab.apply(code=None))
    assert applied["Volume/images/v"] == applied["Domain/a"] == "skipped"
    assert names(lab.uri) == []


def test_a_volume_stays_under_a_machine_that_is_protected(lab, images):
    more = f"{DISK}\n  protect: true"
    storage(lab, images, volume(capacity="1MiB", deletionPolicy="delete"), vm("a", more=more), vm("b"))
    lab.converge()
    storage(lab, images, vm("b"))
    lab.apply("--allow", "delete", code=None)
    assert (images / "v").exists()


def test_one_host_under_two_names_is_refused(lab):
    lab.write(
        host_document("north", lab.uri, "  default: true") + "---" + host_document("south", lab.uri), "hosts.yaml"
    )
    lab.write(on("north", vm("a")), "north.yaml")
    lab.write(on("south", vm("a", memory="256MiB")), "south.yaml")
    result = lab.run("apply", "--yes", code=65)
    assert "R306" in result.stderr and "hosts.yaml" in result.stderr
    assert names(lab.uri) == []


def test_a_machine_that_would_not_outlive_its_guest_is_defined_by_its_first_change(lab):
    connection = lab.connect()
    connection.createXML(
        "<domain type='qemu'><name>a</name><memory>131072</memory><os><type machine='q35'>hvm</type></os></domain>"
    )
    started = lab.domain("a").ID()
    lab.converge(vm("a", power="running", more="  autostart: true"))
    domain = lab.domain("a")
    assert domain.isPersistent() and domain.autostart() and domain.ID() == started
