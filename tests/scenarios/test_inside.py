"""The look into a guest tells the truth: what is plugged by hand through libvirt is seen inside, and nothing else."""

import pytest

from tests.scenarios.inside import within
from tests.scenarios.live import LIVE, bench, disc, guest_spec, image
from tests.scenarios.twins import disagreements

pytestmark = pytest.mark.e2e

CONTROLLER = "<domain><devices><controller type='scsi' index='0' model='virtio-scsi'/></devices></domain>"


@pytest.fixture(scope="module")
def made(embedded_host, guest, tmp_path_factory):
    spec = guest_spec(
        guest,
        memory={"max": "256MiB", "current": "256MiB"},
        vcpus={"max": 2, "current": 1},
        disks=[{"name": "cd", "device": "cdrom", "bus": "scsi", "target": "sda"}],
        xml=CONTROLLER,
    )
    yield from bench(embedded_host("inside"), tmp_path_factory.mktemp("inside"), "guest", spec)


@pytest.fixture
def machine(made):
    return made.fresh()


@pytest.fixture
def inside(machine):
    return machine.inside


def plugged(machine, xml):
    machine.domain.attachDeviceFlags(xml, LIVE)


def unplugged(machine, xml):
    machine.domain.detachDeviceFlags(xml, LIVE)


def test_it_names_one_life_and_both_definitions_agree(machine, inside):
    first = inside.life()
    assert inside.uptime() > 0 and inside.life() == first and machine.seen() == machine.born
    machine.settled()


def test_a_disk_is_seen_with_its_size_and_serial_number(machine, inside, tmp_path):
    disk = f"""<disk type='file'><driver name='qemu' type='raw'/><source file='{image(tmp_path / "a", 3)}'/>
      <target dev='vda' bus='virtio'/><serial>A-1</serial></disk>"""
    plugged(machine, disk)
    assert within(10, lambda: inside.block_size("vda") == 3 << 20) and inside.serials() == {"A-1": "vda"}
    machine.domain.blockResize("vda", 5 << 20, 1)
    assert within(10, lambda: inside.block_size("vda") == 5 << 20)
    unplugged(machine, disk)
    assert within(10, lambda: inside.block_size("vda") is None) and inside.serials() == {}


def test_a_network_card_is_seen_with_its_cable(machine, inside):
    card = (
        "<interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/><link state='%s'/></interface>"
    )
    plugged(machine, card % "up")
    assert within(10, lambda: inside.nics() == {"52:54:00:00:00:01": "up"})
    machine.domain.updateDeviceFlags(card % "down", LIVE)
    assert within(10, lambda: inside.nics() == {"52:54:00:00:00:01": "down"})
    unplugged(machine, card % "down")
    assert within(10, lambda: inside.nics() == {})


def test_the_disc_in_a_drive_is_seen_by_its_label(machine, inside, tmp_path):
    drive = "<disk type='file' device='cdrom'><driver name='qemu'/>%s<target dev='sda' bus='scsi'/></disk>"
    assert inside.medium() == "" and inside.block_size("sr0") is not None
    for label in ("ONE", "TWO"):
        machine.domain.updateDeviceFlags(drive % f"<source file='{disc(tmp_path / label, label)}'/>", LIVE)
        assert inside.medium() == label
    machine.domain.updateDeviceFlags(drive % "", LIVE)
    assert inside.medium() == ""


@pytest.mark.parametrize(
    ("kind", "xml"),
    [
        ("rng", "<rng model='virtio'><backend model='builtin'/></rng>"),
        ("input", "<input type='keyboard' bus='virtio'/>"),
        ("scsi", "<controller type='scsi' index='1' model='virtio-scsi'/>"),
    ],
)
def test_a_virtio_device_is_seen_whether_or_not_it_has_a_driver(machine, inside, kind, xml):
    before = inside.virtio(kind)
    plugged(machine, xml)
    assert within(10, lambda: inside.virtio(kind) == before + 1)
    unplugged(machine, xml)
    assert within(10, lambda: inside.virtio(kind) == before)


def test_processors_and_memory_are_counted_as_the_guest_has_them(machine, inside):
    assert inside.online_cpus() == {0}
    before = inside.memory_total()
    machine.domain.setMemoryFlags(192 << 10, LIVE)
    assert within(20, lambda: inside.memory_total() < before - (48 << 10))
    machine.domain.setMemoryFlags(256 << 10, LIVE)
    assert within(20, lambda: inside.memory_total() == before)
    # Last: a guest without KVM never lets go of a processor.
    machine.domain.setVcpusFlags(2, LIVE)
    assert within(20, lambda: inside.online_cpus() == {0, 1})


def test_a_disagreement_of_both_definitions_is_seen(machine):
    plugged(machine, "<rng model='virtio'><backend model='builtin'/></rng>")
    machine.domain.setMetadata(1, "By hand", None, None, 2)
    found = disagreements(machine.domain.XMLDesc(0), machine.domain.XMLDesc(2))
    assert [line.partition(">")[0] for line in found] == ["only config: <title", 'only live: <rng model="virtio"']
    assert machine.seen() != machine.born


def test_a_machine_that_was_changed_is_born_anew(machine):
    assert machine.lives > 1 and machine.seen() == machine.born
