"""What a machine finds at its first boot, on a real host and in a real guest."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.scenarios.inside import Inside
from tests.scenarios.live import document, guest_spec

pytestmark = pytest.mark.e2e

SEED = {
    "pool": "images",
    "userData": {"packages": ["nginx"], "runcmd": ["echo first"]},
    "networkConfig": {"version": 2, "ethernets": {"lan": {"match": {"name": "e*"}, "dhcp4": True}}},
}
OTHER = {**SEED, "userData": "#!/bin/sh\necho second\n"}


@pytest.fixture
def images(lab, tmp_path):
    lab.write(document("images", "Pool", path=str(tmp_path / "images")), "pool.yaml")
    return tmp_path / "images"


def machine(name="web", seed=SEED, **more):
    sown = {"cloudInit": seed} if seed else {}
    return document(name, type="qemu", memory="64MiB", **{"power": "stopped", **sown, **more})


def read(image, target):
    command = ["xorriso", "-osirrox", "on", "-indev", image, "-extract", "/", target]
    subprocess.run(command, capture_output=True, check=True)
    return {path.name: path.read_text() for path in target.iterdir()}


def seeds(images):
    return sorted(images.glob("*-seed-*"))


def shown(lab, name="web"):
    return lab.xml(name).find("devices/disk[@device='cdrom']/source").get("volume")


def conditions(lab):
    return [condition["type"] for condition in lab.plan()["conditions"]]


def test_s40_a_machine_has_an_image_with_three_files_and_the_same_input_is_no_change(lab, images, tmp_path):
    lab.converge(machine())
    (image,) = seeds(images)
    assert shown(lab) == image.name and image.stat().st_mode & 0o777 == 0o600
    files = read(image, tmp_path / "read")
    assert sorted(files) == ["meta-data", "network-config", "user-data"]
    assert files["user-data"].startswith("#cloud-config\n")
    assert yaml.safe_load(files["user-data"]) == SEED["userData"]
    assert yaml.safe_load(files["network-config"]) == SEED["networkConfig"]
    assert yaml.safe_load(files["meta-data"])["local-hostname"] == "web"
    before = image.stat()
    lab.converge(machine(title="another"))
    assert image.stat().st_mtime_ns == before.st_mtime_ns


def test_by_default_a_machine_keeps_its_seed_and_the_plan_says_so(lab, images):
    lab.converge(machine())
    had = shown(lab)
    lab.converge(machine(seed=OTHER, title="else"))
    assert shown(lab) == had and [path.name for path in seeds(images)] == [had]
    (condition,) = lab.plan()["conditions"]
    assert (condition["type"], condition["fields"]) == ("Kept", ["cloudInit"])
    # It was kept, not forgotten: the policy can change its mind.
    lab.converge(machine(seed={**OTHER, "onChange": "nextBoot"}, title="else"))
    assert shown(lab) != had and [path.name for path in seeds(images)] == [shown(lab)]
    assert conditions(lab) == []


def test_the_seed_goes_with_its_machine_where_disks_are_kept_and_others_keep_theirs(lab, images):
    root = [{"name": "root", "size": "1MiB", "pool": "images"}]
    lab.write(machine(disks=root, deletionPolicy="retain"), "web.yaml")
    lab.write(machine("other"), "other.yaml")
    lab.converge()
    lab.remove("web.yaml")
    lab.apply("--allow", "delete")
    assert sorted(path.name.partition("-seed-")[0] for path in images.iterdir()) == ["other", "web-root"]


def test_a_renamed_machine_keeps_its_seed_until_it_goes(lab, images):
    lab.converge(machine())
    (image,) = seeds(images)
    lab.converge(machine("new").replace('"name": "new"', '"name": "new", "movedFrom": "web"'))
    assert seeds(images) == [image] and shown(lab, "new") == image.name
    lab.write(machine("left", seed=OTHER), "left.yaml")
    lab.converge()
    lab.remove()
    lab.apply("--allow", "delete")
    assert [path.name.partition("-")[0] for path in seeds(images)] == ["left"]


def test_a_seed_that_was_spoilt_or_lost_is_made_again_when_its_machine_is_started(lab, images):
    lab.converge(machine())
    (image,) = seeds(images)
    whole = image.read_bytes()
    image.write_bytes(b"x" * 512)
    lab.converge(machine(power="running"))
    assert image.read_bytes() == whole


def test_machines_that_are_made_at_once_get_their_seeds(lab, images):
    lab.converge("---\n".join(machine(f"m{number}") + "\n" for number in range(6)))
    assert len(seeds(images)) == 6


def test_what_was_imported_is_a_plain_drive_and_nothing_is_to_do_but_to_adopt(lab, images):
    lab.converge(machine())
    lab.remove()
    lab.remove("pool.yaml")
    lab.run("import", "--all", "--to", lab.directory, "--state-dir", lab.state.parent / "fresh")
    plan = json.loads(lab.run("plan", "-o", "json", "--state-dir", lab.state.parent / "fresh").stdout)
    assert all(change["action"] == "adopt" or not change["fields"] for change in plan["changes"])


def test_a_guest_reads_its_seed_and_finds_the_next_one_without_a_restart(lab, images, guest):
    lab.converge(document("web", **guest_spec(guest, cloudInit=SEED)))
    inside = Inside(lab.uri, "web")
    assert inside.boots()
    first = inside.domain.ID()
    look = "mkdir -p /seed; mount -t iso9660 -o ro /dev/sr0 /seed && ls /seed && cat /seed/user-data && umount /seed"
    assert inside.medium() == "cidata"
    said = inside.run(look)
    assert said.split("#cloud-config")[0].split() == ["meta-data", "network-config", "user-data"]
    assert "echo first" in said
    lab.write(document("web", **guest_spec(guest, cloudInit={**OTHER, "onChange": "nextBoot"})))
    (change,) = lab.plan()["changes"]
    assert change["disruption"] == "next-boot"
    lab.converge()
    assert inside.domain.ID() == first and "echo second" in inside.run(look)
    assert [path.name for path in seeds(images)] == [shown(lab)] and conditions(lab) == []
    inside.close()


def test_secrets_are_written_into_the_image_and_nowhere_else(lab, images, tmp_path):
    first, second = ('hunter2 with: "marks" & é', "another")
    (tmp_path / "settings.yaml").write_text("secrets: {env: [SEED_*], files: [" + str(tmp_path / "keys") + "]}\n")
    (tmp_path / "keys").mkdir()
    whole = tmp_path / "keys" / "vendor"
    whole.write_text(f"#!/bin/sh\n: {first}\n")
    seed = {**SEED, "userData": {"password": {"env": "SEED_PASSWORD"}}, "vendorData": {"file": str(whole)}}
    lab.write(machine(seed=seed))
    options, lab.environment["SEED_PASSWORD"] = ("--config", tmp_path / "settings.yaml"), first
    refused = lab.run("plan").stdout
    assert "cloudInit" in refused and "R404" in refused
    said = [lab.run(*options, "-v", verb, *more) for verb, *more in (("plan",), ("apply", "--yes"), ("plan",))]
    (image,) = seeds(images)
    files = read(image, tmp_path / "read")
    # A value's last end of line belongs to whatever keeps it.
    assert yaml.safe_load(files["user-data"]) == {"password": first}
    assert files["vendor-data"] == whole.read_text().rstrip("\n")
    assert not any("hunter2" in run.stdout + run.stderr for run in said)
    found = subprocess.run(["grep", "-rlaF", "hunter2", lab.state], capture_output=True, text=True, check=False)
    assert found.stdout == ""
    # What is kept elsewhere may change there: that alone makes no other image.
    lab.environment["SEED_PASSWORD"] = second
    assert json.loads(lab.run(*options, "plan", "-o", "json").stdout)["changes"] == []


CONFIG = {"ignition": {"version": "3.4.0"}, "storage": {"files": [{"path": "/etc/motd"}]}}


def ignited(config=CONFIG, power="stopped", **more):
    return machine(power=power, seed=None, ignition={"pool": "images", "config": config, **more})


def handed(lab):
    """What the running QEMU was told to hand over, as its process shows it."""
    uuid = lab.domain("web").UUIDString().encode()
    (line,) = (text for path in Path("/proc").glob("[0-9]*/cmdline") if uuid in (text := read_quietly(path)))
    return [word.decode() for word in line.split(b"\0") if b"opt/com.coreos" in word]


def read_quietly(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.proves("Domain", "sysinfo[]/entry[]*")
def test_ignition_is_handed_over_from_a_file_in_the_pool_and_kept_until_the_policy_says_else(lab, images):
    lab.converge(ignited(power="running"))
    (file,) = seeds(images)
    assert json.loads(file.read_text()) == CONFIG
    assert handed(lab) == [f"name=opt/com.coreos/config,file={file}"]
    other = {**CONFIG, "systemd": {"units": []}}
    lab.converge(ignited(other, power="running"))
    assert conditions(lab) == ["Kept"] and seeds(images) == [file]
    lab.write(ignited(other, power="running", onChange="nextBoot"))
    (change,) = lab.plan()["changes"]
    assert (change["disruption"], [field["path"] for field in change["fields"]]) == ("next-boot", ["ignition"])
    lab.converge()
    # The running guest has the old file open; it is gone with the change that comes when nobody has it any more.
    assert conditions(lab) == ["RestartPending"] and file in seeds(images) and len(seeds(images)) == 2
    lab.domain("web").destroy()
    lab.converge()
    assert conditions(lab) == [] and str(file) not in handed(lab)[0]
    lab.converge(machine("other"), name="other.yaml")
    lab.domain("web").destroy()
    lab.remove()
    lab.apply("--allow", "delete")
    assert [path.name.partition("-")[0] for path in seeds(images)] == ["other"]


def rebuilt(seed, **more):
    root = {"name": "root", "size": "1MiB", "pool": "images", "format": "raw"}
    return machine(
        seed={**seed, "onChange": "rebuild"}, disks=[root], shutdown={"timeout": "1s", "force": True}, **more
    )


def test_a_rebuilt_machine_has_an_empty_root_disk_its_new_seed_and_the_same_identity(lab, images):
    lab.converge(rebuilt(SEED, power="running"))
    disk, had, uuid = images / "web-root", shown(lab), lab.domain("web").UUIDString()
    disk.write_bytes(b"x" * (1 << 20))
    lab.write(rebuilt(OTHER, power="running"))
    (change,) = lab.plan()["changes"]
    assert (change["action"], change["blocked"]["allow"]) == ("replace", "replace")
    assert "Volume/images/web-root" in change["blocked"]["reason"] and "data is lost" in change["blocked"]["reason"]
    lab.apply(code=73)
    assert disk.read_bytes().startswith(b"x") and shown(lab) == had
    lab.converge(None, "--allow", "replace")
    assert disk.read_bytes() == bytes(1 << 20)
    assert shown(lab) != had and [path.name for path in seeds(images)] == [shown(lab)]
    assert lab.domain("web").isActive() and lab.domain("web").UUIDString() == uuid


def test_a_root_disk_that_others_stand_on_is_not_made_anew(lab, images):
    lab.converge(rebuilt(SEED))
    over = document("over", "Volume", pool="images", backing={"volume": "web-root", "format": "raw"})
    lab.converge(over, name="over.yaml")
    lab.write(rebuilt(OTHER))
    result = lab.run("apply", "--yes", "--allow", "replace", code=None)
    assert result.returncode and "Volume/images/over" in result.stdout + result.stderr
    assert (images / "web-root").exists()


def test_what_the_host_protects_is_not_made_anew_for_a_machine(lab, images):
    host = {"uri": lab.uri, "policy": {"protect": ["Volume/*/web-root"]}}
    lab.write(document("hv", "Host", **host), "host.yaml")
    lab.converge(rebuilt(SEED))
    lab.write(rebuilt(OTHER))
    (change,) = lab.plan("--allow", "replace")["changes"]
    assert change["blocked"]["number"] == "R505" and "Volume/*/web-root" in change["blocked"]["reason"]
