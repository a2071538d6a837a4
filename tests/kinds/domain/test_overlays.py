"""`xml:` in a Domain, on libvirt itself: what it says arrives, what it refuses goes, what it leaves is taken back."""

import pytest

from reconciler.engine import compare
from reconciler.entries import path_of
from reconciler.errors import ManifestError
from reconciler.kinds.domain import KIND
from reconciler.model.inventory import Applied
from tests.kinds.domain.machines import differences, judged, observed, parsed, situation

BODY = {
    "power": "unmanaged",
    "disks": [{"name": "root", "file": "/x.qcow2", "target": "vda"}, {"name": "data", "file": "/y.qcow2"}],
    "interfaces": [{"name": "lan", "network": "default", "mac": "52:54:00:00:00:01"}],
}
NOTE = '<x:note xmlns:x="urn:x" b="2" a="1"><!-- theirs --><x:k> v  w </x:k><x:m>one<x:b/>two</x:m></x:note>'


def made(oracle, xml, body=BODY):
    """The spec, and the host right after it was applied."""
    spec = parsed({**body, "xml": xml})
    return spec, observed(oracle.stored(KIND.render(spec, None, ())))


def applied(spec, seen):
    return Applied(claims=spec.claims, settled=compare.settle(KIND, spec, situation(spec, seen).texts))


def after(oracle, body, seen, before):
    """The host after another body was applied to it, and the paths that changed for it."""
    spec = parsed(body)
    here, found = judged(spec, seen, applied=before)
    paths = [path_of(KIND.table, item.diff.address) for item in found]
    return observed(oracle.stored(KIND.render(spec, here, [item.diff for item in found]))), paths


@pytest.mark.parametrize(
    ("xml", "path"),
    [
        (
            "<domain><devices><disk><target dev='vda'/><driver copy_on_read='on'/></disk></devices></domain>",
            "copyOnRead",
        ),
        ("<domain><devices><disk><alias name='ua-data'/><serial>X1</serial></disk></devices></domain>", "disks[data]"),
        (
            "<domain><devices><interface><mac address='52:54:00:00:00:01'/><backend tap='/dev/net/tun'/></interface>"
            "</devices></domain>",
            "devices/interface[lan]/backend",
        ),
        ("<domain><clock><timer name='rtc' tickpolicy='catchup'/></clock></domain>", "clock.timers[rtc]"),
        ("<domain><devices><hub type='usb'/><hub type='usb'/></devices></domain>", "xml:devices/hub[1]"),
        ("<domain><features><vmcoreinfo state='on'/></features></domain>", "features"),
        ("<domain><genid>6f0d4e3a-0c8f-4c4b-9a5f-1a2b3c4d5e6f</genid></domain>", "genid"),
        ("<domain><qemu:commandline><qemu:arg value='-s'/></qemu:commandline></domain>", "xml:qemu:commandline"),
        (f"<domain><metadata>{NOTE}</metadata></domain>", "xml:metadata"),
        (
            "<domain><sysinfo type='fwcfg'><entry name='opt/a'>x</entry><entry name='opt/b'>y</entry></sysinfo>"
            "</domain>",
            "xml:sysinfo[fwcfg]",
        ),
    ],
)
def test_a_piece_arrives_and_is_taken_back_with_its_line(oracle, xml, path):
    plain = parsed(BODY)
    spec, seen = made(oracle, xml)
    assert differences(spec, seen) == ()
    back, paths = after(oracle, BODY, seen, applied(spec, seen))
    assert any(path in known for known in paths), paths
    assert differences(plain, back) == ()
    added = KIND.read(seen.xml).keys() - KIND.read(oracle.stored(KIND.render(plain, None, ()))).keys()
    ours = {at for at in added if not any(part in at for part in ("/address", "devices/controller"))}
    assert not ours & KIND.read(back.xml).keys()


def test_what_others_wrote_stays_to_the_letter_while_something_else_changes(oracle):
    _, seen = made(oracle, f"<domain><metadata>{NOTE}</metadata></domain>")
    written = seen.xml[seen.xml.index("<x:note") : seen.xml.index("</x:note>")]
    assert "<!-- theirs -->" in written
    here, found = judged(parsed({**BODY, "title": "b"}), seen)
    assert written in KIND.render(here.spec, here, [item.diff for item in found])


def test_drift_inside_metadata_of_others_is_seen(oracle):
    spec, seen = made(oracle, f"<domain><metadata>{NOTE}</metadata></domain>")
    (diff,) = differences(spec, observed(seen.xml.replace("</x:m>", " more</x:m>")))
    assert path_of(KIND.table, diff.address) == "xml:metadata/{urn:x}note"


@pytest.mark.parametrize(
    ("element", "gone"),
    [
        ("<devices><disk reconciler:remove='yes'><alias name='ua-data'/></disk></devices>", "ua-data"),
        ("<devices><disk reconciler:remove='yes'><target dev='vda'/></disk></devices>", "ua-root"),
        ("<features><apic reconciler:remove='yes'/></features>", "<apic"),
        ("<devices><memballoon reconciler:remove='yes'/></devices>", "<memballoon model='virtio'"),
        ("<devices><controller type='usb' reconciler:remove='yes'/></devices>", "qemu-xhci"),
        ("<devices><serial reconciler:remove='yes'/></devices>", "<serial"),
    ],
)
def test_what_must_not_be_there_is_not_made_and_goes_where_it_is(oracle, element, gone):
    spec, seen = made(oracle, f"<domain>{element}</domain>")
    assert gone not in seen.xml and differences(spec, seen) == ()
    with_it = observed(oracle.stored(KIND.render(parsed(BODY), None, ())))
    assert gone in with_it.xml
    without, _ = after(oracle, {**BODY, "xml": f"<domain>{element}</domain>"}, with_it, Applied())
    assert gone not in without.xml
    assert differences(spec, without) == ()


def test_an_attribute_that_must_not_be_there_goes(oracle):
    body = {**BODY, "disks": [{"name": "root", "file": "/x", "cache": "none"}]}
    piece = (
        "<domain><devices><disk><alias name='ua-root'/><driver reconciler:remove='@cache'/></disk></devices></domain>"
    )
    spec, seen = made(oracle, piece, body)
    assert "cache=" not in seen.xml
    drifted = observed(seen.xml.replace("type='raw'", "type='raw' cache='none'"))
    (diff,) = differences(spec, drifted)
    assert (path_of(KIND.table, diff.address), diff.after) == ("disks[root].cache", None)


@pytest.mark.parametrize("element", ["<memory reconciler:remove='yes'/>", "<os><type reconciler:remove='yes'/></os>"])
def test_what_no_machine_is_without_cannot_be_removed(element):
    with pytest.raises(ManifestError, match="R215"):
        parsed({"xml": f"<domain>{element}</domain>"})


@pytest.mark.parametrize(
    "element",
    [
        "<devices><disk type='file'><target dev='vda'/><mirror type='file' job='copy'/></disk></devices>",
        "<devices><serial type='pty' tty='/dev/pts/3'/></devices>",
    ],
)
def test_what_only_a_running_machine_has_cannot_be_asked_for(element):
    with pytest.raises(ManifestError, match="R215"):
        parsed({"xml": f"<domain>{element}</domain>"})
    with pytest.raises(ManifestError, match="R215"):
        parsed({"xml": "<domain id='3'/>"})


def test_pieces_of_profiles_are_laid_under_that_of_the_document(oracle):
    pieces = [
        "<domain><devices><watchdog model='i6300esb' action='reset'/></devices><title>from below</title></domain>",
        "<domain><devices><watchdog action='poweroff'/></devices></domain>",
    ]
    spec, seen = made(oracle, pieces)
    assert "<watchdog model='i6300esb' action='poweroff'>" in seen.xml and "from below" in seen.xml
    assert differences(spec, seen) == ()


def test_taking_a_piece_back_leaves_what_the_fields_say_inside_of_it(oracle):
    body = {**BODY, "smbios": {"bios": {"vendor": "Example"}}}
    spec, seen = made(oracle, "<domain><sysinfo type='smbios'/></domain>", body)
    back, _ = after(oracle, body, seen, applied(spec, seen))
    assert "Example" in back.xml


def test_a_name_of_another_machine_is_refused():
    with pytest.raises(ManifestError, match="R207"):
        parsed({"xml": "<domain><name>other</name></domain>"})
    assert "name" not in parsed({"xml": "<domain><name>web</name></domain>"}).claims
