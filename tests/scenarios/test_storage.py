"""Pools and volumes on a real host, as a user types them."""

import json
import subprocess

import pytest

from reconciler import markup
from tests.scenarios.test_machines import vm

pytestmark = pytest.mark.e2e

MIB = 1 << 20


@pytest.fixture
def images(tmp_path):
    return tmp_path / "images"


def pool(path, more=""):
    return f"""
apiVersion: reconciler/v1
kind: Pool
metadata: {{name: images}}
spec:
  path: "{path}"
{more}
"""


def volume(name="v", **fields):
    lines = "\n".join(f"  {key}: {value}" for key, value in fields.items())
    return f"""
apiVersion: reconciler/v1
kind: Volume
metadata: {{name: {name}}}
spec:
  pool: images
{lines}
"""


def storage(lab, images, *documents, poolmore=""):
    lab.write("---".join((pool(images, poolmore), *documents)))


def virtual_size(path):
    shown = subprocess.run(["qemu-img", "info", "--output=json", path], capture_output=True, check=True)
    return json.loads(shown.stdout)


def details(lab, ref):
    rows = json.loads(lab.run("status", "-o", "json").stdout)["resources"]
    return next(row for row in rows if row["ref"] == ref)["details"]


def blocked(plan):
    return {change["ref"]: change["blocked"] for change in plan["changes"] if change["blocked"]}


def raw(path, byte):
    path.write_bytes(byte * MIB)
    return path


def test_s29_status_shows_where_a_volume_is_and_how_full(lab, images):
    storage(lab, images, volume(capacity="1GiB"))
    lab.converge()
    seen = details(lab, "Volume/images/v")
    assert seen["capacity"] == "1GiB"
    assert seen["file"] == seen["key"] == str(images / "v")
    assert "allocation" in seen
    assert details(lab, "Pool/images")["path"] == str(images)


def test_s32_an_overlay_takes_path_format_and_size_of_its_base(lab, images):
    storage(lab, images, volume("base", capacity="64MiB"), volume("over", backing="base"))
    lab.converge()
    info = virtual_size(images / "over")
    assert info["backing-filename"] == str(images / "base")
    assert (info["backing-filename-format"], info["virtual-size"]) == ("qcow2", 64 * MIB)


@pytest.mark.proves("Volume", "*")
def test_s34_a_changed_source_says_data_loss_and_rebuilds_only_this_volume(lab, images, tmp_path):
    one, two = raw(tmp_path / "one.img", b"1"), raw(tmp_path / "two.img", b"2")
    storage(lab, images, volume(source=one, format="raw"), volume("other", capacity="1MiB"))
    lab.converge()
    other = (images / "other").stat()
    storage(lab, images, volume(source=two, format="raw"), volume("other", capacity="1MiB"))
    (change,) = lab.plan()["changes"]
    assert (change["ref"], change["action"]) == ("Volume/images/v", "replace")
    assert change["blocked"]["allow"] == "replace" and "data is lost" in change["blocked"]["reason"]
    lab.apply(code=73)
    assert (images / "v").read_bytes() == b"1" * MIB
    lab.converge(None, "--allow", "replace")
    assert (images / "v").read_bytes() == b"2" * MIB
    after = (images / "other").stat()
    assert (other.st_ino, other.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_volume_is_not_rebuilt_from_a_source_that_is_not_there(lab, images, tmp_path):
    storage(lab, images, volume(source=raw(tmp_path / "one.img", b"1"), format="raw"))
    lab.converge()
    storage(lab, images, volume(source=tmp_path / "none.img", format="raw"))
    result = lab.run("apply", "--yes", "--allow", "replace", code=None)
    assert result.returncode and "R401" in result.stdout + result.stderr
    assert (images / "v").read_bytes() == b"1" * MIB


@pytest.mark.parametrize("user", ["Domain/vm", "Volume/images/over"])
def test_a_volume_in_use_is_not_rebuilt(lab, images, user):
    users = {
        "Domain/vm": vm(more="  disks:\n    - {name: root, pool: images, volume: v}\n"),
        "Volume/images/over": volume("over", backing="v"),
    }
    storage(lab, images, volume(capacity="1MiB", format="raw"), users[user])
    lab.converge()
    before = (images / "v").stat().st_ino
    storage(lab, images, volume(capacity="1MiB", format="qcow2"), users[user])
    result = lab.run("apply", "--yes", "--allow", "replace", code=None)
    said = result.stdout + result.stderr
    assert result.returncode and "R403" in said and user in said
    assert (images / "v").stat().st_ino == before


@pytest.mark.proves("Volume", "capacity*")
def test_r4_a_volume_grows_and_never_shrinks(lab, images):
    storage(lab, images, volume(capacity="64MiB"))
    lab.converge()
    storage(lab, images, volume(capacity="128MiB"))
    lab.converge()
    assert virtual_size(images / "v")["virtual-size"] == 128 * MIB
    storage(lab, images, volume(capacity="64MiB"))
    assert blocked(lab.plan())["Volume/images/v"]["number"] == "R403"
    lab.apply(code=73)
    assert virtual_size(images / "v")["virtual-size"] == 128 * MIB


@pytest.mark.proves("Volume", "capacity*")
def test_r4_a_volume_grows_under_a_running_guest(lab, images):
    machine = vm(
        power="running", more="  disks:\n    - {name: root, pool: images, volume: v, bus: virtio, format: qcow2}\n"
    )
    storage(lab, images, volume(capacity="64MiB"), machine)
    lab.converge()
    started = lab.domain("vm").ID()
    storage(lab, images, volume(capacity="128MiB"), machine)
    lab.converge()
    assert lab.domain("vm").ID() == started
    assert lab.domain("vm").blockInfo("vda")[0] == 128 * MIB


def test_s37_a_pool_that_goes_leaves_its_directory_and_its_files(lab, images):
    storage(lab, images, volume(capacity="1MiB"))
    lab.write(vm("other"), "other.yaml")
    lab.converge()
    (images / "sentinel").write_text("mine")
    lab.remove()
    lab.apply("--allow", "delete")
    assert lab.plan()["changes"] == []
    assert lab.connect().listAllStoragePools() == []
    assert sorted(path.name for path in images.iterdir()) == ["sentinel", "v"]


def test_s37_a_pool_goes_with_its_directory_only_if_it_is_said_and_empty(lab, images):
    storage(lab, images, poolmore="  deletionPolicy: delete")
    lab.write(vm("other"), "other.yaml")
    lab.converge()
    (images / "sentinel").write_text("mine")
    lab.remove()
    lab.apply("--allow", "delete", code=73)
    assert (images / "sentinel").read_text() == "mine"
    (images / "sentinel").unlink()
    lab.apply("--allow", "delete")
    assert not images.exists()


def test_a_volume_is_deleted_only_if_its_document_said_so(lab, images):
    storage(lab, images, volume("kept", capacity="1MiB"), volume("gone", capacity="1MiB", deletionPolicy="delete"))
    lab.converge()
    storage(lab, images)
    assert lab.actions() == [("Volume/images/gone", "delete"), ("Volume/images/kept", "forget")]
    lab.apply("--allow", "delete")
    assert [path.name for path in images.iterdir()] == ["kept"]


def stop_pool(lab):
    connection = lab.connect()
    connection.storagePoolLookupByName("images").destroy()
    connection.close()


def test_the_volumes_of_a_pool_that_was_stopped_are_not_made_again(lab, images):
    storage(lab, images, volume(capacity="1MiB"))
    lab.converge()
    before = (images / "v").stat().st_ino
    stop_pool(lab)
    plan = lab.plan()
    assert [(change["ref"], change["action"]) for change in plan["changes"]] == [("Pool/images", "update")]
    assert [condition["type"] for condition in plan["conditions"]] == ["Unseen"]
    rows = json.loads(lab.run("status", "-o", "json").stdout)["resources"]
    assert {row["ref"]: row["state"] for row in rows}["Volume/images/v"] == "unseen"
    lab.converge()
    assert (images / "v").stat().st_ino == before


def test_a_volume_is_not_made_blindly_in_a_pool_that_stays_inactive(lab, images):
    storage(lab, images, volume(capacity="1MiB"))
    lab.converge()
    storage(lab, images, volume(capacity="1MiB"), volume("new", capacity="1MiB"), poolmore="  active: false")
    lab.apply("Pool/images")
    found = blocked(lab.plan())
    assert set(found) == {"Volume/images/v", "Volume/images/new"}
    assert {row["number"] for row in found.values()} == {"R401"} and "inactive" in found["Volume/images/v"]["reason"]
    lab.apply(code=73)


def test_volumes_of_an_inactive_pool_are_neither_deleted_nor_forgotten(lab, images):
    storage(lab, images, volume("a", capacity="1MiB", deletionPolicy="delete"), volume("b", capacity="1MiB"))
    lab.converge()
    storage(lab, images, poolmore="  active: false")
    lab.apply("Pool/images")
    assert lab.plan()["changes"] == []
    storage(lab, images)
    lab.apply()
    assert lab.actions() == [("Volume/images/a", "delete"), ("Volume/images/b", "forget")]


def test_a_volume_found_when_its_pool_starts_is_not_overwritten(lab, images):
    storage(lab, images)
    lab.converge()
    stop_pool(lab)
    raw(images / "v", b"x")
    storage(lab, images, volume(capacity="1MiB", format="raw"))
    assert lab.actions() == [("Pool/images", "update"), ("Volume/images/v", "create")]
    result = lab.run("apply", "--yes", code=75)
    assert "R506" in result.stdout + result.stderr and "plan again" in result.stdout + result.stderr
    assert lab.actions() == [("Volume/images/v", "adopt")]
    lab.converge()
    assert (images / "v").read_bytes() == b"x" * MIB


def test_pools_and_volumes_that_are_imported_are_only_adopted(lab, images, tmp_path):
    connection = lab.connect()
    images.mkdir()
    made = connection.storagePoolDefineXML(
        f"<pool type='dir'><name>images</name><target><path>{images}</path></target></pool>"
    )
    made.create()
    made.setAutostart(1)
    base = "<volume><name>base</name><capacity unit='MiB'>8</capacity><target><format type='qcow2'/></target></volume>"
    made.createXML(base)
    over = markup.parse(base)
    over[0].text = "over"
    backing = f"<backingStore><path>{images}/base</path><format type='qcow2'/></backingStore>"
    over.append(markup.parse(backing))
    made.createXML(markup.serialise(over))
    connection.close()
    lab.run("import", "--all", "--to", lab.directory)
    assert {action for _, action in lab.actions()} == {"adopt"}
    assert len(lab.actions()) == 3
    lab.converge()


def test_a_protected_volume_is_neither_replaced_nor_deleted(lab, images):
    lab.write(
        f"apiVersion: reconciler/v1\nkind: Host\nmetadata: {{name: hv}}\n"
        f"spec: {{uri: '{lab.uri}', policy: {{protect: ['Volume/images/db-*']}}}}\n",
        "host.yaml",
    )
    fields = {"capacity": "1MiB", "deletionPolicy": "delete"}
    storage(lab, images, volume("db-1", format="raw", **fields), volume("web", **fields))
    lab.converge()
    storage(lab, images, volume("db-1", format="qcow2", **fields), volume("web", **fields))
    found = blocked(lab.plan("--allow", "replace"))
    assert found["Volume/images/db-1"]["number"] == "R505"
    assert "policy.protect" in found["Volume/images/db-1"]["reason"]
    storage(lab, images)
    lab.apply("--allow", "delete,mass-delete", code=73)
    assert [path.name for path in images.iterdir()] == ["db-1"]


def test_a_file_that_was_removed_by_hand_is_made_again(lab, images):
    storage(lab, images, volume(capacity="1MiB"), volume("other", capacity="1MiB"))
    lab.converge()
    (images / "v").unlink()
    assert lab.actions() == [("Volume/images/v", "create")]
    lab.converge()
    assert (images / "v").exists()


def test_after_a_host_restart_pools_start_before_the_machines_on_them(lab, images):
    disks = "  disks:\n    - {{name: root, pool: images, volume: v{}}}\n"
    machines = [vm(f"m{number}", power="running", more=disks.format(number)) for number in range(4)]
    storage(lab, images, *(volume(f"v{number}", capacity="1MiB") for number in range(4)), *machines)
    lab.converge()
    for number in range(4):
        lab.domain(f"m{number}").destroy()
    stop_pool(lab)
    applied = lab.converge()
    assert {change["ref"] for change in applied["changes"]} == {"Pool/images", *(f"Domain/m{n}" for n in range(4))}


FORMATLESS = """
apiVersion: reconciler/v1
kind: Pool
metadata: {{name: images}}
spec: {{type: dir, path: {path}}}
---
apiVersion: reconciler/v1
kind: Volume
metadata: {{name: data}}
spec: {{pool: images, capacity: 16MiB{more}}}
---
apiVersion: reconciler/v1
kind: Domain
metadata: {{name: web}}
spec:
  type: qemu
  memory: 64MiB
  power: stopped
  disks: [{{name: data, volume: data, pool: images}}]
"""


@pytest.mark.parametrize(
    ("more", "form"), [("", "qcow2"), (", format: qcow2", "qcow2"), (", format: raw", "raw")], ids=["", "qcow2", "raw"]
)
@pytest.mark.parametrize("together", [True, False], ids=["made together", "made before"])
def test_a_disk_has_the_format_of_its_volume_where_its_document_does_not_say(lab, images, more, form, together):
    text = FORMATLESS.format(more=more, path=images)
    if not together:
        lab.converge(text.rpartition("---")[0])
    lab.converge(text)
    assert lab.xml("web").find("devices/disk/driver").get("type") == form
