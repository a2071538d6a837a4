"""A device that changes its bus or model on a machine that exists: libvirt takes it, and what it needs comes along."""

import pytest

from reconciler import markup
from reconciler.kinds.domain import KIND
from reconciler.model.inventory import Applied
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
