"""What libvirt lists for an emulator is taken, what it does not list is refused, by the plan as by libvirt itself."""

from __future__ import annotations

from dataclasses import replace

import libvirt
import pytest

from reconciler.adapters.virt import facts
from reconciler.adapters.virt.abilities import read
from reconciler.adapters.virt.connection import connect
from reconciler.kind import Context
from reconciler.kinds import KINDS
from reconciler.kinds.domain.abilities import LISTS, lacking
from reconciler.model.documents import Document, Place
from reconciler.model.refs import Ref

DISK = "<disk type='file' device='disk'><source file='@disk@'/><target dev='{dev}' bus='{bus}'/></disk>"
# A value for each place, in a definition that has nothing else to be refused for.
PARTS = {
    "devices/disk/target@bus": {
        word: DISK.format(bus=word, dev=dev)
        for word, dev in {"virtio": "vda", "sata": "sda", "usb": "sda", "scsi": "sda", "ide": "hda"}.items()
    },
    "devices/video/model@type": {
        word: f"<video><model type='{word}'/></video>" for word in ("vga", "virtio", "bochs", "gop", "xen", "parallels")
    },
    "devices/graphics@type": {word: f"<graphics type='{word}'/>" for word in ("vnc", "spice", "rdp", "desktop")},
    "devices/tpm@model": {
        word: f"<tpm model='{word}'><backend type='emulator' version='2.0'/></tpm>"
        for word in ("tpm-tis", "tpm-crb", "tpm-spapr")
    },
    "devices/rng@model": {
        "virtio": "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
    },
}
CASES = [
    pytest.param(place, word, f"<devices>{inner}</devices>", id=f"{place}-{word}")
    for place, words in PARTS.items()
    for word, inner in words.items()
]
CASES += [
    pytest.param("cpu/model", word, f"<cpu mode='custom' match='exact'><model>{word}</model></cpu>", id=f"cpu-{word}")
    for word in ("qemu64", "Nonsuch", "POWER9")
]
CASES += [pytest.param("cpu@mode", word, f"<cpu mode='{word}'/>", id=word) for word in ("host-passthrough", "maximum")]
CASES += [
    pytest.param("vcpu", "300", "<vcpu>300</vcpu>", id="vcpus"),
    pytest.param("features/gic@version", "3", "<features><gic version='3'/></features>", id="gic"),
    pytest.param(
        "launchSecurity@type",
        "sev",
        "<launchSecurity type='sev'><cbitpos>47</cbitpos><reducedPhysBits>1</reducedPhysBits><policy>3</policy>"
        "</launchSecurity>",
        id="sev",
    ),
    pytest.param(
        "memoryBacking/source@type", "memfd", "<memoryBacking><source type='memfd'/></memoryBacking>", id="memfd"
    ),
]
MACHINE = (
    "<domain type='qemu'><name>p</name><memory unit='MiB'>64</memory><os><type arch='x86_64' machine='q35'>hvm</type>"
    "</os>{part}</domain>"
)


@pytest.fixture(scope="module")
def host(embedded_host, tmp_path_factory):
    found = embedded_host("abilities")
    disk = tmp_path_factory.mktemp("disks") / "a.img"
    disk.write_bytes(bytes(1 << 20))
    with connect(found.connect, found.state_dir) as connection:
        yield connection, disk


def parsed(part: str):
    """The Spec of a definition with this part."""
    xml = MACHINE.format(part=part)
    document = Document(ref=Ref("Domain", "p"), host=None, labels={}, body={}, xml=xml, places={(): Place("p.xml")})
    return KINDS["Domain"].parse(document, Context("h"))


def lacks(connection: libvirt.virConnect, part: str) -> list[str]:
    """What the plan says that the host lacks for a definition with this part."""
    document = Document(
        ref=Ref("Domain", "p"),
        host=None,
        labels={},
        body={},
        xml=MACHINE.format(part=part),
        places={(): Place("p.xml")},
    )
    spec = KINDS["Domain"].parse(document, Context("h"))
    fresh = {address: text for address, text in spec.claims.items() if text}
    return [lack.message for lack in lacking(fresh, spec, {}, facts.gather(connection))]


def refusal(connection: libvirt.virConnect, part: str, *, start: bool) -> str:
    """What libvirt itself says when it is defined, and started; "" where it takes it."""
    domain = None
    try:
        domain = connection.defineXML(MACHINE.format(part=part))
        if start:
            domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    except libvirt.libvirtError as error:
        return error.get_error_message()
    finally:
        if domain is not None:
            if domain.isActive():
                domain.destroy()
            domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
    return ""


@pytest.mark.e2e
@pytest.mark.parametrize(("place", "word", "part"), CASES)
def test_the_plan_refuses_what_libvirt_refuses_and_nothing_that_it_takes(host, place, word, part):
    connection, disk = host
    part = part.replace("@disk@", str(disk))
    said = lacks(connection, part)
    assert all(word in message for message in said)
    # libvirt refuses some things when it defines and some when it starts; what the plan takes is started below.
    assert bool(said) == bool(refusal(connection, part, start=bool(said)))


@pytest.mark.e2e
def test_what_the_plan_takes_starts(host):
    connection, disk = host
    inner = "".join(
        PARTS[place][word]
        for place, word in {
            "devices/disk/target@bus": "sata",
            "devices/video/model@type": "bochs",
            "devices/graphics@type": "vnc",
            "devices/tpm@model": "tpm-crb",
            "devices/rng@model": "virtio",
        }.items()
    )
    part = f"<devices>{inner}</devices><cpu mode='custom'><model>qemu64</model></cpu>".replace("@disk@", str(disk))
    assert (lacks(connection, part), refusal(connection, part, start=True)) == ([], "")


@pytest.mark.e2e
def test_every_value_that_is_listed_passes_and_one_that_is_not_does_not(host):
    here = facts.gather(host[0])
    found = here.abilities("qemu", "x86_64", "q35")
    assert found is not None and found.vcpus > 1
    spec = parsed("")
    for place, name in LISTS.items():
        for word in found.lists.get(name, ()):
            assert list(lacking({place: word}, spec, {}, here)) == []
        if name in found.lists:
            assert list(lacking({place: "nonsuch"}, spec, {}, here))


@pytest.mark.e2e
def test_an_architecture_and_a_machine_of_another_are_told(host):
    here = facts.gather(host[0])
    spec = parsed("")
    for leaf, word in (("os/type@arch", "aarch64"), ("os/type@machine", "virt")):
        asked = replace(spec, claims={**spec.claims, leaf: word})
        # A machine that no emulator of the host has is told by the list of machines.
        elsewhere = replace(here, machines={**here.machines, "virt": "virt-7.2"})
        (told,) = lacking({leaf: word}, asked, {}, elsewhere)
        assert word in told.message


def test_what_stands_in_no_list_is_not_known():
    found = read(
        "<domainCapabilities><domain>xen</domain><devices><disk supported='yes'/></devices></domainCapabilities>"
    )
    assert (found.name, found.vcpus, found.lists, found.supported) == (
        "xen on this host",
        0,
        {},
        {"devices/disk": True},
    )


def test_the_lists_of_what_is_not_supported_hold_nothing():
    modes = "<cpu><mode name='custom' supported='no'/></cpu>"
    devices = "<devices><tpm supported='no'><enum name='model'><value>tpm-tis</value></enum></tpm></devices>"
    text = f"<domainCapabilities><machine>virt</machine>{modes}{devices}</domainCapabilities>"
    found = read(text)
    assert found.supported == {"cpu/custom": False, "devices/tpm": False}
    assert found.lists == {}
