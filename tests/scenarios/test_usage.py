"""Volumes, pools and networks that somebody uses, in whatever order a user takes things out of the desired state."""

import pytest

from tests.scenarios.test_links import Guest
from tests.scenarios.test_machines import vm
from tests.scenarios.test_networks import NAT, net
from tests.scenarios.test_storage import MIB, blocked, pool, storage, volume

pytestmark = pytest.mark.e2e

DELETABLE = {"capacity": "4MiB", "deletionPolicy": "delete"}
ALLOW = ("--allow", "delete,mass-delete")


@pytest.fixture
def images(tmp_path):
    return tmp_path / "images"


def disk(images, way):
    return {
        "by volume": "  disks:\n    - {name: root, pool: images, volume: v, external: true}\n",
        "by path": f"  disks:\n    - {{name: root, file: {images}/v, format: qcow2}}\n",
        "as a CD-ROM": f"  disks:\n    - {{name: cd, device: cdrom, bus: sata, file: {images}/v, format: qcow2}}\n",
    }[way]


class Scene:
    """One volume, one machine that uses it, and the documents of both."""

    def __init__(self, lab, images, way, state):
        self.lab, self.images, self.way, self.state = lab, images, way, state
        self.power = "stopped" if state == "stopped" else "unmanaged" if state == "paused" else "running"
        self.volume()
        lab.apply()
        self.machine()
        lab.converge()
        if state == "paused":
            lab.domain("vm").create()
            lab.domain("vm").suspend()
        self.inode = (images / "v").stat().st_ino

    def volume(self, there=True):
        storage(self.lab, self.images, *([volume(**DELETABLE)] if there else []))

    def machine(self, uses=True):
        more = "  disks: []\n" if not uses else disk(self.images, self.way)
        self.lab.write(vm(memory="64MiB", power=self.power, more=more), "vm.yaml")

    def used(self):
        """Whether the machine has the volume for later or now."""
        domain = self.lab.domain("vm")
        texts = [domain.XMLDesc(2), domain.XMLDesc(0)]
        return any(f"{self.images}/v" in text or "volume='v'" in text for text in texts)

    def holds(self):
        """That the data is there, untouched, while anybody uses it."""
        assert not self.used() or (self.images / "v").stat().st_ino == self.inode

    def apply(self):
        """One apply with all the permission there is; what becomes of the parts is told by the world."""
        self.lab.run("apply", "--yes", *ALLOW, code=None)
        self.holds()

    def users(self):
        """Who is said to use the volume, by a plan that may delete."""
        found = blocked(self.lab.plan(*ALLOW)).get("Volume/images/v")
        return found and (found["number"], found["reason"])

    def switch_off(self):
        domain = self.lab.domain("vm")
        if domain.isActive():
            domain.destroy()

    def done(self):
        """In the end, with the machine off and edited, the volume does go."""
        self.switch_off()
        self.machine(uses=False)
        self.volume(there=False)
        self.apply()
        self.apply()
        assert not (self.images / "v").exists()


WAYS = ("by volume", "by path", "as a CD-ROM")
STATES = ("stopped", "running", "paused")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("way", WAYS)
def test_the_volumes_document_goes_first(lab, images, way, state):
    scene = Scene(lab, images, way, state)
    scene.volume(there=False)
    number, reason = scene.users()
    assert number == "R403" and "Domain/vm" in reason
    scene.apply()
    assert scene.used()
    scene.done()


@pytest.mark.parametrize("state", STATES)
def test_the_machine_is_edited_first(lab, images, state):
    scene = Scene(lab, images, "by path", state)
    scene.machine(uses=False)
    scene.apply()
    scene.volume(there=False)
    said = scene.users()
    if scene.used():
        # Who is said to use it, or that it is asked for once more: a guest may let go of it this time.
        asked = [change["ref"] for change in lab.plan(*ALLOW)["changes"] if change["blocked"] is None]
        assert "Domain/vm" in (said[1] if said else asked)
    scene.apply()
    assert scene.used() == (images / "v").exists()
    scene.done()


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("way", ("by volume", "as a CD-ROM"))
def test_both_go_at_once(lab, images, way, state):
    scene = Scene(lab, images, way, state)
    scene.machine(uses=False)
    scene.volume(there=False)
    scene.apply()
    assert scene.used() == (images / "v").exists()
    scene.done()


def test_s27_machine_and_volumes_go_together_and_overlays_before_what_they_stand_on(lab, images):
    machine = vm(more="  disks:\n    - {name: root, pool: images, volume: z}\n")
    chain = [volume("a", **DELETABLE), volume("m", backing="a", deletionPolicy="delete")]
    storage(lab, images, *chain, volume("z", backing="m", deletionPolicy="delete"), machine)
    lab.converge()
    storage(lab, images)
    lab.apply(*ALLOW)
    assert lab.plan()["changes"] == [] and list(images.iterdir()) == []


def test_without_permission_what_would_go_together_is_only_asked_for(lab, images):
    storage(lab, images, volume("a", **DELETABLE), volume("z", backing="a", deletionPolicy="delete"))
    lab.converge()
    storage(lab, images)
    assert {each["number"] for each in blocked(lab.plan()).values()} == {"R502"}


def test_a_volume_of_a_machine_that_nobody_declares_is_kept(lab, images):
    storage(lab, images, volume(**DELETABLE))
    lab.write(vm("other"), "other.yaml")
    lab.converge()
    foreign = (
        "<domain type='qemu'><name>foreign</name><memory unit='MiB'>32</memory><os><type machine='q35'>hvm</type></os>"
        f"<devices><disk type='file' device='disk'><driver type='qcow2'/><source file='{images}/v'/><target dev='vda'/>"
        "</disk></devices></domain>"
    )
    lab.connect().defineXML(foreign)
    storage(lab, images)
    found = blocked(lab.plan(*ALLOW))["Volume/images/v"]
    assert found["number"] == "R403" and "Domain/foreign" in found["reason"]
    lab.apply(*ALLOW, code=73)
    assert (images / "v").exists()


@pytest.mark.parametrize("allow", [(), ("--allow", "replace")])
def test_a_volume_in_use_is_refused_another_format_when_it_is_planned(lab, images, allow):
    machine = vm(more="  disks:\n    - {name: root, pool: images, volume: v}\n")
    storage(lab, images, volume(capacity="4MiB", format="raw"), machine)
    lab.converge()
    storage(lab, images, volume(capacity="4MiB", format="qcow2"), machine)
    found = blocked(lab.plan(*allow))["Volume/images/v"]
    assert found["number"] == "R403"
    assert "Domain/vm" in found["reason"] and "data lost" in found["reason"]


def test_a_pool_goes_only_when_no_machine_names_it(lab, images):
    lab.write(pool(images), "pool.yaml")
    lab.write(volume(**DELETABLE), "volume.yaml")
    lab.write(vm(more=disk(images, "by volume")))
    lab.converge()
    lab.remove("pool.yaml")
    lab.remove("volume.yaml")
    found = blocked(lab.plan(*ALLOW))
    assert set(found) == {"Volume/images/v", "Pool/images"}
    assert all(each["number"] == "R403" and "Domain/vm" in each["reason"] for each in found.values())
    lab.apply(*ALLOW, code=73)
    assert (images / "v").exists() and lab.connect().listAllStoragePools()


def test_a_pool_goes_only_when_no_declared_volume_is_in_it(lab, images):
    lab.write(pool(images), "pool.yaml")
    lab.write(volume(capacity="1MiB", external="true"))
    lab.converge()
    lab.remove("pool.yaml")
    found = blocked(lab.plan(*ALLOW))["Pool/images"]
    assert found["number"] == "R403" and "Volume/images/v" in found["reason"]


def test_a_network_with_guests_is_refused_when_its_deletion_is_planned(lab):
    lab.write(net(**NAT), "net.yaml")
    more = "  interfaces:\n    - {name: lan, network: lan, external: true}\n"
    lab.write(vm(memory="64MiB", power="running", more=more))
    lab.converge()
    lab.remove("net.yaml")
    found = blocked(lab.plan(*ALLOW))["Network/lan"]
    assert found["number"] == "R403" and "Domain/vm" in found["reason"]


GROWING = "guestAgent: true\ndisks:\n{disks}"


def sectors(machine, device):
    return int(machine.run("cat", f"/sys/block/{device}/size")[1]) * 512


def test_r4_a_booted_guest_sees_its_disks_grow_without_a_restart(lab, guest, images):
    machine = Guest(lab, guest)
    disks = [
        "  - {name: a, pool: images, volume: a, bus: virtio, format: qcow2}",
        f"  - {{name: b, file: {images}/b, format: raw, bus: virtio}}",
        "  - {name: c, pool: images, volume: c, bus: virtio, format: qcow2}",
    ]

    def sizes(mib):
        return (
            volume("a", capacity=f"{mib}MiB", format="qcow2"),
            volume("b", capacity=f"{mib}MiB", format="raw"),
            volume("base", capacity="16MiB"),
            volume("c", capacity=f"{mib}MiB", backing="base"),
        )

    lab.write("---".join((pool(images), *sizes(16))), "storage.yaml")
    lab.converge()
    machine.up(GROWING.format(disks="\n".join(disks)))
    assert [sectors(machine, name) for name in ("vda", "vdb", "vdc")] == [16 * MIB] * 3
    started, uptime = machine.domain.ID(), machine.uptime()
    lab.converge("---".join((pool(images), *sizes(48))), name="storage.yaml")
    assert [sectors(machine, name) for name in ("vda", "vdb", "vdc")] == [48 * MIB] * 3
    assert machine.domain.ID() == started and machine.uptime() > uptime
    lab.write("---".join((pool(images), *sizes(32))), "storage.yaml")
    refused = blocked(lab.plan())
    assert set(refused) == {f"Volume/images/{name}" for name in "abc"}
    lab.apply(code=73)
    assert [sectors(machine, name) for name in ("vda", "vdb", "vdc")] == [48 * MIB] * 3
