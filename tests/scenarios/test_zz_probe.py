import json, time
import libvirt, pytest

from tests.scenarios.test_hosts import host_document, on, other, two, names, memory
from tests.scenarios.test_machines import vm
from tests.scenarios.test_storage import storage, volume, pool, images
pytestmark = pytest.mark.e2e

def disk(p): return f"  disks:\n    - {{name: root, volume: v, pool: images}}\n"

def test_V_volume_under_protected(lab, images):
    storage(lab, images, volume(capacity="1MiB", deletionPolicy="delete"), vm("a", more=disk(images)+"  protect: true"), vm("b"))
    lab.converge()
    storage(lab, images, vm("b"))
    out = lab.apply("--allow", "delete", code=None)
    print(json.dumps(out["changes"], indent=1)[:3000])
    assert (images / "v").exists()

def test_V2_volume_external(lab, images):
    storage(lab, images, volume(capacity="1MiB", deletionPolicy="delete"), vm("a", power="running", more="  disks:\n    - {name: root, volume: v, pool: images, external: true}\n"), vm("b"))
    lab.converge()
    storage(lab, images, vm("a", power="running", more="  disks:\n    - {name: root, volume: v, pool: images, external: true}\n"), vm("b"))
    out = lab.apply("--allow", "delete", code=None)
    assert (images / "v").exists()

def test_V3_exclude(lab, images):
    storage(lab, images, volume(capacity="1MiB", deletionPolicy="delete"), vm("a", more=disk(images)), vm("b"))
    lab.converge()
    storage(lab, images, vm("b"))
    out = lab.apply("--allow", "delete", "--exclude", "Domain/a", code=None)
    assert (images / "v").exists()

def test_E_emptied_but_host(lab):
    lab.write(host_document("north", lab.uri), "hosts.yaml")
    lab.write(vm("a"), "a.yaml"); lab.write(vm("b"), "b.yaml")
    lab.converge()
    lab.remove("a.yaml"); lab.remove("b.yaml")
    lab.apply("--allow", "delete", code=73)
    assert names(lab.uri) == ["a", "b"]

def test_N_rollback_other_host(two, other):
    two.write(on("north", vm()), "n.yaml"); two.write(on("south", vm()), "s.yaml")
    two.converge()
    two.write(on("north", vm(memory="256MiB")), "n.yaml")
    two.converge()
    two.write(on("south", vm(memory="512MiB")), "s.yaml")
    print(two.run("rollback", "Domain/vm", "--yes", code=None))
    assert memory(other) == 131072

def test_O_rollback_protect(lab):
    lab.write(vm("a", more="  protect: true"), "a.yaml"); lab.write(vm("b"), "b.yaml")
    lab.converge()
    lab.write(vm("a", memory="256MiB", more="  protect: true"), "a.yaml")
    lab.converge()
    lab.remove("a.yaml")
    lab.run("rollback", "Domain/a", "--yes")
    lab.apply("--allow", "delete", code=73)
    assert lab.domain("a").name() == "a"

def test_I_rollback_password(lab):
    g = "  graphics:\n    - {type: vnc, password: topsecre}"
    lab.converge(vm("a", more=g))
    lab.converge(vm("a", memory="256MiB", more=g))
    print(lab.run("rollback", "Domain/a", "--yes", code=None))
    assert "topsecre" in lab.domain("a").XMLDesc(3)

def test_I2_rollback_deleted_password(lab):
    g = "  graphics:\n    - {type: vnc, password: topsecre}"
    lab.write(vm("b"), "b.yaml")
    lab.converge(vm("a", more=g))
    lab.remove()
    lab.apply("--allow", "delete")
    print(lab.run("rollback", "Domain/a", "--yes", code=None))
    assert "topsecre" in lab.domain("a").XMLDesc(3)

def test_M_refs_selection(lab, images):
    storage(lab, images, volume(capacity="1MiB"), vm("a", power="running", more=disk(images)))
    plan = lab.plan("Domain/a")
    print(json.dumps(plan["changes"]))
    assert plan["changes"][0]["blocked"]

def test_J_transient(lab):
    c = lab.connect()
    c.createXML("<domain type='qemu'><name>a</name><memory>131072</memory><os><type machine='q35'>hvm</type></os></domain>")
    lab.converge(vm("a", power="running"))
    assert lab.domain("a").isPersistent()

def test_J2_transient_autostart(lab):
    c = lab.connect()
    c.createXML("<domain type='qemu'><name>a</name><memory>131072</memory><os><type machine='q35'>hvm</type></os></domain>")
    lab.converge(vm("a", power="running", more="  autostart: true"))
    assert lab.domain("a").isPersistent()

def test_G_protect_with_refused(lab):
    lab.write(vm("b"), "b.yaml")
    lab.converge(vm("a"), name="a.yaml")
    lab.write(vm("a", more="  protect: true").replace("q35", "pc"), "a.yaml")
    lab.apply(code=73)
    lab.remove("a.yaml")
    lab.apply("--allow", "delete", code=73)

def test_digest_policy(lab):
    lab.write(vm("a", more="  protect: true"))
    d = lab.plan()["digest"]
    lab.write(vm("a"))
    assert lab.plan()["digest"] != d

def test_digest_uri(lab, other):
    lab.write(host_document("north", lab.uri), "hosts.yaml")
    lab.write(vm("a"))
    d = lab.plan()["digest"]
    lab.write(host_document("north", other), "hosts.yaml")
    assert lab.plan()["digest"] != d

def test_same_uri_twice(lab):
    lab.write(host_document("north", lab.uri, "  default: true") + "---" + host_document("south", lab.uri), "hosts.yaml")
    lab.write(vm("a"), "a.yaml"); lab.write(on("south", vm("a", memory="256MiB")), "s.yaml")
    r = lab.run("validate", code=None); print(r)
    assert r.returncode != 0

def test_two_state_dirs(lab, tmp_path):
    other = type(lab)(lab.directory, tmp_path / "state2", lab.uri)
    import subprocess
    lab.write(vm("a", power="running", more="  shutdown: {timeout: 6s}")); lab.converge()
    lab.write(vm("a", power="stopped", more="  shutdown: {timeout: 6s}"))
    first = subprocess.Popen(lab.command("apply", "--yes"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(3)
        r = other.run("apply", "--yes", code=None); print(r)
        assert r.returncode == 75 and "R507" in r.stderr
    finally:
        first.kill(); first.wait()

def test_X_blocked_volume(lab, images):
    storage(lab, images, volume(capacity="1MiB", backing="/nonexistent/x.qcow2") if False else volume(source="/nonexistent/x.raw"), vm("a", power="running", more=disk(images)))
    out = lab.apply(code=None)
    print(json.dumps([(c["ref"], c["outcome"], c["blocked"], c["error"]) for c in out["changes"]]))
    assert [c["outcome"] for c in out["changes"] if c["ref"]=="Domain/a"] == ["skipped"]

def test_move_host(two, other):
    two.write(on("north", vm()), "n.yaml"); two.write(on("north", vm("k")), "k.yaml")
    two.write(on("south", vm("z")), "z.yaml")
    two.converge()
    two.write(on("south", vm()), "n.yaml")
    out = two.apply(code=None)
    print(json.dumps([(c["ref"], c["host"], c["action"], c["outcome"], c["blocked"], c["error"]) for c in out["changes"]]))

def test_rename_host(lab, other):
    lab.write(host_document("north", lab.uri), "hosts.yaml")
    lab.write(vm("a", more="  title: x\n  protect: true"), "a.yaml"); lab.write(vm("b"), "b.yaml")
    lab.converge()
    lab.write(host_document("nord", lab.uri), "hosts.yaml")
    print(lab.actions())
    lab.converge()
    lab.remove("a.yaml")
    lab.apply("--allow", "delete", code=73)

def test_managed_save_deleted(lab):
    lab.write(vm("a", power="running"), "a.yaml"); lab.write(vm("b"), "b.yaml")
    lab.converge()
    lab.domain("a").managedSave()
    lab.remove("a.yaml")
    print(lab.run("plan").stdout)

def test_default_pool_removed(lab, images):
    storage(lab, images, volume(capacity="1MiB"), vm("a"))
    txt = (lab.directory/"main.yaml").read_text().replace("metadata: {name: images}", "metadata: {name: default}").replace("pool: images", "pool: default")
    txt = txt.replace(f'path: "{images}"', f'path: "{images}"\n  deletionPolicy: delete')
    lab.converge(txt)
    docs = [d for d in txt.split("---") if "kind: Pool" not in d]
    lab.write("---".join(docs))
    out = lab.apply("--allow", "delete", code=None)
    print(json.dumps([(c["ref"], c["action"], c["outcome"], c["blocked"], c["error"]) for c in out["changes"]]))
    assert (images/"v").exists()
    assert lab.plan()["changes"] == [] or True
    print(lab.run("plan").stdout)
