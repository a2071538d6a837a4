"""A device that changes its bus or model on a machine that exists: libvirt takes it, and what it needs comes along."""

import pytest

from reconciler import markup
from reconciler.engine.decide import Case, decide
from reconciler.kinds.domain import KIND
from reconciler.model.inventory import Applied
from reconciler.model.plans import Define
from tests.kinds.domain.machines import differences, judged, observed, parsed

pytestmark = pytest.mark.e2e

DISK = {"name": "root", "file": "/srv/a.img", "target": "vda"}
MOVES = [
    ({"disks": [{**DISK, "bus": "virtio"}]}, {"disks": [{**DISK, "bus": "sata"}]}),
    ({"disks": [{**DISK, "bus": "sata"}]}, {"disks": [{**DISK, "bus": "scsi"}]}),
    ({"disks": [{**DISK, "bus": "scsi"}]}, {"disks": [{**DISK, "bus": "virtio"}]}),
    ({"disks": [{**DISK, "bus": "virtio"}]}, {"disks": [{**DISK, "bus": "usb"}]}),
    ({"watchdog": "i6300esb"}, {"watchdog": "ib700"}),
    (
        {"interfaces": [{"name": "a", "type": "user"}]},
        {"interfaces": [{"name": "a", "type": "user", "model": "e1000"}]},
    ),
    ({"inputs": [{"type": "tablet", "bus": "usb"}]}, {"inputs": [{"type": "tablet", "bus": "virtio"}]}),
    ({"serials": ["pty"]}, {"serials": [{"type": "pty", "target": "pci-serial"}]}),
    ({}, {"serials": []}),
    ({"sounds": ["ich9"]}, {"sounds": ["usb"]}),
    ({"graphics": ["spice"]}, {"graphics": ["vnc"]}),
]


def stored_after(first, second, oracle):
    """The document's Spec and libvirt's definition once the second has been applied over the first."""
    there = observed(oracle.stored(KIND.render(parsed({"machine": "q35", "power": "stopped", **first}), None, ())))
    spec = parsed({"machine": "q35", "power": "stopped", **second})
    situation, found = judged(spec, there)
    return spec, oracle.stored(KIND.render(spec, situation, [item.diff for item in found]))


@pytest.mark.parametrize(("first", "second"), MOVES)
def test_a_device_moves(first, second, oracle):
    spec, after = stored_after(first, second, oracle)
    assert differences(spec, observed(after)) == ()


@pytest.mark.parametrize(
    "first", [{}, {"disks": [{**DISK, "bus": "virtio"}]}], ids=["a new disk", "a disk that changes its bus"]
)
def test_the_first_scsi_disk_brings_a_controller_that_guests_know(first, oracle):
    spec, after = stored_after(first, {"disks": [{**DISK, "bus": "scsi"}]}, oracle)
    assert differences(spec, observed(after)) == ()
    models = [found.get("model") for found in markup.parse(after).iterfind("devices/controller[@type='scsi']")]
    assert models == ["virtio-scsi"]


def test_a_second_scsi_disk_brings_none(oracle):
    both = {"disks": [{**DISK, "bus": "scsi"}, {"name": "more", "file": "/srv/b.img", "bus": "scsi"}]}
    _, after = stored_after({"disks": [{**DISK, "bus": "scsi"}]}, both, oracle)
    assert len(markup.parse(after).findall("devices/controller[@type='scsi']")) == 1


LOADER = {"loader": "/usr/share/OVMF/OVMF_CODE_4M.fd", "loaderType": "pflash", "loaderReadonly": True}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"firmware": LOADER}, {}),
        ({"firmware": LOADER}, {"firmware": "uefi"}),
        ({"firmware": "uefi"}, {"firmware": "bios"}),
        ({"firmware": "uefi"}, {"firmware": LOADER}),
        ({"memory": {"hugepages": "2MiB"}}, {"memory": "1GiB"}),
        ({"features": {"kvm": {"hidden": True}}}, {"firmware": "uefi"}),
    ],
)
def test_what_the_first_document_set_leaves_nothing_that_libvirt_refuses(first, second, oracle):
    there = observed(oracle.stored(KIND.render(parsed({"machine": "q35", "power": "stopped", **first}), None, ())))
    applied = Applied(claims=parsed({"machine": "q35", "power": "stopped", **first}).claims)
    spec = parsed({"machine": "q35", "power": "stopped", **second})
    situation, found = judged(spec, there, applied=applied)
    after = oracle.stored(KIND.render(spec, situation, [item.diff for item in found]))
    assert differences(spec, observed(after)) == ()
    assert markup.parse(after).find("features/acpi") is not None


CDROM = {"name": "iso", "device": "cdrom", "file": "/srv/x.iso", "target": "sdb", "tray": "open"}
LAN = {"name": "lan", "bridge": "ovs0", "virtualPort": "openvswitch"}
VEPA = {"type": "802.1Qbg", "manager": 11, "typeId": 1193047, "typeVersion": 2}
VEPA_INSTANCE = "09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f"
SUCCESSIONS = [
    pytest.param(
        {"serials": ["pty"], "consoles": [{"type": "pty", "target": "virtio"}]},
        {
            "serials": [
                {"type": "null", "target": "pci-serial"},
                {"type": "udp", "host": "10.0.0.1", "port": 514, "mode": "connect", "target": "usb-serial"},
            ]
        },
        {"devices/console/target[@type='virtio']": 0},
        id="a virtio console behind the mirror of a serial port",
    ),
    pytest.param(
        {"serials": ["pty"]},
        {"consoles": [{"type": "pty", "target": "virtio"}]},
        {"devices/serial": 0, "devices/console": 1},
        id="a serial port that a console takes the place of",
    ),
    pytest.param({"smartcard": "host"}, {}, {"devices/smartcard": 0}, id="a smartcard reader"),
    pytest.param(
        {"watchdog": {"model": "i6300esb", "action": "poweroff"}}, {}, {"devices/watchdog": 0}, id="a watchdog"
    ),
    pytest.param(
        {"clock": {"timezone": "Europe/Berlin"}},
        {"clock": {"timers": [{"name": "hpet", "present": False}]}},
        {"clock[@offset='utc']": 1},
        id="a time zone",
    ),
    pytest.param({"features": {"acpi": True}}, {"firmware": "uefi"}, {"features/acpi": 1}, id="ACPI that UEFI needs"),
    pytest.param({"features": {"acpi": False}}, {"firmware": "uefi"}, {"features/acpi": 1}, id="no ACPI"),
    pytest.param(
        {"features": {"apic": {"eoi": True}}}, {}, {"features/apic": 1, "features/apic[@eoi]": 0}, id="an APIC"
    ),
    pytest.param(
        {"disks": [CDROM]},
        {"disks": [{"name": "data", "file": "/srv/b.raw", "bus": "scsi", "target": "sdb", "rotationRate": 7200}]},
        {"devices/disk": 1, "devices/disk[@device='disk']": 1, "devices/disk/readonly": 0},
        id="a CD-ROM in the place of a disk",
    ),
    pytest.param(
        {"interfaces": [LAN]},
        {
            "interfaces": [
                {"name": "lan", "direct": {"device": "eth0"}, "virtualPort": {**VEPA, "instance": VEPA_INSTANCE}}
            ]
        },
        {"devices/interface/virtualport/parameters[@interfaceid]": 0},
        id="what libvirt put into the old virtual port",
    ),
    pytest.param(
        {"disks": [{"name": "root", "network": {"protocol": "nbd", "name": "a", "hosts": ["h.example"]}}]},
        {"disks": [{"name": "root", "network": {"protocol": "nfs", "name": "/a", "hosts": ["h.example"]}}]},
        {"devices/disk/source/host[@port]": 0},
        id="the port of another protocol",
    ),
    pytest.param(
        {"videos": [{"model": "virtio", "heads": 2}]},
        {"videos": ["vga"]},
        {"devices/video/model[@heads='2']": 0},
        id="the heads of another video card",
    ),
]


@pytest.mark.parametrize(("first", "second", "counts"), SUCCESSIONS)
def test_nothing_is_left_of_the_document_before(first, second, counts, oracle):
    old = parsed({"machine": "q35", "power": "stopped", **first})
    spec = parsed({"machine": "q35", "power": "stopped", **second})
    there = observed(oracle.stored(KIND.render(old, None, ())))
    applied = Applied(claims=old.claims)
    situation, found = judged(spec, there, applied=applied)
    after = oracle.stored(KIND.render(spec, situation, [item.diff for item in found]))
    assert differences(spec, observed(after)) == ()
    assert {path: len(markup.parse(after).findall(path)) for path in counts} == counts


def test_what_was_said_of_a_disk_under_its_old_name_goes_too(oracle):
    old = parsed({"power": "stopped", "disks": [{**DISK, "bus": "virtio", "cache": "none"}]})
    spec = parsed({"power": "stopped", "disks": [{**DISK, "bus": "virtio", "name": "system"}]})
    there = observed(oracle.stored(KIND.render(old, None, ())))
    applied = Applied(claims=old.claims)
    case = Case(kind=KIND, spec=spec, observed=there, owned=None, applied=applied, owners=("team-a",))
    change = decide(case).changes[-1]
    define = next(step for step in change.steps if isinstance(step, Define))
    after = markup.parse(oracle.stored(define.xml))
    assert [(field.path, field.after) for field in change.fields] == [("disks[system].cache", None)]
    assert after.find("devices/disk/driver").get("cache") is None
    assert after.find("devices/disk/source").get("file") == DISK["file"]


def test_a_console_without_a_target_is_the_mirror_of_the_first_serial_port(oracle):
    spec = parsed({"machine": "q35", "power": "stopped", "consoles": ["pty", {"type": "pty", "target": "virtio"}]})
    stored = oracle.stored(KIND.render(spec, None, ()))
    assert differences(spec, observed(stored)) == ()
    whole = (
        "<domain type='qemu'><name>web</name><os><type>hvm</type></os><devices><console type='pty'/></devices></domain>"
    )
    assert "devices/console[serial]" in parsed(xml=whole).claims
