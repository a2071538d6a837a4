"""A machine gets another name and keeps its life."""

import json
import shutil

import pytest

from tests.scenarios.test_machines import vm

pytestmark = pytest.mark.e2e

NET = "  interfaces:\n    - {name: lan, type: user}\n"


def moved(name, old, **more):
    return vm(name, **more).replace(f"name: {name}}}", f"name: {name}, movedFrom: {old}}}")


@pytest.mark.proves("Domain", "name")
def test_a_rename_keeps_uuid_mac_and_settings_and_nothing_is_deleted(lab):
    lab.converge(vm("old", more=NET + "  title: mine\n"))
    before = lab.xml("old")
    lab.write(moved("new", "old", memory="160MiB", more=NET))
    plan = lab.plan()
    assert {change["action"] for change in plan["changes"]} == {"update"}
    assert ("name", "old", "new") in [(f["path"], f["before"], f["after"]) for f in plan["changes"][0]["fields"]]
    lab.converge()
    after = lab.xml("new")
    assert before.findtext("uuid") == after.findtext("uuid")
    assert before.find("devices/interface/mac").get("address") == after.find("devices/interface/mac").get("address")
    assert after.findtext("memory") == "163840" and after.find("title") is None
    assert [domain.name() for domain in lab.connect().listAllDomains()] == ["new"]


def test_the_line_may_stay_or_go_once_the_rename_is_done(lab):
    lab.converge(vm("old"))
    lab.converge(moved("new", "old"))
    assert lab.plan()["changes"] == []
    lab.converge(vm("new"))


def test_a_running_machine_is_renamed_only_with_permission_to_restart(lab):
    lab.converge(vm("old", power="running"))
    lab.write(moved("new", "old", power="running", more="  shutdown: {timeout: 1s}"))
    (change,) = lab.plan()["changes"]
    assert change["blocked"]["allow"] == "restart"
    lab.apply(code=73)
    assert lab.domain("old").isActive()
    lab.converge(None, "--allow", "restart,force-off")
    assert lab.domain("new").isActive()


def test_another_repositorys_machine_is_not_renamed(lab):
    lab.connect().defineXML(
        "<domain type='qemu'><name>old</name><memory>70000</memory><os><type>hvm</type></os></domain>"
    )
    lab.write(moved("new", "old"))
    (change,) = lab.plan()["changes"]
    assert change["blocked"]["number"] == "R503"


def test_both_names_at_once_are_a_mistake(lab):
    lab.converge(vm("old"))
    lab.write(vm("old"), "old.yaml")
    lab.write(moved("new", "old"), "main.yaml")
    assert "R207" in lab.run("plan", code=65).stderr


def test_a_rename_does_not_change_which_volumes_a_machine_has(lab):
    lab.write(moved("new", "old", more="  disks: [{name: root, size: 1MiB}]"))
    text = lab.run("validate", code=65).stderr
    assert "old-root" in text and "main.yaml:" in text


def test_the_history_of_a_renamed_machine_says_so(lab):
    lab.converge(vm("old"))
    lab.converge(moved("new", "old"))
    entries = json.loads(lab.run("history", "Domain/new", "-o", "json").stdout)
    assert "name old -> new" in json.dumps(entries)


@pytest.mark.skipif(not shutil.which("swtpm"), reason="swtpm is not installed")
def test_the_secrets_of_a_tpm_outlive_a_rename(lab, host):
    more = "  tpm: {model: tpm-crb}\n  shutdown: {timeout: 1s, force: true}"
    lab.converge(vm("old", power="running", more=more))
    state = host.home.directory / "lib/swtpm" / lab.domain("old").UUIDString()
    lab.converge(vm("old", power="stopped", more=more))
    kept = {path: (path.stat().st_ino, path.read_bytes()) for path in state.rglob("*permall")}
    assert kept
    lab.converge(moved("new", "old", more=more))
    assert {path: (path.stat().st_ino, path.read_bytes()) for path in state.rglob("*permall")} == kept
    lab.converge(moved("new", "old", power="running", more=more))
    # swtpm writes its state anew at each start; that it found the old one is all that can be seen.
    assert lab.domain("new").isActive() and set(state.rglob("*permall")) == set(kept)
