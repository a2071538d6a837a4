"""Several hosts side by side, and what a Host document rules, as a user types it."""

import json

import libvirt
import pytest

from tests.scenarios.conftest import sweep
from tests.scenarios.test_machines import vm

pytestmark = pytest.mark.e2e


def host_document(name, uri, more="", labels=""):
    marks = f", labels: {{{labels}}}" if labels else ""
    return f"""
apiVersion: reconciler/v1
kind: Host
metadata: {{name: {name}{marks}}}
spec:
  uri: "{uri}"
{more}
"""


def on(host, text):
    """The document with its host."""
    return text.replace("metadata: {", f"metadata: {{host: {host}, ")


@pytest.fixture
def other(embedded_host):
    """A second host."""
    hosted = embedded_host("other")
    yield hosted.uri
    sweep(hosted.uri)


@pytest.fixture
def two(lab, other):
    lab.write(
        host_document("north", lab.uri, "  default: true", "site: north") + "---" + host_document("south", other),
        "hosts.yaml",
    )
    return lab


def memory(uri, name="vm"):
    connection = libvirt.open(uri)
    try:
        return connection.lookupByName(name).maxMemory()
    finally:
        connection.close()


def names(uri):
    connection = libvirt.open(uri)
    try:
        return sorted(domain.name() for domain in connection.listAllDomains())
    finally:
        connection.close()


def test_one_name_on_two_hosts_is_two_machines(two, other):
    two.write(vm(memory="128MiB"), "north.yaml")
    two.write(on("south", vm(memory="256MiB")), "south.yaml")
    two.converge()
    assert (memory(two.uri), memory(other)) == (131072, 262144)
    two.write(on("south", vm(memory="192MiB")), "south.yaml")
    assert [(change["ref"], change["host"]) for change in two.plan()["changes"]] == [("Domain/vm", "south")]
    two.converge()
    assert (memory(two.uri), memory(other)) == (131072, 196608)


def test_a_document_without_a_host_goes_to_the_default_host_only(two, other):
    two.converge(vm())
    assert (names(two.uri), names(other)) == (["vm"], [])


def test_each_host_has_a_history_of_its_own(two, other):
    two.write(vm(), "north.yaml")
    two.write(on("south", vm("only-south")), "south.yaml")
    two.converge()
    two.remove("south.yaml")
    (change,) = two.plan()["changes"]
    assert (change["ref"], change["host"], change["action"]) == ("Domain/only-south", "south", "delete")
    two.apply("--allow", "delete,mass-delete")
    assert (names(two.uri), names(other)) == (["vm"], [])


def test_a_document_for_a_host_that_nothing_declares_is_refused(two):
    two.write(on("west", vm()))
    assert "R302" in two.run("plan", code=65).stderr


def test_two_hosts_without_a_default_make_the_document_choose(lab, other):
    lab.write(host_document("north", lab.uri) + "---" + host_document("south", other), "hosts.yaml")
    lab.write(vm())
    result = lab.run("plan", code=65)
    assert "R304" in result.stderr and "north" in result.stderr and "south" in result.stderr


def test_what_nobody_declares_is_listed_and_left_alone(lab):
    connection = lab.connect()
    connection.defineXML(
        "<domain type='qemu'><name>by-hand</name><memory>65536</memory><os><type>hvm</type></os></domain>"
    )
    connection.networkDefineXML("<network><name>by-hand</name></network>")
    lab.converge(vm())
    plan = lab.plan()
    assert {item.rpartition(" ")[2] for item in map(str, plan["unmanaged"])} == {"Domain/by-hand", "Network/by-hand"}
    assert "by-hand" in lab.run("plan", "-v").stdout
    assert names(lab.uri) == ["by-hand", "vm"]
    connection.close()


@pytest.mark.proves("Host", "*")
def test_a_guest_larger_than_its_host_passes_where_the_policy_says_so(lab):
    big = vm(vcpus=32)
    lab.write(host_document("hv", lab.uri), "host.yaml")
    lab.write(big)
    (change,) = lab.plan()["changes"]
    assert change["blocked"]["number"] == "R402" and "vcpusPerGuest" in change["blocked"]["reason"]
    lab.write(host_document("hv", lab.uri, "  policy: {overcommit: {vcpusPerGuest: 64}}"), "host.yaml")
    lab.converge()
    assert lab.xml("vm").findtext("vcpu") == "32"


def test_memory_beyond_the_policy_is_refused(lab):
    lab.write(host_document("hv", lab.uri, "  policy: {overcommit: {memory: 0.1}}"), "host.yaml")
    lab.write(vm(memory="8GiB"))
    (change,) = lab.plan()["changes"]
    assert change["blocked"]["number"] == "R402" and "policy" in change["blocked"]["reason"]
    lab.apply(code=73)
    lab.converge(vm(memory="64MiB"))


def test_what_the_policy_protects_stays_when_its_document_goes(lab):
    lab.write(host_document("hv", lab.uri, "  policy: {protect: [Domain/db-*]}"), "host.yaml")
    for name in ("db-1", "web-1", "web-2"):
        lab.write(vm(name), f"{name}.yaml")
    lab.converge()
    lab.remove("db-1.yaml")
    lab.remove("web-1.yaml")
    changes = {change["ref"]: change["blocked"] for change in lab.plan("--allow", "delete")["changes"]}
    assert changes["Domain/db-1"]["number"] == "R505" and "Domain/db-*" in changes["Domain/db-1"]["reason"]
    assert changes["Domain/web-1"] is None
    lab.apply("--allow", "delete", code=73)
    assert names(lab.uri) == ["db-1", "web-2"]


@pytest.fixture
def scanning(lab):
    """Pages that the kernel scans, put back afterwards: there is only one kernel."""
    connection = lab.connect()
    try:
        before = connection.getMemoryParameters()["shm_pages_to_scan"]
        connection.setMemoryParameters({"shm_pages_to_scan": before})
    except (libvirt.libvirtError, KeyError):
        pytest.skip("this kernel's page merging cannot be tuned here")
    yield before
    connection.setMemoryParameters({"shm_pages_to_scan": before})
    connection.close()


@pytest.mark.proves("Host", "!ksm.*")
def test_page_merging_is_tuned_and_then_as_declared(lab, scanning):
    wanted = scanning + 7
    lab.write(host_document("hv", lab.uri, f"  ksm: {{pagesToScan: {wanted}}}"))
    (change,) = lab.plan()["changes"]
    assert change["ref"] == "Host/hv" and change["fields"][0]["path"] == "ksm.pagesToScan"
    lab.converge()
    assert lab.connect().getMemoryParameters()["shm_pages_to_scan"] == wanted
    rows = json.loads(lab.run("status", "-o", "json").stdout)["resources"]
    assert [row["ref"] for row in rows] == ["Host/hv"]


def test_libvirts_test_driver_takes_every_kind(lab):
    documents = """
apiVersion: reconciler/v1
kind: Network
metadata: {name: lan}
spec: {ips: [{address: 10.9.9.1, prefix: 24}]}
---
apiVersion: reconciler/v1
kind: Pool
metadata: {name: images}
spec: {path: /images}
---
apiVersion: reconciler/v1
kind: Volume
metadata: {name: v}
spec: {pool: images, capacity: 1GiB}
"""
    lab.write(documents)
    result = lab.run("plan", "-o", "json", uri="test:///default")
    assert {change["action"] for change in json.loads(result.stdout)["changes"]} == {"create"}
