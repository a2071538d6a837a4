"""What a policy forbids never reaches a host; what is there already can be seen, adopted and tended."""

from __future__ import annotations

import pytest

from tests.scenarios.test_machines import vm

pytestmark = pytest.mark.e2e

DISK = "  disks:\n    - {{name: root, file: {file}, bus: virtio}}\n"


def policy(lab, text="{preset: guarded, paths: [/srv/guests], domainTypes: [qemu]}"):
    path = lab.directory.parent / "policy.yaml"
    path.write_text(f"policy: {text}\n")
    return "--config", str(path)


def disk(lab, name):
    path = lab.state.parent / name
    path.write_bytes(bytes(1 << 20))
    return DISK.format(file=path)


def test_what_is_forbidden_is_shown_and_never_carried_out(lab):
    lab.write(vm("good"), "a.yaml")
    lab.write(vm("bad", more=disk(lab, "a.img")), "b.yaml")
    given = policy(lab)
    good, bad = sorted(lab.plan(*given)["changes"], key=lambda change: change["blocked"] is not None)
    assert good["ref"] == "Domain/good"
    assert bad["blocked"]["number"] == "R209"
    assert "b.yaml:" in bad["blocked"]["reason"]
    applied = lab.apply(*given, code=73)
    assert {change["ref"]: change["outcome"] for change in applied["changes"]} == {
        "Domain/good": "done",
        "Domain/bad": "skipped",
    }
    connection = lab.connect()
    assert [domain.name() for domain in connection.listAllDomains()] == ["good"]
    connection.close()


def test_a_machine_that_violates_it_already_is_adopted_and_tended_and_nothing_more(lab):
    forbidden = disk(lab, "a.img")
    lab.converge(vm("a", more=forbidden))
    given = policy(lab)
    # Nothing has changed: it may stay, and is seen.
    assert lab.plan(*given)["changes"] == []
    assert [condition["type"] for condition in lab.plan(*given)["conditions"]] == ["PolicyViolation"]
    # Another's ledger: the same machine, to be adopted as it is.
    lab.state = lab.state.parent / "other"
    assert [(change["action"], change["blocked"]) for change in lab.plan(*given)["changes"]] == [("adopt", None)]
    lab.apply(*given)
    # What has nothing to do with it may change, the forbidden disk may not.
    lab.write(vm("a", more=forbidden + "  title: Front\n"))
    lab.apply(*given)
    assert lab.domain("a").metadata(1, None, 2) == "Front"
    lab.write(vm("a", more=forbidden.replace("bus: virtio", "bus: virtio, readonly: true") + "  title: Back\n"))
    assert lab.apply(*given, code=73)["changes"][0]["outcome"] == "skipped"
    assert lab.domain("a").metadata(1, None, 2) == "Front"
    # It can always go.
    lab.write(vm("a"))
    assert lab.plan(*given)["changes"][0]["blocked"] is None


def test_a_rollback_does_not_bring_back_what_is_forbidden_today(lab):
    lab.converge(vm("a", more=disk(lab, "a.img")))
    lab.converge(vm("a"), "--allow", "restart")
    told = lab.run("rollback", "Domain/a", "--yes", *policy(lab), code=73)
    assert "R209" in told.stdout
    assert lab.xml("a").find("devices/disk") is None
