"""Volumes that somebody uses, on a real libvirtd: whatever the way and the state, nothing takes them away."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import libvirt
import pytest

from reconciler.errors import RefusedError
from reconciler.kinds.volume import KIND
from reconciler.model.plans import KindStep, Undefine
from reconciler.model.refs import Ref
from tests.kinds.steering import Still, apply, spec_of
from tests.kinds.volume.test_real_volumes import MIB, directory

__all__ = ["directory"]
pytestmark = pytest.mark.e2e
REF = Ref("Volume", "images/v")
UUID = "<uuid>6c1c0e6e-1fd0-4d5b-9d3a-5d1f0f1c7a01</uuid>"
MACHINE = """<domain type='qemu'><name>user</name>{uuid}<memory unit='MiB'>32</memory>
<os><type arch='x86_64' machine='q35'>hvm</type>{os}</os><devices>{disk}</devices></domain>"""
DISK = """<controller type='scsi' model='virtio-scsi'/><disk type='{type}' device='{device}'>
<driver name='qemu' type='{form}'/><source {source}/><target dev='sda' bus='scsi'/></disk>"""


def disk(kind: str, source: str, device: str = "disk", form: str = "qcow2") -> str:
    return MACHINE.format(uuid=UUID, os="", disk=DISK.format(type=kind, source=source, device=device, form=form))


def chain(*files: Path) -> str:
    """A machine on the last of these files, which stands on the one before it, and so on down to the first."""
    for below, above in pairwise(files):
        command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", below, "-F", "qcow2", above]
        subprocess.run(command, check=True)
    return disk("file", f"file='{files[-1]}'")


WAYS: dict[str, Callable[[Path], str]] = {
    "by volume": lambda at: disk("volume", "pool='images' volume='v'"),
    "by path": lambda at: disk("file", f"file='{at}/v'"),
    "as a CD-ROM": lambda at: disk("file", f"file='{at}/v'", "cdrom"),
    "as a CD-ROM by volume": lambda at: disk("volume", "pool='images' volume='v'", "cdrom"),
}


def edited(host: libvirt.virConnect, xml: str) -> None:
    """A running machine whose definition has lost what its guest has."""
    host.defineXML(xml).create()
    host.defineXML(xml.partition("<disk")[0] + "</devices></domain>")


def detaching(host: libvirt.virConnect, xml: str) -> None:
    """A running machine that is asked to let go of its disk, and has no system that would."""
    domain = host.defineXML(xml)
    domain.create()
    found = xml[xml.index("<disk") : xml.index("</disk>") + len("</disk>")]
    domain.detachDeviceFlags(found, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    domain.detachDeviceAlias("scsi0-0-0-0", libvirt.VIR_DOMAIN_AFFECT_LIVE)


def saved(host: libvirt.virConnect, xml: str) -> None:
    """A machine that was saved to disk and lost the disk from its definition since."""
    domain = host.defineXML(xml)
    domain.create()
    domain.managedSave()
    host.defineXML(xml.partition("<disk")[0] + "</devices></domain>")


STATES: dict[str, Callable[[libvirt.virConnect, str], object]] = {
    "stopped": lambda host, xml: host.defineXML(xml),
    "running": lambda host, xml: host.createXML(xml),
    "paused": lambda host, xml: host.createXML(xml, libvirt.VIR_DOMAIN_START_PAUSED),
    "edited while it runs": edited,
    "saved and then edited": saved,
}


def stays(host: libvirt.virConnect, at: Path, user: str) -> None:
    before = (at / "v").stat().st_ino
    with pytest.raises(RefusedError, match=f"is used by {user}"):
        KIND.perform(host, REF, Undefine(True), Still())
    assert (at / "v").stat().st_ino == before


def goes(host: libvirt.virConnect, at: Path) -> None:
    KIND.perform(host, REF, Undefine(True), Still())
    assert not (at / "v").exists()


def volume(host: libvirt.virConnect, name: str = "v", **more: object) -> None:
    apply(KIND, spec_of(KIND, f"images/{name}", {"capacity": "4MiB", **more}), host)


def end(host: libvirt.virConnect) -> None:
    for domain in host.listAllDomains():
        active = domain.isActive()
        if domain.isPersistent():
            domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE)
        if active:
            domain.destroy()


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("way", WAYS)
def test_a_volume_that_a_machine_uses_is_kept_until_it_is_not(
    host: libvirt.virConnect, directory: Path, way: str, state: str
) -> None:
    volume(host)
    STATES[state](host, WAYS[way](directory))
    try:
        stays(host, directory, "Domain/user")
    finally:
        end(host)
    goes(host, directory)


def test_a_disk_that_a_guest_has_not_let_go_of_is_kept(host: libvirt.virConnect, directory: Path) -> None:
    volume(host)
    detaching(host, disk("file", f"file='{directory}/v'"))
    stays(host, directory, "Domain/user")


def test_a_kernel_in_a_volume_is_kept(host: libvirt.virConnect, directory: Path) -> None:
    volume(host, format="raw")
    host.defineXML(MACHINE.format(uuid=UUID, os=f"<kernel>{directory}/v</kernel>", disk=""))
    stays(host, directory, "Domain/user")


def test_a_file_deep_below_the_disk_of_a_running_machine_is_kept(
    host: libvirt.virConnect, directory: Path, tmp_path: Path
) -> None:
    volume(host)
    domain = host.createXML(chain(directory / "v", tmp_path / "middle", tmp_path / "top"))
    stays(host, directory, "Domain/user")
    domain.destroy()
    goes(host, directory)


def test_a_volume_below_other_volumes_is_kept_with_any_machine_or_none(
    host: libvirt.virConnect, directory: Path
) -> None:
    volume(host)
    volume(host, "middle", backing="v")
    volume(host, "top", backing="middle")
    stays(host, directory, "Volume/images/middle")
    host.defineXML(disk("volume", "pool='images' volume='top'"))
    stays(host, directory, "Volume/images/middle")


@pytest.mark.parametrize("form", ["raw", "qcow2"])
def test_a_volume_that_has_grown_since_the_plan_is_not_shrunk(
    host: libvirt.virConnect, directory: Path, form: str
) -> None:
    volume(host, format=form)
    step = KindStep("resize", {"capacity": str(6 * MIB)})
    pool = host.storagePoolLookupByName("images")
    pool.storageVolLookupByName("v").resize(8 * MIB)
    with pytest.raises(RefusedError, match="would cut off its end"):
        KIND.perform(host, REF, step, Still())
    domain = host.createXML(disk("file", f"file='{directory}/v'", form=form))
    with pytest.raises(RefusedError, match="would cut off its end"):
        KIND.perform(host, REF, step, Still())
    assert domain.blockInfo("sda")[0] == pool.storageVolLookupByName("v").info()[1] == 8 * MIB
    domain.destroy()


def test_a_volume_below_a_running_disk_does_not_grow_until_that_is_off(
    host: libvirt.virConnect, directory: Path, tmp_path: Path
) -> None:
    volume(host)
    domain = host.createXML(chain(directory / "v", tmp_path / "top"))
    step = KindStep("resize", {"capacity": str(8 * MIB)})
    with pytest.raises(RefusedError, match="below a disk of the running Domain/user"):
        KIND.perform(host, REF, step, Still())
    domain.destroy()
    KIND.perform(host, REF, step, Still())
    assert KIND.read(KIND.look(host, REF).xml)["capacity"] == str(8 * MIB)


def test_a_disk_on_a_chain_grows_at_its_top(host: libvirt.virConnect, directory: Path) -> None:
    volume(host, "base")
    apply(KIND, spec_of(KIND, "images/v", {"backing": "base"}), host)
    domain = host.createXML(disk("volume", "pool='images' volume='v'"))
    apply(KIND, spec_of(KIND, "images/v", {"backing": "base", "capacity": "8MiB"}), host)
    assert domain.blockInfo("sda")[0] == 8 * MIB
    domain.destroy()


def test_a_shared_disk_grows_in_every_guest_that_has_it(host: libvirt.virConnect, directory: Path) -> None:
    volume(host, format="raw")
    shared = disk("file", f"file='{directory}/v'", form="raw").replace("<target", "<shareable/><target")
    domains = [host.createXML(shared.replace(UUID, "").replace(">user<", f">{name}<")) for name in ("one", "two")]
    apply(KIND, spec_of(KIND, "images/v", {"capacity": "8MiB", "format": "raw"}), host)
    sizes = [domain.blockInfo("sda")[0] for domain in domains]
    end(host)
    assert sizes == [8 * MIB] * 2


def test_an_image_that_a_guest_reads_as_raw_does_not_grow_under_it(host: libvirt.virConnect, directory: Path) -> None:
    volume(host)
    domain = host.createXML(disk("file", f"file='{directory}/v'", form="raw"))
    before = (directory / "v").stat().st_size
    with pytest.raises(RefusedError, match="give its disk format: qcow2"):
        KIND.perform(host, REF, KindStep("resize", {"capacity": str(8 * MIB)}), Still())
    assert (directory / "v").stat().st_size == before
    domain.destroy()
