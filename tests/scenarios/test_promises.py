"""The promises of the plan, the guards and the ledger, on a real host."""

import json
import subprocess
import time

import libvirt
import pytest

from tests.scenarios.test_machines import vm

pytestmark = pytest.mark.e2e


def test_nothing_is_deleted_without_permission_and_the_exit_code_says_so(lab):
    lab.write(vm("a"), "a.yaml")
    lab.write(vm("b"), "b.yaml")
    lab.converge()
    lab.remove("b.yaml")
    (change,) = lab.plan()["changes"]
    assert change["action"] == "delete" and change["blocked"]["allow"] == "delete"
    assert lab.apply(code=73)["changes"][0]["outcome"] == "skipped"
    assert lab.domain("b").name() == "b"
    lab.apply("--allow", "delete")
    with pytest.raises(libvirt.libvirtError):
        lab.domain("b")
    assert lab.plan()["changes"] == []


def test_an_emptied_repository_deletes_nothing_without_a_word_for_it(lab):
    lab.converge(vm("a"))
    lab.remove()
    lab.apply("--allow", "delete", code=73)
    assert lab.domain("a").name() == "a"


def test_protection_is_remembered_when_the_line_is_gone(lab):
    lab.write(vm("a", more="  protect: true"), "a.yaml")
    lab.write(vm("b"), "b.yaml")
    lab.converge()
    lab.remove("a.yaml")
    lab.apply("--allow", "delete,mass-delete", code=73)
    assert lab.domain("a").name() == "a"


@pytest.mark.proves("Domain", "metadata/reconciler:owner")
def test_adoption_is_shown_and_changes_nothing_else(lab):
    connection = lab.connect()
    connection.defineXML(
        "<domain type='qemu'><name>old</name><memory>131072</memory><os><type>hvm</type></os></domain>"
    )
    before = lab.xml("old")
    lab.write(vm("old").replace("  machine: q35\n", ""))
    assert lab.actions() == [("Domain/old", "adopt")]
    lab.converge()
    after = lab.xml("old")
    after.remove(after.find("metadata"))
    from reconciler import markup

    assert markup.canonical(before) == markup.canonical(after)


def test_two_repositories_that_claim_one_machine_are_refused(lab, tmp_path):
    lab.converge(vm("a"))
    other = type(lab)(tmp_path / "other", tmp_path / "state2", lab.uri)
    other.directory.mkdir()
    other.write(vm("a", memory="256MiB"))
    result = other.run("apply", "--yes", code=73)
    assert "R503" in result.stdout + result.stderr
    assert lab.xml("a").findtext("memory") == "131072"


def test_a_plan_that_was_approved_is_applied_only_if_the_world_is_still_the_same(lab):
    lab.write(vm("a"))
    file = lab.state.parent / "plan.json"
    lab.run("plan", "--out", file)
    digest = json.loads(file.read_text())["digest"]
    lab.write(vm("a", memory="256MiB"))
    result = lab.run("apply", "--approve", digest, code=75)
    assert "R506" in result.stderr
    assert "R506" in lab.run("apply", file, code=75).stderr
    lab.write(vm("a"))
    lab.run("apply", file)
    assert lab.plan()["changes"] == []


def test_without_a_terminal_an_approval_is_required(lab):
    lab.write(vm("a"))
    result = lab.run("apply", code=73)
    assert "R501" in result.stderr and lab.actions() == [("Domain/a", "create")]


def test_plan_writes_nothing(lab):
    lab.write(vm("a"))
    before = sorted(lab.directory.rglob("*"))
    lab.plan()
    assert sorted(lab.directory.rglob("*")) == before
    assert not (lab.state / "ledger.git").exists()


def test_history_shows_what_changed_and_rollback_brings_it_back(lab):
    lab.converge(vm("a"))
    lab.converge(vm("a", memory="256MiB"))
    entries = json.loads(lab.run("history", "Domain/a", "-o", "json").stdout)
    text = json.dumps(entries)
    assert "memory.max" in text and "128MiB" in text and "256MiB" in text
    lab.run("rollback", "Domain/a", "--yes")
    assert lab.xml("a").findtext("memory") == "131072"
    assert lab.actions() == [("Domain/a", "update")]
    lab.run("apply", "--yes")
    assert lab.xml("a").findtext("memory") == "262144"
    assert lab.actions() == []


def test_a_deleted_machine_comes_back_as_it_was(lab):
    lab.write(vm("b"), "b.yaml")
    lab.converge(vm("a"))
    uuid = lab.xml("a").findtext("uuid")
    lab.remove()
    lab.run("apply", "--yes", "--allow", "delete")
    lab.run("rollback", "Domain/a", "--yes")
    assert lab.xml("a").findtext("uuid") == uuid


def test_a_dump_of_a_running_machine_can_take_the_place_of_its_yaml_and_give_it_back(lab):
    text = vm("a").replace("power: stopped", "power: unmanaged")
    lab.converge(text)
    lab.domain("a").create()
    lab.remove()
    lab.converge(lab.domain("a").XMLDesc(0), name="a.xml")
    lab.remove("a.xml")
    lab.converge(text)
    assert lab.domain("a").isActive()


def test_the_old_definition_is_in_the_ledger_before_the_change(lab):
    connection = lab.connect()
    connection.defineXML("<domain type='qemu'><name>a</name><memory>70000</memory><os><type>hvm</type></os></domain>")
    lab.converge(vm("a").replace("  machine: q35\n", ""))
    log = subprocess.run(
        ["git", "--git-dir", lab.state / "ledger.git", "log", "-p", "--all", "--reverse", "--", "domains/a.xml"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    # The text between tags: the subject of a commit names the old and the new value too.
    assert log.index(">70000<") < log.index(">131072<")


def test_import_then_plan_holds_nothing_but_adopt(lab):
    connection = lab.connect()
    connection.defineXML(
        "<domain type='qemu'><name>a</name><memory unit='MiB'>100</memory><vcpu current='1'>2</vcpu>"
        "<os><type machine='q35'>hvm</type></os><features><acpi/></features>"
        "<devices><interface type='user'><model type='e1000'/></interface><watchdog model='i6300esb' action='reset'/>"
        "<disk type='file' device='disk'><source file='/tmp/none.qcow2'/><target dev='vda' bus='virtio'/></disk>"
        "</devices></domain>"
    )
    lab.run("import", "--all", "--to", lab.directory)
    plan = lab.plan()
    assert [(change["ref"], change["action"]) for change in plan["changes"]] == [("Domain/a", "adopt")]
    text = next(lab.directory.rglob("*.yaml")).read_text()
    assert len(text.splitlines()) < 45, text


def test_a_dead_host_fails_only_its_own_documents(lab):
    hosts = f"""
apiVersion: reconciler/v1
kind: Host
metadata: {{name: good}}
spec: {{uri: "{lab.uri}", default: true}}
---
apiVersion: reconciler/v1
kind: Host
metadata: {{name: dead}}
spec: {{uri: "qemu+unix:///system?socket=/nonexistent/libvirt-sock"}}
"""
    lab.write(hosts, "hosts.yaml")
    lab.write(vm("a"), "a.yaml")
    lab.write(vm("b").replace("{name: b}", "{name: b, host: dead}"), "b.yaml")
    plan = lab.plan(code=69)
    assert [(change["ref"], change["host"]) for change in plan["changes"]] == [("Domain/a", "good")]
    assert plan["complete"] is False
    lab.apply(code=69)
    assert lab.domain("a").name() == "a"


def test_r13_an_unreachable_host_is_an_error_and_never_a_plan(lab):
    lab.write(vm("a"))
    result = lab.run("plan", code=69, uri="qemu+unix:///system?socket=/nonexistent/sock")
    assert "R601" in result.stderr and "to add" not in result.stdout.replace("0 to add", "")


def test_one_writer_at_a_time(lab):
    lab.write(vm("a", power="running", more="  shutdown: {timeout: 8s}"))
    lab.converge()
    lab.write(vm("a", power="stopped", more="  shutdown: {timeout: 8s}"))
    first = subprocess.Popen(lab.command("apply", "--yes"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(3)
        result = lab.run("apply", "--yes", code=75)
        assert "R507" in result.stderr
    finally:
        first.kill()
        first.wait()
    lab.converge(None, "--allow", "force-off")


def test_a_killed_apply_is_completed_by_the_next(lab):
    for number in range(12):
        lab.write(vm(f"m{number}"), f"{number}.yaml")
    process = subprocess.Popen(lab.command("apply", "--yes"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and len(lab.connect().listAllDomains()) < 3:
        time.sleep(0.01)
    process.kill()
    process.wait()
    lab.converge()
    assert len(lab.connect().listAllDomains()) == 12


def test_a_password_reaches_the_host_and_nothing_else(lab):
    lab.write(vm("a", more="  graphics:\n    - {type: vnc, password: topsecre}"))
    shown = lab.run("plan").stdout + lab.run("plan", "-o", "json").stdout + lab.run("render", "Domain/a").stdout
    assert "topsecre" not in shown
    lab.converge()
    assert "topsecre" in lab.domain("a").XMLDesc(3)
    stored = subprocess.run(["grep", "-r", "topsecre", str(lab.state)], capture_output=True, check=False)
    assert stored.returncode == 1
    lab.converge(vm("a", memory="256MiB", more="  graphics:\n    - {type: vnc, password: topsecre}"))
    assert "topsecre" in lab.domain("a").XMLDesc(3)
    log = subprocess.run(
        ["git", "--git-dir", lab.state / "ledger.git", "log", "-p", "--all"], capture_output=True, text=True, check=True
    )
    assert "topsecre" not in log.stdout


def test_one_guest_larger_than_its_host_is_refused(lab):
    lab.write(vm("a", vcpus=200))
    plan = lab.plan()
    assert "CPUs" in plan["changes"][0]["blocked"]["reason"]
    lab.apply(code=73)


def test_what_would_fail_at_start_is_said_before(lab):
    disks = "  disks:\n    - {name: root, file: /nonexistent/image.qcow2}\n"
    lab.write(vm("a", power="running", more=disks))
    (change,) = lab.plan()["changes"]
    assert "/nonexistent/image.qcow2" in change["blocked"]["reason"]
    lab.apply(code=73)


def test_xml_that_libvirt_would_drop_is_refused(lab):
    lab.write(vm("a", more="  xml: |\n    <domain><devices><watchdogg model='i6300esb'/></devices></domain>"))
    (change,) = lab.plan()["changes"]
    assert "watchdogg" in change["blocked"]["reason"]


def test_the_overlay_is_merged_last_and_its_drift_is_seen(lab):
    overlay = "  xml: |\n    <domain><devices><watchdog model='i6300esb' action='{}'/></devices></domain>"
    lab.converge(vm("a", more=overlay.format("reset")))
    assert lab.xml("a").find("devices/watchdog").get("action") == "reset"
    lab.converge(vm("a", more=overlay.format("poweroff")))
    assert lab.xml("a").find("devices/watchdog").get("action") == "poweroff"
    lab.converge(vm("a"))
    assert lab.xml("a").find("devices/watchdog") is None


@pytest.mark.parametrize(
    ("element", "said"),
    [
        ("<devices><input type='mouse' reconciler:remove='yes'/></devices>", "inputs[mouse] back"),
        ("<blkiotune><device><path>/dev/null</path></device></blkiotune>", "drops"),
    ],
)
def test_what_libvirt_makes_otherwise_than_the_overlay_says_is_told(lab, element, said):
    lab.write(vm("a", more=f"  xml: |\n    <domain>{element}</domain>"))
    (change,) = lab.apply(code=1)["changes"]
    assert change["outcome"] == "failed" and change["error"]["number"] == "R609"
    assert said in change["error"]["message"]


def test_what_a_profile_or_libvirt_put_there_goes_by_the_overlay_of_the_document(lab):
    lab.write(
        "apiVersion: reconciler/v1\nkind: Profile\nmetadata: {name: small}\nspec:\n"
        "  xml: |\n    <domain><title>t</title>\n"
        "    <devices><watchdog model='i6300esb' action='reset'/></devices></domain>\n",
        "profile.yaml",
    )
    lab.converge(vm("a", more="  profile: small"))
    assert lab.xml("a").find("devices/watchdog") is not None
    piece = "<watchdog reconciler:remove='yes'/><memballoon reconciler:remove='yes'/>"
    lab.converge(vm("a", more=f"  profile: small\n  xml: |\n    <domain><devices>{piece}</devices></domain>"))
    seen = lab.xml("a")
    assert seen.find("devices/watchdog") is None and seen.find("devices/memballoon").get("model") == "none"
    assert seen.findtext("title") == "t"


def test_a_committed_dump_is_a_resource(lab):
    connection = lab.connect()
    connection.defineXML("<domain type='qemu'><name>a</name><memory>131072</memory><os><type>hvm</type></os></domain>")
    lab.write(connection.lookupByName("a").XMLDesc(2), "a.xml")
    assert lab.actions() == [("Domain/a", "adopt")]
    lab.converge()
    lab.write(connection.lookupByName("a").XMLDesc(2).replace("131072", "262144"), "a.xml")
    lab.converge()
    assert lab.xml("a").findtext("memory") == "262144"


def test_status_tells_how_things_stand(lab):
    lab.converge(vm("a"))
    (entry,) = json.loads(lab.run("status", "-o", "json").stdout)["resources"]
    assert entry["ref"] == "Domain/a" and entry["conditions"][0]["type"] == "Ready"


def test_a_field_that_the_host_had_already_is_managed_once_it_was_applied(lab):
    lab.converge(vm("a"))
    lab.domain("a").setMetadata(1, "by hand", None, None, 2)
    lab.converge(vm("a", more="  title: by hand"))
    lab.converge(vm("a"))
    assert lab.xml("a").find("title") is None


def test_protection_that_is_added_later_is_remembered_too(lab):
    lab.write(vm("b"), "b.yaml")
    lab.converge(vm("a"), name="a.yaml")
    lab.converge(vm("a", more="  protect: true"), name="a.yaml")
    lab.remove("a.yaml")
    lab.apply("--allow", "delete,mass-delete", code=73)
    assert lab.domain("a").name() == "a"


def test_adopting_settles_nothing_that_differs(lab):
    connection = lab.connect()
    connection.defineXML(
        "<domain type='qemu'><name>a</name><memory>70000</memory><os><type machine='q35'>hvm</type></os></domain>"
    )
    lab.write(vm("a", vcpus=99))
    lab.apply(code=73)
    paths = [field["path"] for change in lab.plan()["changes"] for field in change["fields"]]
    assert "memory.max" in paths


def test_a_graphics_port_that_another_machine_has_is_said_before(lab):
    lab.converge(vm("a", power="running", more="  graphics:\n    - {type: vnc, port: 5931}"), name="a.yaml")
    lab.write(vm("b", power="running", more="  graphics:\n    - {type: vnc, port: 5931}"), "b.yaml")
    (change,) = lab.plan()["changes"]
    assert "5931" in change["blocked"]["reason"] and "Domain/a" in change["blocked"]["reason"]


def test_one_writer_at_a_time_even_from_two_state_directories(lab, tmp_path):
    lab.converge(vm("a", power="running", more="  shutdown: {timeout: 6s}"))
    lab.write(vm("a", power="stopped", more="  shutdown: {timeout: 6s}"))
    first = subprocess.Popen(lab.command("apply", "--yes"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    other = type(lab)(lab.directory, tmp_path / "elsewhere", lab.uri)
    try:
        time.sleep(3)
        assert "R507" in other.run("apply", "--yes", code=75).stderr
    finally:
        first.kill()
        first.wait()


def test_a_committed_dump_of_a_running_machine_waits_for_no_restart(lab):
    lab.converge(vm("a", power="running", more="  firmware: uefi\n  interfaces: [{name: lan, type: user}]"))
    inactive = lab.domain("a").XMLDesc(2)
    lab.write(inactive, "a.xml")
    lab.remove("main.yaml")
    lab.converge()
    assert lab.plan()["conditions"] == []


def test_our_own_files_below_the_desired_state_are_no_manifests(lab):
    inside = type(lab)(lab.directory, lab.directory / "state", lab.uri)
    strange = lab.directory / "state" / "embedded" / "embedded" / "etc" / "nwfilter" / "allow-arp.xml"
    strange.parent.mkdir(parents=True)
    strange.write_text("<filter name='allow-arp'/>")
    inside.write(vm("a"))
    inside.run("validate")
    inside.converge()
    assert inside.domain("a").name() == "a"
