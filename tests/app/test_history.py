"""What the history of a resource says of each version."""

from reconciler.app import wiring
from reconciler.app.history import changed

PLAIN = "<domain type='kvm'><name>web</name><os><type>hvm</type></os><features/><devices/></domain>"
DISK = "<disk type='file' device='disk'><source file='/a.img'/><target dev='vda' bus='virtio'/></disk>"


def fields(before, after):
    return {field.path: (field.before, field.after) for field in changed(wiring.kinds()["Domain"], before, after)}


def test_a_device_is_told_by_its_values_alone():
    assert fields(PLAIN, PLAIN.replace("<devices/>", f"<devices>{DISK}</devices>")) == {
        "disks[vda].source": (None, "file"),
        "disks[vda].file": (None, "/a.img"),
        "disks[vda].device": (None, "disk"),
        "disks[vda].target": (None, "vda"),
        "disks[vda].bus": (None, "virtio"),
    }


def test_an_element_that_is_nothing_but_there_is_told():
    ((before, after),) = fields(PLAIN, PLAIN.replace("<features/>", "<features><acpi/></features>")).values()
    assert before is None and after is not None


def test_a_first_and_a_last_version_have_nothing_beside_them():
    assert fields(None, PLAIN) == fields(PLAIN, None) == {}
