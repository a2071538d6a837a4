"""A machine's life on a real host, as a user types it."""

import pytest

pytestmark = pytest.mark.e2e

VM = """
apiVersion: reconciler/v1
kind: Domain
metadata: {{name: {name}}}
spec:
  type: qemu
  machine: q35
  memory: {memory}
  vcpus: {vcpus}
  power: {power}
{more}
"""


def vm(name="vm", memory="128MiB", vcpus=1, power="stopped", more=""):
    return VM.format(name=name, memory=memory, vcpus=vcpus, power=power, more=more)


def test_s01_a_minimal_machine_is_defined_as_written(lab):
    lab.converge(vm(memory="512MiB"))
    xml = lab.xml("vm")
    assert (xml.findtext("memory"), xml.findtext("vcpu")) == ("524288", "1")
    assert xml.find("os/type").get("machine").startswith("pc-q35-")


def test_s02_r15_a_change_keeps_uuid_mac_addresses_and_machine_version(lab):
    net = "  interfaces:\n    - {name: lan, type: user}\n"
    lab.converge(vm(memory="512MiB", more=net))
    before = lab.xml("vm")
    lab.converge(vm(memory="1GiB", vcpus=2, more=net))
    after = lab.xml("vm")
    assert (after.findtext("memory"), after.findtext("vcpu")) == ("1048576", "2")
    for path in ("uuid", "os/type"):
        assert before.findtext(path) == after.findtext(path)
    assert before.find("os/type").get("machine") == after.find("os/type").get("machine")
    assert before.find("devices/interface/mac").get("address") == after.find("devices/interface/mac").get("address")
    places = [[dict(found.attrib) for found in tree.iter("address")] for tree in (before, after)]
    assert places[0] == places[1]


@pytest.mark.proves("Domain", "!power")
def test_s11_r1_power_is_kept_as_written(lab):
    lab.write(vm("up", power="running"), "up.yaml")
    lab.write(vm("down", power="stopped"), "down.yaml")
    lab.converge()
    assert lab.domain("up").isActive() and not lab.domain("down").isActive()
    lab.domain("up").destroy()
    assert lab.actions() == [("Domain/up", "update")]
    lab.converge()
    assert lab.domain("up").isActive()


@pytest.mark.proves("Domain", "!autostart")
def test_s12_autostart_follows_without_a_restart(lab):
    lab.converge(vm(power="running", more="  autostart: true"))
    started = lab.domain("vm").ID()
    assert lab.domain("vm").autostart() == 1
    lab.converge(vm(power="running", more="  autostart: false"))
    assert lab.domain("vm").autostart() == 0
    lab.converge(vm(power="running", more="  autostart: true"))
    assert lab.domain("vm").autostart() == 1 and lab.domain("vm").ID() == started


def test_r2_a_maximum_changed_by_hand_is_drift(lab):
    lab.converge(vm(memory="256MiB"))
    lab.domain("vm").setMaxMemory(300 * 1024)
    (change,) = lab.plan()["changes"]
    assert ("memory.max", "300MiB", "256MiB") in [(f["path"], f["before"], f["after"]) for f in change["fields"]]
    lab.converge()


def test_r3_a_device_attached_by_hand_is_drift(lab):
    lab.converge(vm(more="  interfaces: []"))
    lab.domain("vm").attachDeviceFlags("<interface type='user'><mac address='52:54:00:00:00:01'/></interface>", 2)
    (change,) = lab.plan()["changes"]
    assert [field["after"] for field in change["fields"]] == [None]
    lab.converge()
    assert lab.xml("vm").find("devices/interface") is None


def test_what_is_not_written_is_left_alone(lab):
    lab.converge(vm())
    lab.domain("vm").setMetadata(0, "by hand", None, None, 2)
    assert lab.plan()["changes"] == []
    lab.converge(vm(memory="160MiB"))
    assert lab.xml("vm").findtext("description") == "by hand"


def test_removing_a_line_removes_the_setting(lab):
    lab.converge(vm(more="  title: A title\n  memtune: {hardLimit: 1GiB}"))
    assert lab.xml("vm").find("memtune") is not None
    lab.converge(vm())
    assert lab.xml("vm").find("memtune") is None and lab.xml("vm").find("title") is None


@pytest.mark.proves("Domain", "*")
def test_a_running_guest_keeps_the_old_value_and_says_so_until_it_restarts(lab):
    lab.converge(vm(power="running"))
    lab.write(vm(power="running", memory="160MiB"))
    (change,) = lab.plan()["changes"]
    assert change["disruption"] == "restart" and change["blocked"] is None
    lab.apply()
    plan = lab.plan()
    assert plan["changes"] == []
    (condition,) = plan["conditions"]
    assert condition["type"] == "RestartPending" and "memory.max" in condition["fields"]
    assert lab.xml("vm", live=True).findtext("memory") == "131072"
    domain = lab.domain("vm")
    domain.destroy()
    lab.converge()
    assert lab.plan()["conditions"] == []


@pytest.mark.proves("Domain", "*")
def test_a_restart_happens_only_when_it_is_allowed(lab):
    lab.converge(vm(power="running"))
    first = lab.domain("vm").ID()
    lab.write(vm(power="running", memory="160MiB", more="  shutdown: {timeout: 1s}"))
    lab.apply("--allow", "restart,force-off")
    assert lab.domain("vm").ID() != first and lab.xml("vm", live=True).findtext("memory") == "163840"
    assert lab.plan()["changes"] == []


def test_a_guest_that_does_not_stop_in_time_is_not_cut_off_unasked(lab):
    lab.converge(vm(power="running", more="  shutdown: {timeout: 1s}"))
    lab.write(vm(power="stopped", more="  shutdown: {timeout: 1s}"))
    applied = lab.apply(code=1)
    assert applied["changes"][0]["outcome"] == "failed"
    assert lab.domain("vm").isActive()
    lab.converge(None, "--allow", "force-off")
    assert not lab.domain("vm").isActive()


def test_snapshots_survive_every_update(lab):
    pool = "apiVersion: reconciler/v1\nkind: Pool\nmetadata: {name: disks}\nspec: {type: dir, path: '%s'}\n"
    lab.write(pool % (lab.state / "disks"), "pool.yaml")
    disk = "  disks: [{name: root, size: 2MiB, pool: disks}]"
    lab.converge(vm(more=disk))
    lab.domain("vm").snapshotCreateXML("<domainsnapshot><name>s</name></domainsnapshot>", 0)
    lab.converge(vm(memory="256MiB", more=disk))
    assert lab.domain("vm").snapshotNum() == 1


def test_s25_s27_disks_keep_their_order_and_leave_before_their_volumes(lab):
    storage = """
apiVersion: reconciler/v1
kind: Pool
metadata: {{name: disks}}
spec: {{type: dir, path: "{path}"}}
---
apiVersion: reconciler/v1
kind: Volume
metadata: {{name: a.qcow2}}
spec: {{pool: disks, capacity: 1MiB, deletionPolicy: delete}}
""".format(path=lab.state / "disks")
    disks = """  disks:
    - {name: root, volume: a.qcow2, pool: disks, target: vda}
    - {name: cd, device: cdrom, target: sda}
    - {name: more, size: 2MiB, pool: disks, target: vdb}
"""
    lab.write(storage, "storage.yaml")
    lab.converge(vm(more=disks))
    targets = [disk.get("dev") for disk in lab.xml("vm").iterfind("devices/disk/target")]
    assert sorted(targets) == ["sda", "vda", "vdb"]
    assert (lab.state / "disks" / "a.qcow2").exists()
    lab.write(storage.partition("---")[0], "storage.yaml")
    lab.write(vm(more="  disks: []"))
    lab.apply("--allow", "delete")
    assert lab.plan()["changes"] == []
    assert lab.xml("vm").find("devices/disk") is None
    assert not (lab.state / "disks" / "a.qcow2").exists()
