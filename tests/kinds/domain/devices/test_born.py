"""What new devices get, what devices stand on, and what an import leaves out."""

import pytest

from reconciler import fields, markup
from reconciler.kinds.domain import devices
from reconciler.model.documents import Need
from reconciler.model.refs import Ref


def claims_of(body):
    return {"name": "web-1", "@type": "kvm", **fields.lower(devices.DEVICES, body).claims}


def targets(values):
    return [text for address, text in values.items() if address.endswith("/target@dev")]


def test_disks_take_the_next_free_place_on_their_bus():
    body = {"disks": [{"name": "a", "size": "1GiB"}, {"name": "b", "target": "vda"}, {"name": "c", "volume": "c"}]}
    born = devices.born(claims_of(body))
    assert born["devices/disk[a]/target@dev"] == "vdb"
    assert born["devices/disk[c]/target@dev"] == "vdc"
    assert "devices/disk[b]/target@dev" not in born


def test_a_new_disk_keeps_clear_of_the_disks_that_the_host_has():
    there = {"devices/disk[x]/target@dev": "vda", "devices/disk[y]/target@dev": "sda", "@type": "kvm"}
    claims = fields.lower(devices.DEVICES, {"disks": [{"name": "n"}, {"name": "iso", "device": "cdrom"}]}).claims
    assert targets(devices.born_for(claims, there)) == ["vdb", "sdb"]


def test_the_twenty_seventh_disk_has_two_letters():
    body = {"disks": [{"name": f"d{number}"} for number in range(28)]}
    assert targets(devices.born(claims_of(body)))[-3:] == ["vdz", "vdaa", "vdab"]


@pytest.mark.parametrize(
    ("disk", "machine", "bus"),
    [
        ({}, "q35", "virtio"),
        ({"device": "cdrom"}, "q35", "sata"),
        ({"device": "cdrom"}, "pc-i440fx-7.2", "ide"),
        ({"device": "floppy"}, "q35", "fdc"),
        ({"device": "lun"}, "q35", "scsi"),
        ({"target": "hdb"}, "pc", "ide"),
        ({"target": "sdb"}, "q35", "scsi"),
    ],
)
def test_a_disk_without_a_bus_gets_the_usual_one(disk, machine, bus):
    claims = claims_of({"disks": [{"name": "d", **disk}]}) | {"os/type@machine": machine}
    assert devices.born(claims)["devices/disk[d]/target@bus"] == bus


def test_a_first_scsi_disk_brings_a_controller_that_guests_know():
    claims = claims_of({"disks": [{"name": "d", "bus": "scsi", "volume": "d"}]})
    assert devices.born(claims)["devices/controller[scsi]@model"] == "virtio-scsi"
    there = {"devices/controller[scsi]": "", "@type": "kvm"}
    assert not any("controller" in address for address in devices.born_for(claims, there))


@pytest.mark.parametrize(("volume", "format"), [("a.qcow2", "qcow2"), ("a.raw", "raw"), ("a", None), ("a.img", None)])
def test_a_format_is_guessed_only_from_a_clear_name(volume, format):
    born = devices.born(claims_of({"disks": [{"name": "d", "volume": volume}]}))
    assert born.get("devices/disk[d]/driver@type") == format


def test_what_the_document_says_is_not_born():
    body = {"disks": [{"name": "d", "volume": "d.qcow2", "format": "raw", "bus": "sata", "target": "sdc"}]}
    assert devices.born(claims_of(body)) == {"devices/disk[d]/driver@name": "qemu"}


def test_a_mac_follows_from_the_names_alone():
    body = {"interfaces": [{"name": "lan", "network": "default"}, {"name": "dmz", "network": "default"}]}
    first, again = devices.born(claims_of(body)), devices.born(claims_of(body))
    assert first == again
    assert first["devices/interface[lan]/mac@address"] == "52:54:00:3d:13:9d"
    assert first["devices/interface[lan]/mac@address"] != first["devices/interface[dmz]/mac@address"]
    assert first["devices/interface[lan]/model@type"] == "virtio"


def test_other_hypervisors_choose_their_own_models():
    claims = claims_of({"interfaces": [{"name": "lan", "bridge": "br0"}], "disks": [{"name": "d"}]}) | {"@type": "xen"}
    born = devices.born(claims)
    assert "devices/interface[lan]/model@type" not in born
    assert born["devices/disk[d]/target@dev"] == "xvda"


def test_devices_need_their_volumes_and_networks():
    body = {
        "disks": [{"name": "a", "file": "/a"}, {"name": "b", "volume": "v"}, {"name": "c", "volume": "w", "pool": "s"}],
        "interfaces": [{"name": "lan", "network": "default", "external": True}],
    }
    assert devices.needs(body) == (
        Need(Ref("Volume", "default/v"), path=("spec", "disks", 1, "volume")),
        Need(Ref("Volume", "s/w"), path=("spec", "disks", 2, "volume")),
        Need(Ref("Network", "default"), external=True, path=("spec", "interfaces", 0, "network")),
    )


def test_another_source_takes_what_the_old_one_left():
    lowered = fields.lower(devices.DEVICES, {"disks": [{"name": "root", "volume": "v"}]})
    assert lowered.claims["devices/disk[root]@type"] == "volume"
    assert lowered.claims["devices/disk[root]/source@file"] is None


@pytest.mark.e2e
def test_an_import_finds_little_to_say_of_a_bare_machine(oracle):
    answer = oracle(
        "<domain type='qemu'><name>bare</name><memory unit='MiB'>64</memory>"
        "<os><type arch='x86_64' machine='q35'>hvm</type></os><devices><serial type='pty'/></devices></domain>"
    )
    texts = markup.flatten(markup.parse(answer["xml"]), devices.IDENTITIES, unit=1024, default_unit=1024)
    kept = {
        address: text
        for address, text in texts.items()
        if address.startswith("devices/") and not devices.is_noise(address, texts)
    }
    assert kept == {
        "devices/emulator": "/usr/bin/qemu-system-x86_64",
        "devices/serial[0]": "",
        "devices/serial[0]@type": "pty",
    }


@pytest.mark.parametrize(("ports", "said"), [("01", set()), ("10", {"0", "1"}), ("1", {"0"})])
def test_numbers_of_serial_ports_are_said_where_they_are_not_in_their_order(ports, said):
    texts = {}
    for place, number in enumerate(ports):
        texts |= {f"devices/serial[{place}]": "", f"devices/serial[{place}]/target@port": number}
    loud = {at for at in texts if at.endswith("@port") and not devices.is_noise(at, texts)}
    assert loud == {f"devices/serial[{place}]/target@port" for place in said}
