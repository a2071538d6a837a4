"""What a document's cloudInit becomes: files, a volume named after them, a drive, and a decision when they change."""

import json
from dataclasses import replace

import pytest

from reconciler import seeds
from reconciler.errors import ManifestError
from reconciler.kind import KEEP, Context, Facts
from reconciler.kinds.domain import KIND
from reconciler.kinds.domain.seed import seeds_of
from reconciler.model.documents import Document, Place
from reconciler.model.inventory import Applied
from reconciler.model.plans import Define, Disruption, KindStep, On, Start, Undefine
from reconciler.model.refs import Ref
from reconciler.model.secrets import is_reference
from tests.kinds.domain.machines import judged, observed, parsed, rendered, updated

USER = {"packages": ["nginx"]}


def body(user=USER, disks=None, **more):
    listed = {} if disks is None else {"disks": disks}
    return {"type": "qemu", "cloudInit": {"userData": user, **more}, **listed}


def seed_of(spec):
    (found,) = seeds_of(spec)
    return found


def seed(**more):
    return seed_of(parsed(body(**more)))


def host(asked, **facts):
    return observed(rendered(asked), **facts)


def drive(spec):
    return {at.removeprefix("devices/disk[cloud-init]"): text for at, text in spec.claims.items() if "cloud-init" in at}


def test_a_seed_has_the_files_that_are_given_and_always_the_two_that_cloud_init_asks_for():
    assert list(seed().files) == ["user-data", "meta-data"]
    whole = seed(metaData={"instance-id": "a"}, networkConfig={"version": 2}, vendorData="#!/bin/sh\n").files
    assert list(whole) == ["user-data", "meta-data", "network-config", "vendor-data"]
    assert whole["meta-data"] == {"instance-id": "a", "local-hostname": "web"}


def test_the_instance_stays_the_same_for_the_name_so_that_a_reboot_runs_nothing_again():
    first, other = seed().files["meta-data"], seed(user={"packages": []}).files["meta-data"]
    assert first == other and first["local-hostname"] == "web"
    assert seed_of(parsed(body(), name="db")).files["meta-data"]["instance-id"] != first["instance-id"]


def test_the_name_of_the_volume_tells_what_is_in_it():
    assert seed().volume == seed().volume
    assert seed().volume.startswith("default/web-seed-") and seed().volume.endswith(".iso")
    changed = [seed(user="#!/bin/sh\n"), seed(networkConfig={"version": 1, "config": []}), seed(metaData={"a": 1})]
    assert len({each.volume for each in (seed(), *changed)}) == 4
    assert seed(pool="ssd").volume == seed().volume.replace("default/", "ssd/")
    # What only says how it is used makes no other one.
    assert seed(bus="sata", onChange="nextBoot").volume == seed().volume


def test_it_is_seen_on_a_cd_rom_that_every_cloud_kernel_has_a_driver_for():
    found = drive(parsed(body()))
    assert (found["@device"], found["/target@bus"], found["/driver@type"]) == ("cdrom", "scsi", "raw")
    assert found["/source@volume"] == seed().volume.partition("/")[2]
    assert drive(parsed(body(bus="sata")))["/target@bus"] == "sata"
    plain = drive(parsed(body(bus="virtio")))
    assert plain.get("@device") is None and plain["/readonly"] == ""
    assert "/target@bus" not in drive(parsed({**body(), "type": "xen"}))


def test_a_document_that_lists_no_disks_does_not_own_them_for_its_seed():
    assert "devices/disk" not in parsed(body()).lists
    assert "devices/disk" in parsed(body(disks=[])).lists
    here = host({"type": "qemu", "disks": [{"name": "root", "file": "/srv/root.qcow2"}]})
    _, items = judged(parsed(body(onChange="nextBoot")), here)
    assert [item.diff.address for item in items if item.diff.after is None] == []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"user": "packages: [nginx]\n"}, "begin with #cloud-config"),
        ({"user": "#cloud-config\na: [\n"}, "not valid YAML at its line"),
        ({"user": "#cloud-config\n- a\n"}, "is no mapping"),
        ({"vendorData": "hello"}, "begin with #cloud-config"),
        ({"metaData": "- a\n"}, "is no mapping"),
        ({"metaData": "a: ]\n"}, "line 1"),
        ({"networkConfig": {"version": 3}}, "write version: 2"),
        ({"networkConfig": {"network": {"ethernets": {}}}}, "write version: 2"),
        ({"networkConfig": "ethernets: {}\n"}, "write version: 2"),
    ],
)
def test_what_cloud_init_would_not_understand_is_told_with_its_place(asked, said):
    with pytest.raises(ManifestError) as error:
        parsed(body(**asked))
    (problem,) = error.value.problems
    assert problem.number == "R223" and said in problem.message and problem.where.startswith("web.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "#!/bin/sh\n:\n",
        "#cloud-config\n",
        "#cloud-config\npackages: [a]\n",
        "## template: jinja\n#cloud-config\n{{ v1.x }}: [",
        "Content-Type: multipart/mixed; boundary=x\n",
        "#include\nhttps://example.org\n",
        "#cloud-config-archive\n- {}\n",
    ],
)
def test_every_form_of_user_data_is_taken_as_it_is(text):
    assert seed(user=text).files["user-data"] == text


def test_a_network_of_either_version_is_taken():
    for value in ({"version": 1, "config": []}, "version: 2\n", {"network": {"version": 2}}):
        assert seed(networkConfig=value).files["network-config"] == value


def test_a_disk_of_the_drives_name_is_in_its_way():
    with pytest.raises(ManifestError, match="rename the disk"):
        parsed(body(disks=[{"name": "cloud-init", "file": "/srv/a.iso"}]))


def moved(**more):
    document = Document(
        ref=Ref("Domain", "new"),
        host=None,
        labels={},
        body=body(**more),
        moved_from="web",
        places={(): Place("w.yaml")},
    )
    return KIND.parse(document, Context("hv1", ""))


def test_a_rename_must_not_make_a_new_instance_by_itself():
    with pytest.raises(ManifestError, match="instance-id"):
        moved(onChange="nextBoot")
    assert moved(onChange="nextBoot", metaData={"instance-id": "as-it-was"})
    assert moved()


def test_a_new_machine_gets_its_seed_before_it_is_defined():
    sow, define, start = KIND.create(parsed({**body(), "power": "running"}))
    assert isinstance(define, Define) and isinstance(start, Start)
    assert sow.ref == Ref("Volume", seed().volume)
    assert json.loads(sow.step.arguments["files"]) == seed().files


def test_by_default_a_machine_keeps_what_it_was_made_with():
    here = host(body())
    for changed in (body({"packages": []}), body(pool="ssd")):
        _, items = judged(parsed({**changed, "power": "unmanaged"}), here)
        assert items and {item.decision.way for item in items} == {KEEP}


def test_by_default_a_machine_that_was_made_without_a_seed_gets_none():
    _, items = judged(parsed({**body(), "power": "unmanaged"}), host({"type": "qemu"}))
    assert [(item.diff.address, item.decision.way) for item in items] == [("devices/disk[cloud-init]", KEEP)]


def test_a_new_seed_is_made_first_and_the_old_one_goes_last():
    new = {**body({"packages": []}, onChange="nextBoot"), "power": "unmanaged"}
    sow, define, discard = updated(parsed(new), host(body()))
    assert (sow.step.name, type(define), discard.step.name) == ("sow", Define, "discard")
    assert sow.ref == Ref("Volume", seed_of(parsed(new)).volume)
    assert discard == On(Ref("Volume", seed().volume), KindStep("discard", {"machine": "web"}))


def test_a_running_guest_is_given_the_new_medium_and_reads_it_at_its_next_boot():
    new = {**body({"packages": []}, onChange="nextBoot"), "power": "unmanaged"}
    here = host(body(), running=True)
    _, items = judged(parsed(new), here)
    assert {item.decision.disruption for item in items} == {Disruption.NEXT_BOOT}
    assert [getattr(step, "name", "") for step in updated(parsed(new), here)] == ["", "", "update", ""]


def test_a_disk_on_virtio_has_no_medium_to_change_and_waits_for_a_restart():
    old, new = (
        {**body(user, bus="virtio", onChange="nextBoot"), "power": "unmanaged"} for user in (USER, {"packages": []})
    )
    _, items = judged(parsed(new), host(old, running=True))
    assert {item.decision.disruption for item in items} == {Disruption.RESTART}


def test_a_machine_that_is_started_gets_a_lost_seed_again():
    steps = updated(parsed({**body(), "power": "running"}), host(body()))
    assert [type(step) for step in steps] == [On, Start]


def test_a_machine_takes_its_seed_along_and_no_other_disc():
    *_, undefine, discard = KIND.delete(host(body()), False, False)
    assert undefine == Undefine(False) and discard.ref == Ref("Volume", seed().volume)
    other = host({"type": "qemu", "disks": [{"name": "cd", "device": "cdrom", "volume": "debian.iso"}]})
    assert KIND.delete(other, False, False) == (Undefine(False),)


def test_a_seed_that_leaves_the_document_leaves_the_host():
    before = parsed({**body(disks=[]), "power": "unmanaged"})
    steps = updated(parsed({"type": "qemu", "disks": [], "power": "unmanaged"}), host(body(disks=[])))
    assert [type(step) for step in steps] == [Define, On] and "cloud-init" not in steps[0].xml
    assert before.claims


def test_nobody_has_to_have_made_the_volume_but_the_pool_has_to_be_there():
    spec = parsed(body(pool="ssd"))
    assert [need.ref for need in spec.needs] == [Ref("Pool", "ssd")]
    assert KIND.preflight(spec, None, Facts(pools={"ssd": True}, volumes={})) == ()
    (problem,) = KIND.preflight(spec, None, Facts(pools={}, volumes={}))
    assert "Pool/ssd" in problem.message


CONFIG = {"ignition": {"version": "3.4.0"}, "storage": {"files": [{"path": "/etc/hostname"}]}}
ENTRY = "sysinfo[fwcfg]/entry[opt%2Fcom.coreos%2Fconfig]"


def ignition(config=CONFIG, **more):
    return {"type": "qemu", "power": "unmanaged", "ignition": {"config": config, **more}}


def informed(spec, pool="/srv/images"):
    """The Spec as the program gives it to the engine, with the path that its host knows."""
    claims = {at: text.replace("volume:default", pool) if text else text for at, text in spec.claims.items()}
    return replace(spec, claims=claims)


def ignited(asked, **facts):
    return observed(KIND.render(informed(parsed(asked)), None, ()), **facts)


def test_ignition_is_handed_over_by_the_firmware_from_a_file_that_only_its_host_can_place():
    spec = parsed(ignition())
    assert spec.claims[f"{ENTRY}@file"] == f"volume:{seed_of(spec).volume}"
    assert seed_of(spec).volume.startswith("default/web-seed-") and seed_of(spec).volume.endswith(".ign")
    rendered = KIND.render(informed(spec), None, ())
    assert "<sysinfo type='fwcfg'>" in rendered.replace('"', "'")
    assert KIND.read(rendered)[f"{ENTRY}@file"].startswith("/srv/images/web-seed-")


def test_the_same_configuration_is_the_same_however_it_is_written():
    assert parsed(ignition(json.dumps(CONFIG, indent=3))).claims == parsed(ignition()).claims


@pytest.mark.parametrize("arch", ["s390x", "ppc64le"])
def test_where_there_is_no_fw_cfg_ignition_reads_a_disk_of_its_serial(arch):
    spec = parsed({**ignition(), "arch": arch})
    disk = {at: text for at, text in spec.claims.items() if at.startswith("devices/disk[ignition]")}
    assert disk["devices/disk[ignition]/serial"] == "ignition"
    assert disk["devices/disk[ignition]/target@bus"] == "virtio"
    assert not any(at.startswith("sysinfo") for at in spec.claims)


@pytest.mark.parametrize(
    ("config", "number", "said"),
    [
        ('{"ignition": ', "R223", "not valid JSON at its line 1, column 14"),
        ("variant: fcos\n", "R223", "not valid JSON"),
        ({"storage": {}}, "R223", "says no version"),
        ({"ignition": {"version": 3}}, "R223", "says no version"),
        ({"ignition": {"version": "1.0.0"}}, "R223", "says no version"),
        (None, "R205", "lacks config"),
    ],
)
def test_what_ignition_would_not_take_is_told(config, number, said):
    body = ignition(config)
    if config is None:
        del body["ignition"]["config"]
    with pytest.raises(ManifestError) as error:
        parsed(body)
    (problem,) = error.value.problems
    assert problem.number == number and said in problem.message


def test_ignition_is_kept_by_default_and_else_read_at_the_next_start():
    other = {**CONFIG, "systemd": {}}
    _, items = judged(informed(parsed(ignition(other))), ignited(ignition()))
    assert [item.decision.way for item in items] == [KEEP]
    new = informed(parsed(ignition(other, onChange="nextBoot")))
    _, items = judged(new, ignited(ignition(), running=True))
    assert [item.decision.disruption for item in items] == [Disruption.NEXT_BOOT]
    steps = updated(new, ignited(ignition()))
    assert [type(step) for step in steps] == [On, Define, On]
    assert steps[-1].ref == Ref("Volume", KIND.read(ignited(ignition()).xml)[f"{ENTRY}@file"])


def test_a_path_is_not_asked_for_again_where_the_host_has_one_with_that_digest():
    assert judged(parsed(ignition()), ignited(ignition()))[1] == []


def test_ignition_that_leaves_the_document_takes_its_file_along():
    gone = {"type": "qemu", "power": "unmanaged"}
    applied = Applied(claims=informed(parsed(ignition())).claims)
    steps = updated(parsed(gone), ignited(ignition()), applied=applied)
    assert [type(step) for step in steps] == [Define, On] and "fwcfg" not in steps[0].xml
    assert [type(step) for step in KIND.delete(ignited(ignition()), False, False)] == [Undefine, On]


ROOT = [{"name": "root", "volume": "web-root", "format": "qcow2"}]


def rebuilding(user, **more):
    return {**body(user, onChange="rebuild", disks=ROOT), "power": "running", **more}


def test_a_rebuilt_machine_goes_down_for_its_disk_and_its_definition_comes_after_that():
    new = parsed(rebuilding({"packages": []}))
    here = host(rebuilding(USER), running=True)
    _, items = judged(new, here)
    assert max(item.decision.disruption for item in items) is Disruption.REPLACE
    assert any("default/web-root would be made anew" in item.decision.why for item in items)
    steps = updated(new, here)
    assert [type(step).__name__ for step in steps] == ["On", "Stop", "KindStep", "Define", "Start", "On"]
    assert steps[2] == KindStep("rebuild", {"volume": "default/web-root"})


def test_a_machine_that_is_off_is_rebuilt_and_stays_as_its_document_says():
    new = parsed(rebuilding({"packages": []}, power="stopped"))
    assert [type(step).__name__ for step in updated(new, host(rebuilding(USER)))] == ["On", "KindStep", "Define", "On"]


def test_a_machine_that_was_saved_is_not_rebuilt_under_its_saved_state():
    here = host(rebuilding(USER), managedsave="yes")
    _, items = judged(parsed(rebuilding({"packages": []})), here)
    assert Disruption.REFUSED in {item.decision.disruption for item in items}
    assert updated(parsed(rebuilding({"packages": []})), here) == ()


def test_what_has_no_volume_to_make_anew_cannot_be_rebuilt():
    with pytest.raises(ManifestError, match="no disk is a volume"):
        parsed(body(onChange="rebuild", disks=[{"name": "root", "file": "/srv/root.qcow2"}]))


def test_secrets_travel_beside_the_files_and_count_by_their_reference():
    spec = parsed(body({"password": {"env": "TOKEN"}, "text": "x"}))
    (reference,) = [at for at, text in spec.hints.items() if is_reference(text)]
    assert reference.startswith("!cloudInit.secret ")
    resolved = replace(spec, hints={**spec.hints, reference: "sealed"})
    (sow, *_) = KIND.create(resolved)
    (name,) = set(sow.step.arguments) - {"files"}
    assert sow.step.arguments[name] == "sealed"
    files = json.loads(sow.step.arguments["files"])
    assert seeds.filled(files, {name: "hunter2"})["user-data"] == {"password": "hunter2", "text": "x"}
    other = parsed(body({"password": {"env": "OTHER"}, "text": "x"}))
    assert seed_of(other).volume != seed_of(spec).volume


@pytest.mark.parametrize(
    "mapping",
    [
        {"env": "A", "path": "/x"},
        {"key": "a"},
        {"sops": "a.yaml"},
        {"env": "A", "file": "/b"},
        {"env": "A", "key": "b"},
    ],
)
def test_a_mapping_that_says_something_else_is_no_reference(mapping):
    assert seed(user={"inner": mapping}).files["user-data"] == {"inner": mapping}
