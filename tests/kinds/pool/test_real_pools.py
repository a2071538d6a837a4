"""Pools on a real libvirtd: what a document says is what the host then has."""

from __future__ import annotations

from pathlib import Path

import libvirt
import pytest

from reconciler.errors import RefusedError
from reconciler.kinds.pool import KIND
from reconciler.model.plans import Allow, Diff
from reconciler.model.refs import Ref
from tests.kinds.pool.documents import DEFINED
from tests.kinds.steering import Still, apply, differences, plan, spec_of, waiting

pytestmark = pytest.mark.e2e
REF = Ref("Pool", "p")


@pytest.mark.parametrize("name", DEFINED)
def test_every_type_of_pool_is_defined_as_written(host: libvirt.virConnect, name: str) -> None:
    spec = spec_of(KIND, "p", {**DEFINED[name], "active": False, "autostart": True})
    try:
        apply(KIND, spec, host)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_SUPPORT and "missing backend" not in str(error):
            raise
        pytest.skip(f"this libvirt has no pools of type {name}: {error}")
    assert differences(KIND, spec, host) == []
    observed = KIND.look(host, REF)
    body = KIND.dump({**KIND.read(observed.xml), **observed.facts})
    assert differences(KIND, spec_of(KIND, "p", body), host) == []
    assert differences(KIND, spec_of(KIND, "p", xml=observed.xml), host) == [Diff("!active", "no", "yes")]


def test_a_directory_is_made_started_and_left_alone(host: libvirt.virConnect, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "pool"
    spec = spec_of(KIND, "p", {"path": f"{path}/", "permissions": {"mode": "750"}, "autostart": True})
    apply(KIND, spec, host)
    assert path.stat().st_mode & 0o777 == 0o750
    assert plan(KIND, spec, host) == ()
    assert waiting(KIND, spec, host) == ()
    assert [seen.ref for seen in KIND.observe(host)] == [REF]
    assert KIND.look(host, REF) == next(iter(KIND.observe(host)))


def test_an_existing_directory_keeps_files_and_mode(host: libvirt.virConnect, tmp_path: Path) -> None:
    (tmp_path / "sentinel").write_text("x")
    tmp_path.chmod(0o705)
    apply(KIND, spec_of(KIND, "p", {"path": str(tmp_path)}), host)
    assert (tmp_path / "sentinel").read_text() == "x"
    assert tmp_path.stat().st_mode & 0o777 == 0o705


@pytest.mark.proves("Pool", "*")
def test_another_path_waits_for_a_restart_unless_that_is_permitted(host: libvirt.virConnect, tmp_path: Path) -> None:
    apply(KIND, spec_of(KIND, "p", {"path": str(tmp_path / "a")}), host)
    uuid = host.storagePoolLookupByName("p").UUIDString()
    spec = spec_of(KIND, "p", {"path": str(tmp_path / "b")})
    apply(KIND, spec, host)
    assert waiting(KIND, spec, host) == ("target/path",)
    third = spec_of(KIND, "p", {"path": str(tmp_path / "c")})
    apply(KIND, third, host, Allow.RESTART)
    assert waiting(KIND, third, host) == ()
    assert host.storagePoolLookupByName("p").UUIDString() == uuid
    assert (tmp_path / "c").is_dir() and (tmp_path / "a").is_dir()


def remove(host: libvirt.virConnect, *, data: bool) -> None:
    for step in KIND.delete(KIND.look(host, REF), data, False):
        KIND.perform(host, REF, step, Still())


def test_a_removed_pool_leaves_its_directory_and_files(host: libvirt.virConnect, tmp_path: Path) -> None:
    (tmp_path / "sentinel").write_text("x")
    apply(KIND, spec_of(KIND, "p", {"path": str(tmp_path)}), host)
    remove(host, data=False)
    assert KIND.look(host, REF) is None
    assert (tmp_path / "sentinel").exists()


def test_deleting_an_empty_pool_takes_its_directory_too(host: libvirt.virConnect, tmp_path: Path) -> None:
    apply(KIND, spec_of(KIND, "p", {"path": str(tmp_path / "gone")}), host)
    remove(host, data=True)
    assert not (tmp_path / "gone").exists()


def test_deleting_a_pool_that_holds_data_is_refused_and_changes_nothing(
    host: libvirt.virConnect, tmp_path: Path
) -> None:
    (tmp_path / "sentinel").write_text("x")
    apply(KIND, spec_of(KIND, "p", {"path": str(tmp_path)}), host)
    with pytest.raises(RefusedError, match="still holds sentinel"):
        remove(host, data=True)
    assert KIND.look(host, REF).active


@pytest.mark.proves("Pool", "!active", "!autostart")
def test_active_and_autostart_follow_the_document(host: libvirt.virConnect, tmp_path: Path) -> None:
    apply(KIND, spec_of(KIND, "p", {"path": str(tmp_path)}), host)
    pool = host.storagePoolLookupByName("p")
    apply(KIND, spec_of(KIND, "p", {"path": str(tmp_path), "active": False, "autostart": True}), host)
    assert (pool.isActive(), pool.autostart()) == (0, 1)
    apply(KIND, spec_of(KIND, "p", {"path": str(tmp_path)}), host)
    assert (pool.isActive(), pool.autostart()) == (1, 1)
