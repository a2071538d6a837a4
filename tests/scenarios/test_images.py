"""Machines from images, as a user types them: fetched once, verified, linked or copied, and never lost."""

import hashlib
import json
import lzma
import os
import signal
import subprocess
import time

import pytest

from tests.adapters.web import Web, serve
from tests.scenarios.test_crashes import start, until
from tests.scenarios.test_machines import vm
from tests.scenarios.test_storage import pool, virtual_size

pytestmark = pytest.mark.e2e

MIB = 1 << 20


@pytest.fixture
def images(tmp_path):
    return tmp_path / "images"


@pytest.fixture
def web():
    found = Web()
    server = serve(found)
    yield found
    server.shutdown()
    server.server_close()


def disk(path, mark=b"one", size=8 * MIB):
    """A qcow2 image whose content begins with a mark."""
    raw = path.with_suffix(".raw")
    raw.write_bytes(mark + os.urandom(MIB) + bytes(size - MIB - len(mark)))
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, path], check=True)
    return path.read_bytes()


def sha256(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def kept(name, data):
    return f"{name}-{sha256(data)[7:23]}"


def image(source, data, name="base", more=""):
    """An Image document; `source` is an address or a file."""
    way = "url" if str(source).startswith("http") else "file"
    return f"""
apiVersion: reconciler/v1
kind: Image
metadata: {{name: {name}}}
spec:
  source: {{{way}: "{source}"}}
  digest: {sha256(data)}
{more}
"""


def volume(name="v", **fields):
    lines = "\n".join(f"  {key}: {value}" for key, value in {"image": "base", **fields}.items())
    return f"\napiVersion: reconciler/v1\nkind: Volume\nmetadata: {{name: {name}}}\nspec:\n  pool: images\n{lines}\n"


def write(lab, images, *documents):
    lab.write("---".join((pool(images), *documents)))


def begins(path, tmp_path, count=3):
    """The first bytes that a guest would read."""
    subprocess.run(["qemu-img", "convert", "-O", "raw", path, tmp_path / "read"], check=True)
    return (tmp_path / "read").read_bytes()[:count]


def rows(lab):
    return {row["ref"]: row for row in json.loads(lab.run("status", "-o", "json").stdout)["resources"]}


def said(result):
    return result.stdout + result.stderr


def test_a_machine_from_an_image_on_the_web(lab, images, web, tmp_path):
    data = lzma.compress(disk(tmp_path / "base"))
    web.files["/base.qcow2.xz"] = data
    disks = "  disks:\n    - {name: root, pool: images, image: base, size: 16MiB}\n"
    machine = vm(power="running", more=disks)
    write(lab, images, image(web.url("/base.qcow2.xz"), data, more="  format: qcow2"), machine)
    changes = lab.plan()["changes"]
    made = f"Volume/images/{kept('base', data)}"
    assert [change["ref"] for change in changes] == ["Pool/images", made, "Volume/images/vm-root", "Domain/vm"]
    assert {field["path"]: field["after"] for field in changes[1]["fields"]}["content"] == "still to be fetched"
    lab.converge()
    assert lab.domain("vm").blockInfo("sda" if "sda" in lab.domain("vm").XMLDesc() else "vda")[0] == 16 * MIB
    lab.domain("vm").destroy()
    info = virtual_size(images / "vm-root")
    assert (info["virtual-size"], info["backing-filename-format"]) == (16 * MIB, "qcow2")
    assert info["backing-filename"] == str(images / kept("base", data))
    assert begins(images / "vm-root", tmp_path) == b"one"
    assert sorted(path.name for path in images.iterdir()) == [kept("base", data), "vm-root"]
    assert web.count == 1


def test_status_tells_what_each_volume_was_made_from(lab, images, web, tmp_path):
    data = disk(tmp_path / "base")
    web.files["/base"] = data
    write(lab, images, image(web.url("/base?token=hush"), data), volume("a"), volume("b", clone="copy"))
    lab.converge()
    found = rows(lab)
    for name in "ab":
        details = found[f"Volume/images/{name}"]["details"]
        assert (details["image"], details["imageDigest"]) == ("base", sha256(data))
        assert details["imageSource"] == web.url("/base") and details["imageMade"].startswith("20")
    assert found["Image/base"]["state"] == "present"
    assert found["Image/base"]["details"] == {"imageDigest": sha256(data), "pools": "images", "volumes": "2"}
    assert "hush" not in (images / "a").read_bytes().decode("latin-1")
    rows_of = lab.run("status", "Image/base", "-o", "json").stdout
    assert [row["ref"] for row in json.loads(rows_of)["resources"]] == ["Image/base"]


def test_volumes_stand_on_their_image_or_are_copies_of_it_as_large_or_larger(lab, images, tmp_path):
    data = disk(tmp_path / "base.qcow2")
    (lab.directory / "base.qcow2").write_bytes(data)
    ways = [(clone, size) for clone in ("link", "copy") for size in (8, 16)]
    volumes = [
        volume(f"{clone}-{size}", clone=clone, **({"capacity": "16MiB"} if size == 16 else {})) for clone, size in ways
    ]
    write(lab, images, image("base.qcow2", data), *volumes)
    lab.converge()
    for clone, size in ways:
        info = virtual_size(images / f"{clone}-{size}")
        assert info["virtual-size"] == size * MIB
        assert ("backing-filename" in info) == (clone == "link")
        assert begins(images / f"{clone}-{size}", tmp_path) == b"one"


def both(**fields):
    """A volume that stands on the image, and one that is a copy of it."""
    return [volume(clone, clone=clone, **fields) for clone in ("link", "copy")]


def two_images(lab, tmp_path):
    """The content of the files `one` and `two` beside the documents, which begin with their names."""
    for name in ("one", "two"):
        disk(lab.directory / name, name.encode())
        (lab.directory / name).with_suffix(".raw").unlink()
    return [(lab.directory / name).read_bytes() for name in ("one", "two")]


def test_s34_a_newer_image_changes_no_volume_that_is_there(lab, images, tmp_path):
    one, two = two_images(lab, tmp_path)
    write(lab, images, image("one", one), *both())
    lab.converge()
    before = [(images / name).stat().st_ino for name in ("link", "copy")]
    write(lab, images, image("two", two), *both())
    plan = lab.plan()
    # Its image is kept no more for anybody new; what stands on it, goes on standing on it.
    changes = [(change["ref"], change["action"]) for change in plan["changes"]]
    assert changes == [(f"Volume/images/{kept('base', one)}", "forget")]
    told = [(condition["ref"], condition["type"]) for condition in plan["conditions"]]
    assert told == [(f"Volume/images/{name}", "ImageChanged") for name in ("link", "copy")]
    lab.converge()
    assert [(images / name).stat().st_ino for name in ("link", "copy")] == before
    assert rows(lab)["Volume/images/copy"]["details"]["imageDigest"] == sha256(one)
    assert not (images / kept("base", two)).exists()
    write(lab, images, image("two", two), *both(), volume("new"))
    lab.converge()
    assert begins(images / "new", tmp_path) == b"two"
    assert begins(images / "link", tmp_path) == begins(images / "copy", tmp_path) == b"one"
    assert rows(lab)["Image/base"]["details"]["olderVolumes"] == "2"


@pytest.mark.proves("Volume", "*")
def test_s34_volumes_that_follow_their_image_are_made_anew_with_permission_only(lab, images, tmp_path):
    one, two = two_images(lab, tmp_path)
    more = "  deletionPolicy: delete"
    documents = (*both(imagePolicy="rebuild"), volume("other", clone="copy"))
    write(lab, images, image("one", one, more=more), *documents)
    lab.converge()
    other = (images / "other").stat()
    write(lab, images, image("two", two, more=more), *documents)
    found = {change["ref"]: change for change in lab.plan()["changes"]}
    for name in ("link", "copy"):
        change = found[f"Volume/images/{name}"]
        assert (change["action"], change["blocked"]["allow"]) == ("replace", "replace")
        assert "data is lost" in change["blocked"]["reason"]
    lab.apply(code=73)
    assert begins(images / "link", tmp_path) == begins(images / "copy", tmp_path) == b"one"
    lab.converge(None, "--allow", "replace,delete")
    assert begins(images / "link", tmp_path) == begins(images / "copy", tmp_path) == b"two"
    after = (images / "other").stat()
    assert (other.st_ino, other.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    # The old image has nobody left, and its document said that it may go.
    assert sorted(path.name for path in images.iterdir()) == [kept("base", two), "copy", "link", "other"]


def test_a_machine_that_is_rebuilt_begins_as_the_image_that_its_document_names_now(lab, images, tmp_path):
    one, two = two_images(lab, tmp_path)
    seed = "  cloudInit: {pool: images, onChange: rebuild, metaData: {instance-id: %s}}\n"
    disks = "  disks:\n    - {name: root, pool: images, image: base}\n"
    write(lab, images, image("one", one), vm(more=disks + seed % "a"))
    lab.converge()
    assert begins(images / "vm-root", tmp_path) == b"one"
    write(lab, images, image("two", two), vm(more=disks + seed % "b"))
    lab.converge(None, "--allow", "replace")
    assert begins(images / "vm-root", tmp_path) == b"two"
    assert rows(lab)["Volume/images/vm-root"]["details"]["imageDigest"] == sha256(two)


def test_an_image_that_volumes_stand_on_outlives_its_document(lab, images, tmp_path):
    data = disk(tmp_path / "base")
    (lab.directory / "base").write_bytes(data)
    base = image("base", data, more="  deletionPolicy: delete")
    write(lab, images, base, volume())
    lab.converge()
    # The volume is forgotten and stays, and so does what it stands on.
    write(lab, images)
    lab.apply("--allow", "delete")
    assert lab.plan()["changes"] == []
    assert sorted(path.name for path in images.iterdir()) == [kept("base", data), "v"]
    connection = lab.connect()
    connection.storagePoolLookupByName("images").storageVolLookupByName("v").delete(0)
    connection.close()
    assert lab.actions() == [(f"Volume/images/{kept('base', data)}", "delete")]
    lab.apply(code=73)
    lab.converge(None, "--allow", "delete")
    assert list(images.iterdir()) == []


def test_an_image_without_a_document_is_an_error_at_its_place(lab, images):
    lab.write(vm(more="  disks:\n    - {name: root, image: none}\n"))
    result = lab.run("validate", code=65)
    assert "Image/none" in said(result) and "R302" in said(result)


def test_a_wrong_digest_names_both_and_leaves_nothing(lab, images, web, tmp_path):
    data = disk(tmp_path / "base")
    web.files["/base"] = data + b"!"
    write(lab, images, image(web.url("/base"), data), volume())
    result = lab.run("apply", "--yes", code=73)
    assert sha256(data) in said(result) and sha256(data + b"!") in said(result) and "R621" in said(result)
    assert list(images.iterdir()) == []
    web.files["/base"] = data
    lab.converge()


@pytest.mark.parametrize("form", ["", "  format: raw"], ids=["", "said to be raw"])
def test_an_image_that_would_read_the_hosts_files_is_refused(lab, images, tmp_path, form):
    secret = tmp_path / "secret"
    secret.write_bytes(b"s" * MIB)
    trap = lab.directory / "trap.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", secret, "-F", "raw", trap], check=True)
    write(lab, images, image("trap.qcow2", trap.read_bytes(), more=form), volume(clone="copy"))
    result = lab.run("apply", "--yes", code=73)
    assert "R623" in said(result)
    assert list(images.iterdir()) == []


def test_a_volume_smaller_than_its_image_is_refused(lab, images, tmp_path):
    data = disk(tmp_path / "base")
    (lab.directory / "base").write_bytes(data)
    write(lab, images, image("base", data), volume(capacity="4MiB"))
    assert "R405" in said(lab.run("apply", "--yes", code=73))
    write(lab, images, image("base", data), volume(capacity="8MiB"))
    lab.converge()


def test_a_kill_in_the_middle_leaves_nothing_that_looks_whole(lab, images, web, tmp_path):
    data = disk(tmp_path / "base") + os.urandom(4 * MIB)
    web.files["/base"] = data
    write(lab, images, image(web.url("/base"), data), volume())
    web.pause = 0.05
    process = start(lab, "apply", "--yes")
    until(lambda: any(part.stat().st_size for part in (lab.state / "cache" / "images").glob("*.part")))
    process.kill()
    process.communicate()
    assert not images.exists() or list(images.iterdir()) == []
    web.pause = 0
    lab.converge()
    assert web.asked[-1][1].startswith("bytes=")
    assert begins(images / "v", tmp_path) == b"one"


def test_an_upload_that_was_killed_is_done_again(lab, images, tmp_path):
    data = disk(tmp_path / "base", size=40 * MIB) + os.urandom(60 * MIB)
    (lab.directory / "base").write_bytes(data)
    write(lab, images, image("base", data), volume())
    process = start(lab, "apply", "--yes")
    until(lambda: any(images.glob("*.partial")) if images.exists() else False)
    process.kill()
    process.communicate()
    time.sleep(0.2)
    assert [path.name for path in images.iterdir()] == [f"{kept('base', data)}.partial"]
    lab.converge()
    assert sorted(path.name for path in images.iterdir()) == [kept("base", data), "v"]
    assert begins(images / "v", tmp_path) == b"one"


def test_ctrl_c_leaves_nothing_half_and_the_next_apply_goes_on(lab, images, web, tmp_path):
    data = disk(tmp_path / "base") + os.urandom(8 * MIB)
    web.files["/base"], web.pause = data, 0.05
    write(lab, images, image(web.url("/base"), data), volume())
    process = start(lab, "apply", "--yes")
    until(lambda: any((lab.state / "cache" / "images").glob("*.part")))
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 75 and "R509" in output + errors
    assert list(images.iterdir()) == []
    web.pause = 0
    lab.converge()


def test_a_pool_without_room_is_told_and_left_as_it_was(lab, host, images, tmp_path):
    images.mkdir()
    # Mounted where the host's daemon sees it, which has a mount namespace of its own.
    inside = ["nsenter", "--mount", "--target", (host.home.directory / "run/libvirtd.pid").read_text().strip()]
    subprocess.run([*inside, "mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", images], check=True)
    try:
        data = disk(tmp_path / "base") + os.urandom(16 * MIB)
        (lab.directory / "base").write_bytes(data)
        write(lab, images, image("base", data), volume())
        result = lab.run("apply", "--yes", code=1)
        assert "R622" in said(result) and "no room" in said(result)
        listed = subprocess.run([*inside, "ls", "-A", images], check=True, capture_output=True).stdout
        assert listed == b""
    finally:
        subprocess.run([*inside, "umount", "-l", images], check=True)


def test_one_fetch_is_enough_for_several_pools(lab, images, web, tmp_path):
    data = disk(tmp_path / "base")
    web.files["/base"] = data
    other = pool(tmp_path / "more").replace("name: images", "name: more")
    there = volume("w").replace("pool: images", "pool: more")
    lab.write("---".join((pool(images), other, image(web.url("/base"), data), volume(), there)))
    lab.converge()
    assert web.count == 1
    assert (images / kept("base", data)).exists() and (tmp_path / "more" / kept("base", data)).exists()


def test_an_image_can_have_a_pool_of_its_own(lab, images, tmp_path):
    data = disk(tmp_path / "base")
    (lab.directory / "base").write_bytes(data)
    other = pool(tmp_path / "more").replace("name: images", "name: more")
    lab.write("---".join((pool(images), other, image("base", data, more="  pool: more"), volume())))
    lab.converge()
    assert virtual_size(images / "v")["backing-filename"] == str(tmp_path / "more" / kept("base", data))


def test_an_image_comes_along_with_what_is_selected_and_can_be_fetched_before(lab, images, tmp_path):
    data = disk(tmp_path / "base")
    (lab.directory / "base").write_bytes(data)
    write(lab, images, image("base", data), volume(), volume("w"))
    lab.apply("Pool/images")
    lab.apply("Image/base")
    assert [path.name for path in images.iterdir()] == [kept("base", data)]
    (images / kept("base", data)).unlink()
    lab.apply("Volume/images/v")
    assert sorted(path.name for path in images.iterdir()) == [kept("base", data), "v"]


def test_a_volume_that_stands_on_a_known_image_is_imported_as_that(lab, images, tmp_path):
    data = disk(tmp_path / "base")
    (lab.directory / "base").write_bytes(data)
    write(lab, images, image("base", data), volume(capacity="16MiB"))
    lab.converge()
    lab.state = tmp_path / "another"
    write(lab, images, image("base", data))
    lab.run("import", "--all", "--to", lab.directory)
    (found,) = lab.directory.rglob("volumes/**/*.yaml")
    assert "image: base" in found.read_text() and "backing" not in found.read_text()
    assert {action for _, action in lab.actions()} == {"adopt"}
    lab.converge()


def test_two_applies_at_once_make_one_image(lab, images, web, tmp_path):
    data = disk(tmp_path / "base") + os.urandom(2 * MIB)
    web.files["/base"], web.pause = data, 0.02
    write(lab, images, image(web.url("/base"), data), volume())
    one = start(lab, "--lock-timeout", "60s", "apply", "--yes")
    until(lambda: web.count > 0)
    lab.run("--lock-timeout", "60s", "apply", "--yes")
    output, errors = one.communicate()
    assert one.returncode == 0, output + errors
    assert web.count == 1
    assert sorted(path.name for path in images.iterdir()) == [kept("base", data), "v"]


def test_long_ones_show_how_far_they_are(lab, images, web, tmp_path):
    import pexpect

    data = disk(tmp_path / "base") + os.urandom(4 * MIB)
    web.files["/base"], web.pause = data, 0.05
    write(lab, images, image(web.url("/base"), data), volume())
    environment = {**os.environ, "RECONCILER_CACHE_DIR": str(lab.state / "cache")}
    program, *arguments = lab.command("apply", "--yes")
    child = pexpect.spawn(program, arguments, env=environment, encoding="utf-8", timeout=30, dimensions=(24, 160))
    child.expect(r"fetching +[0-9]+%")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
