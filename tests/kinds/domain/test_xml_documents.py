"""Plain libvirt XML, as a whole file or as a piece in a document."""

from pathlib import Path

import pytest

from reconciler import markup
from reconciler.errors import ManifestError
from reconciler.kinds.domain import KIND
from reconciler.model.plans import Define
from tests.kinds.domain.machines import differences, observed, parsed, rendered, updated

LIVE = (Path(__file__).parent / "running.xml").read_text()
FULL = {
    "memory": {"max": "1GiB", "current": "512MiB"},
    "vcpus": {"max": 4, "current": 2},
    "disks": [{"name": "root", "file": "/x.qcow2"}],
    "interfaces": [{"name": "lan", "network": "default"}],
}


def test_a_whole_file_makes_the_machine_it_shows_and_nothing_differs(oracle):
    first = oracle.stored(rendered(FULL))
    spec = parsed(xml=first, hints={})
    again = oracle.stored(KIND.render(spec, None, ()))
    assert differences(spec, observed(again)) == ()
    assert again == first


def test_a_whole_file_says_nothing_about_power(oracle):
    spec = parsed(xml=oracle.stored(rendered({})), hints={})
    assert not any(address.startswith("!") for address in spec.claims)
    assert [type(step) for step in KIND.create(spec)] == [Define]


def test_a_file_that_shows_a_running_guest_asks_for_nothing_of_the_moment():
    spec = parsed(xml=LIVE, name="seen", hints={})
    text = KIND.render(spec, None, ())
    for word in ("vnet0", "libvirt-9", "/dev/pts", "alias", "backingStore", "connected", "/machine", "5900"):
        assert word not in text, word
    assert spec.claims["uuid"] and "5f:11:22" in text


def test_a_socket_that_libvirt_made_for_the_guest_is_of_the_moment_with_all_that_is_said_of_it():
    claims = parsed(xml=LIVE, name="seen", hints={}).claims
    assert not [address for address in claims if "guest_agent" in address and "/source" in address]


def test_a_whole_file_owns_its_devices(oracle):
    spec = parsed(xml=oracle.stored(rendered({})), hints={})
    with_disk = oracle.stored(rendered(FULL))
    gone = [diff.address for diff in differences(spec, observed(with_disk)) if diff.after is None]
    assert "devices/disk[root]" in gone and "devices/interface[lan]" in gone


def test_a_uuid_that_differs_is_refused(oracle):
    first = oracle.stored(rendered({}))
    spec = parsed(xml=first, hints={})
    other = observed(oracle.stored(rendered({})))
    (diff,) = [diff for diff in differences(spec, other) if diff.address == "uuid"]
    assert KIND.judge(diff, None).disruption.word == "refused"
    assert updated(spec, other) == ()


def test_a_piece_of_xml_reaches_into_a_typed_device(oracle):
    overlay = "<domain><devices><disk><target dev='vda'/><driver iothread='1'/></disk></devices></domain>"
    body = {"iothreads": 1, "disks": [{"name": "root", "file": "/x.qcow2", "target": "vda"}], "xml": overlay}
    spec = parsed(body)
    stored = oracle.stored(KIND.render(spec, None, ()))
    disks = markup.parse(stored).findall("devices/disk")
    assert len(disks) == 1 and disks[0].find("driver").get("iothread") == "1"
    assert [diff for diff in differences(spec, observed(stored)) if diff.address != "!power"] == []


def test_a_piece_of_xml_wins_over_a_field():
    spec = parsed({"memory": "1GiB", "xml": "<domain><memory unit='GiB'>2</memory></domain>"})
    assert spec.claims["memory"] == str(2 << 20)


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ({"xml": "<network/>"}, "R111"),
        ({"xml": "<domain>"}, "R110"),
        ({"xml": "<domain><name>other</name></domain>"}, "R207"),
        ({"memory": {"max": "1GiB", "current": "2GiB"}}, "R204"),
        ({"vcpus": {"max": 1, "current": 2}}, "R204"),
        ({"vcpus": 4, "cpu": {"topology": {"cores": 3}}}, "R204"),
        (
            {
                "boot": ["hd"],
                "xml": "<domain><devices><disk><target dev='vda'/><boot order='1'/></disk></devices></domain>",
            },
            "R207",
        ),
        ({"cpu": {"check": "full"}}, "R205"),
        ({"memory": {"hotplug": {"max": "4GiB"}}}, "R205"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(body, number):
    with pytest.raises(ManifestError) as caught:
        parsed(body)
    problem = caught.value.problems[0]
    assert problem.number == number and problem.where.startswith("web.yaml")


def test_every_problem_is_told():
    with pytest.raises(ManifestError) as caught:
        parsed({"vcpus": {"max": 1, "current": 2}, "memory": {"max": "1GiB", "current": "2GiB"}})
    assert len(caught.value.problems) == 2


def test_s14_r15_a_change_of_memory_leaves_everything_else_as_it_was(oracle):
    body = {**FULL, "firmware": "uefi", "features": {"smm": True}}
    first = oracle.stored(rendered({**body, "memory": "1GiB"}))
    (step,) = updated(parsed({**body, "memory": "2GiB", "power": "unmanaged"}), observed(first))
    second = oracle.stored(step.xml)
    assert second == first.replace(">1048576<", ">2097152<")


def test_r7_a_running_uefi_guest_leaves_nothing_to_do(oracle):
    stored = oracle.stored(rendered({"firmware": "uefi"}))
    live = stored.replace(
        "<boot dev='hd'/>",
        "<loader readonly='yes' type='pflash'>/usr/share/OVMF/x.fd</loader><nvram>/n.fd</nvram><boot dev='hd'/>",
    )
    assert differences(parsed({"firmware": "uefi"}), observed(stored, running=True, live=live)) == ()


def test_an_import_keeps_what_no_field_can_say(oracle):
    odd = "<domain><memoryBacking><locked/></memoryBacking><perf><event name='cmt' enabled='yes'/></perf></domain>"
    stored = oracle.stored(rendered({**FULL, "xml": odd}))
    seen = observed(stored)
    body = KIND.dump({**KIND.read(stored), **seen.facts})
    assert "perf" in body["xml"] and "memoryBacking" not in body["xml"]
    assert differences(parsed(body), seen) == ()
