"""Devices that come, change and go while a guest runs, as the guest itself sees them; nothing restarts.

`Machine.change` holds of each change that it is said to cost nothing, is done, and leaves nothing to do or to wait for.
What cannot be plugged is said to need a restart before it is tried.
"""

import shutil
from pathlib import Path

import pytest

from reconciler import markup
from tests.scenarios.inside import within
from tests.scenarios.live import CONFIG, LIVE, aliases, bench, costs_of, disc, document, guest_spec, image, told
from tests.scenarios.test_storage import pool, volume

pytestmark = pytest.mark.e2e

CONTROLLER = "<domain><devices><controller type='scsi' index='0' model='virtio-scsi'/></devices></domain>"
NETWORKS = {"lan": 1, "dmz": 2, "office": 3}
SILENCE = """<filter name='silence' chain='root'>
  <rule action='drop' direction='out' priority='100'><mac protocolid='ipv4'/></rule></filter>"""
NOTHING = "<filter name='nothing' chain='root'/>"
VIRTIOFSD = ("/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd")
MAC = "52:54:00:00:00:01"
OTHER_MAC = "52:54:00:00:00:02"


def network(name, number):
    """An isolated network with a DHCP server, so that a guest can tell where it is. Without STP: that learns for four
    seconds before it lets a new port speak.
    """
    inside = {"start": f"10.40.{number}.100", "end": f"10.40.{number}.150"}
    subnet = {"address": f"10.40.{number}.1", "prefix": 24, "dhcp": {"ranges": [inside]}}
    return document(name, "Network", forward="isolated", bridge={"name": f"br-{name}", "stp": False}, ips=[subnet])


@pytest.fixture(scope="module")
def made(embedded_host, guest, tmp_path_factory):
    directory = tmp_path_factory.mktemp("devices")
    spec = guest_spec(
        guest,
        memory={"max": "192MiB", "backing": {"source": "memfd", "access": "shared"}},
        disks=[CD],
        interfaces=[],
        xml=CONTROLLER,
    )
    beside = {f"{name}.yaml": network(name, number) for name, number in NETWORKS.items()}
    beside |= {"images.yaml": pool(directory / "images"), "silence.xml": SILENCE, "nothing.xml": NOTHING}
    yield from bench(embedded_host("devices"), directory, "guest", spec, beside=beside)


@pytest.fixture
def machine(made):
    return made.fresh()


@pytest.fixture
def inside(machine):
    return machine.inside


@pytest.fixture(scope="module")
def made_pc(embedded_host, guest, tmp_path_factory):
    """The other chipset: conventional PCI, IDE, and nothing on it that the guest does not need."""
    spec = guest_spec(guest, machine="pc", disks=[], interfaces=[])
    yield from bench(embedded_host("pc"), tmp_path_factory.mktemp("pc"), "guest", spec)


@pytest.fixture
def pc(made_pc):
    return made_pc.fresh()


CD = {"name": "cd", "device": "cdrom", "bus": "scsi", "target": "sda"}


def disk(path, mebibytes=4, **more):
    return {"name": path.name, "file": image(path, mebibytes), "format": "raw", "serial": path.name, **more}


def card(**more):
    return {"name": "lan", "network": "lan", "mac": MAC, **more}


# Disks


@pytest.mark.parametrize("bus", ["virtio", "scsi"])
@pytest.mark.proves("Domain", "devices/disk[]")
def test_a_disk_comes_and_goes(machine, inside, tmp_path, bus):
    before = set(inside.blocks())
    machine.change(disks=[CD, disk(tmp_path / "data", bus=bus)])
    assert within(10, lambda: len(set(inside.blocks()) - before) == 1)
    (name,) = set(inside.blocks()) - before
    assert inside.block_size(name) == 4 << 20
    machine.change()
    assert set(inside.blocks()) == before and machine.seen() == machine.born


@pytest.mark.proves("Domain", "devices/disk[]")
def test_a_usb_disk_comes_and_goes_as_qemu_tells(machine, inside, tmp_path):
    machine.change(disks=[CD, disk(tmp_path / "stick", bus="usb")])
    assert "USB MSD" in inside.monitor("info usb")
    machine.change()
    assert "USB MSD" not in inside.monitor("info usb") and machine.seen() == machine.born


@pytest.mark.proves("Domain", "devices/disk[]")
def test_one_disk_takes_the_place_of_another_in_one_change(machine, inside, tmp_path):
    machine.change(disks=[CD, disk(tmp_path / "old", bus="virtio")])
    machine.change(disks=[CD, disk(tmp_path / "new", 8, bus="virtio")])
    assert within(10, lambda: list(inside.serials()) == ["new"])
    assert inside.block_size(inside.serials()["new"]) == 8 << 20
    machine.change()
    assert inside.serials() == {}


def test_the_order_of_disks_and_cards_in_the_document_means_nothing(machine, tmp_path):
    disks = [CD, disk(tmp_path / "a", bus="virtio"), disk(tmp_path / "b", bus="virtio")]
    cards = [card(), card(name="dmz", network="dmz", mac=OTHER_MAC)]
    machine.change(disks=disks, interfaces=cards)
    assert machine.plan(disks=disks[::-1], interfaces=cards[::-1]) == {}
    assert machine.waiting() == []
    machine.change()


@pytest.mark.proves("Domain", "devices/disk[]")
def test_s27_a_disk_leaves_the_guest_before_its_volume_is_deleted(machine, inside):
    machine.lab.write(volume("extra", capacity="4MiB", format="raw", deletionPolicy="delete"), "extra.yaml")
    extra = {"name": "extra", "volume": "extra", "pool": "images", "bus": "virtio", "serial": "extra"}
    machine.change(disks=[CD, extra])
    assert within(10, lambda: "extra" in inside.serials())
    connection = machine.lab.connect()
    path = Path(connection.storagePoolLookupByName("images").storageVolLookupByName("extra").path())
    connection.close()
    machine.lab.remove("extra.yaml")
    machine.change("--allow", "delete")
    assert inside.serials() == {} and not path.exists()


@pytest.mark.proves("Domain", "devices/disk[]/iotune*")
def test_limits_of_a_disk_are_set_changed_and_taken_away(machine, tmp_path):
    plain = disk(tmp_path / "data", bus="virtio", target="vda")
    machine.change(disks=[CD, plain])

    def limits():
        asked = machine.domain.blockIoTune("vda", LIVE)
        return asked["total_bytes_sec"], asked["read_iops_sec"], asked["write_iops_sec"]

    slow = {"totalBytes": 1_000_000, "readIops": 500}
    planned = machine.change(disks=[CD, {**plain, "limits": slow}])
    assert set(costs_of(planned)) == {"disks[data].limits.totalBytes", "disks[data].limits.readIops"}
    assert limits() == (1_000_000, 500, 0)
    machine.change(disks=[CD, {**plain, "limits": {"totalBytes": 2_000_000, "writeIops": 50}}])
    assert limits() == (2_000_000, 0, 50)
    machine.change(disks=[CD, plain])
    assert limits() == (0, 0, 0)
    machine.change()


@pytest.mark.proves("Domain", "devices/disk[]@type", "devices/disk[]/source*", "devices/disk[]/driver@type")
def test_a_disc_is_put_in_changed_and_taken_out(machine, inside, tmp_path):
    for label in ("ONE", "TWO"):
        machine.change(disks=[{**CD, "file": disc(tmp_path / f"{label}.iso", label)}])
        assert inside.medium() == label
    pool = machine.lab.connect().storagePoolLookupByName("images")
    disc(Path(markup.parse(pool.XMLDesc(0)).findtext("target/path")) / "three", "THREE")
    pool.refresh(0)
    machine.change(disks=[{**CD, "volume": "three", "pool": "images", "format": "raw", "external": True}])
    assert inside.medium() == "THREE"
    machine.change()
    assert inside.medium() == ""
    pool.storageVolLookupByName("three").delete(0)


@pytest.mark.proves("Domain", "*", "devices/disk[]/iotune*")
def test_how_a_disk_is_cached_waits_for_a_restart_while_its_limits_do_not(machine, tmp_path):
    plain = disk(tmp_path / "data", bus="virtio", target="vda")
    machine.change(disks=[CD, plain])
    planned = machine.plan(disks=[CD, {**plain, "cache": "none", "limits": {"totalBytes": 1_000_000}}])
    assert costs_of(planned) == {"disks[data].cache": "restart", "disks[data].limits.totalBytes": "none"}
    machine.lab.apply()
    assert machine.waiting() == ["disks[data].cache"]
    assert machine.domain.blockIoTune("vda", LIVE)["total_bytes_sec"] == 1_000_000
    machine.write(disks=[CD, plain])
    machine.lab.apply()
    machine.settled()
    machine.change()


@pytest.mark.proves("Domain", "devices/disk[]")
def test_a_sata_disk_waits_for_a_restart_and_says_why(machine, tmp_path):
    machine.holds_back("disks[data]", disks=[CD, disk(tmp_path / "data", bus="sata")])


@pytest.mark.proves("Domain", "devices/disk[]")
def test_an_ide_disk_waits_for_a_restart_and_says_why(pc, tmp_path):
    pc.holds_back("disks[data]", disks=[disk(tmp_path / "data", bus="ide")])


@pytest.mark.proves("Domain", "devices/disk[]")
def test_a_scsi_disk_brings_its_controller(pc, tmp_path):
    pc.change(disks=[disk(tmp_path / "data", bus="scsi")])
    assert within(10, lambda: "sda" in pc.inside.blocks())
    pc.change()
    assert "sda" not in pc.inside.blocks()


# Cards


@pytest.mark.proves("Domain", "devices/interface[]")
def test_a_card_comes_and_goes(machine, inside):
    machine.change(interfaces=[card()])
    assert within(10, lambda: inside.nics() == {MAC: "up"})
    machine.change(interfaces=[card(name="other", mac=OTHER_MAC)])
    assert within(10, lambda: inside.nics() == {OTHER_MAC: "up"})
    machine.change()
    assert inside.nics() == {} and machine.seen() == machine.born


@pytest.mark.proves("Domain", "devices/interface[]/link*")
def test_a_cable_is_pulled_and_plugged(machine, inside):
    machine.change(interfaces=[card()])
    machine.change(interfaces=[card(link="down")])
    assert within(10, lambda: inside.nics() == {MAC: "down"})
    machine.change(interfaces=[card(link="up")])
    assert within(10, lambda: inside.nics() == {MAC: "up"})
    machine.change(interfaces=[card(link="down")])
    machine.change(interfaces=[card()])
    assert within(10, lambda: inside.nics() == {MAC: "up"})
    machine.change()


@pytest.mark.proves("Domain", "devices/interface[]@type", "devices/interface[]/source*")
def test_a_card_moves_to_another_network_and_to_a_bridge(machine, inside):
    """The card stays the same to the guest; who answers on it is another."""
    machine.change(interfaces=[card()])
    assert inside.lease(MAC).startswith("10.40.1.")
    machine.change(interfaces=[card(network="dmz")])
    assert inside.lease(MAC).startswith("10.40.2.")
    machine.change(interfaces=[{"name": "lan", "bridge": "br-office", "mac": MAC}])
    assert inside.lease(MAC).startswith("10.40.3.")
    machine.change(interfaces=[card()])
    assert inside.lease(MAC).startswith("10.40.1.")
    machine.change()


@pytest.mark.proves("Domain", "devices/interface[]/filterref*")
def test_a_filter_comes_changes_and_goes(machine, inside):
    machine.change(interfaces=[card(filter="nothing")])
    assert inside.lease(MAC)
    machine.change(interfaces=[card(filter="silence")])
    assert inside.lease(MAC, seconds=6) == ""
    machine.change(interfaces=[card(filter={"name": "silence", "parameters": [{"name": "IP", "value": "10.40.1.9"}]})])
    assert inside.lease(MAC, seconds=6) == ""
    machine.change(interfaces=[card()])
    assert inside.lease(MAC)
    machine.change()


@pytest.mark.proves("Domain", "devices/interface[]/port*")
def test_a_card_is_isolated_and_let_free(machine):
    machine.change(interfaces=[card()])
    machine.change(interfaces=[card(isolated=True)])
    assert machine.xml().find("devices/interface/port").get("isolated") == "yes"
    machine.change(interfaces=[card()])
    machine.change()


@pytest.mark.proves("Domain", "devices/interface[]/coalesce*")
def test_packets_are_gathered_and_not(machine):
    machine.change(interfaces=[card()])
    machine.change(interfaces=[card(coalesce=64)])
    assert machine.xml().find("devices/interface/coalesce/rx/frames").get("max") == "64"
    machine.change(interfaces=[card()])
    assert machine.xml().find("devices/interface/coalesce") is None
    machine.change()


@pytest.mark.proves("Domain", "*")
def test_trust_in_a_guests_filters_is_not_said_to_be_there_where_libvirt_passes_over_it(machine):
    """libvirt 9.0 takes it for a tap device, changes nothing and says nothing."""
    machine.change(interfaces=[card()])
    machine.write(interfaces=[card(trustGuestRxFilters=True)])
    applied = machine.of(machine.lab.apply(code=None))
    assert applied["outcome"] == "done" and machine.waiting() == ["interfaces[lan].trustGuestRxFilters"]
    machine.write(interfaces=[card()])
    machine.lab.apply()
    machine.settled()
    machine.change()


@pytest.mark.proves("Domain", "*", "devices/interface[]/link*")
def test_another_model_of_card_waits_for_a_restart_and_a_pulled_cable_does_not(machine, inside):
    machine.change(interfaces=[card()])
    assert within(10, lambda: inside.nics() == {MAC: "up"})
    planned = machine.plan(interfaces=[card(model="e1000e", link="down")])
    assert costs_of(planned) == {"interfaces[lan].model": "restart", "interfaces[lan].link": "none"}
    assert machine.of(machine.lab.apply())["outcome"] == "done"
    assert machine.waiting() == ["interfaces[lan].model"] and within(10, lambda: inside.nics() == {MAC: "down"})
    machine.write(interfaces=[card(model="virtio")])
    machine.lab.apply()
    machine.settled()
    assert within(10, lambda: inside.nics() == {MAC: "up"})
    machine.change()


@pytest.mark.proves("Domain", "devices/interface[]/bandwidth*")
def test_a_cards_bandwidth_changes_live_or_the_host_says_why_not(machine, inside):
    """Queues of this kind are a module of the host's kernel that may be missing (sch_htb, sch_sfq)."""
    machine.change(interfaces=[card()])
    life = machine.life()
    planned = machine.plan(interfaces=[card(inbound={"average": 1000}, outbound={"average": 2000})])
    assert set(costs_of(planned).values()) == {"none"}
    applied = machine.of(machine.lab.apply(code=None))
    if applied["outcome"] == "done":
        machine.settled()
        live = machine.domain.interfaceParameters(MAC, LIVE)
        assert (live["inbound.average"], live["outbound.average"]) == (1000, 2000)
    else:
        assert applied["outcome"] == "failed" and applied["error"]["message"]
        assert inside.nics() == {MAC: "up"}
    assert machine.life() == life
    machine.write(interfaces=[card()])
    machine.lab.apply(code=None)
    machine.settled()
    machine.change()


# Everything else that can be plugged


@pytest.mark.proves("Domain", "devices/rng[]")
def test_a_random_number_generator_comes_and_goes(machine, inside):
    machine.change(rngs=[{"backend": "builtin"}])
    assert within(10, lambda: inside.virtio("rng") == 1)
    machine.change()
    assert inside.virtio("rng") == 0 and machine.seen() == machine.born


@pytest.mark.proves("Domain", "devices/channel[]")
def test_a_channel_comes_and_goes(machine, inside):
    before = inside.ports()
    machine.change(channels=[{"name": "org.example.0", "type": "unix"}])
    assert within(10, lambda: inside.ports() == before | {"org.example.0"})
    machine.change()
    assert within(10, lambda: inside.ports() == before) and machine.seen() == machine.born


@pytest.mark.proves("Domain", "devices/input[]")
def test_a_virtio_tablet_comes_and_goes(machine, inside):
    machine.change(inputs=[{"type": "tablet", "bus": "virtio"}])
    assert within(10, lambda: inside.virtio("input") == 1)
    machine.change()
    assert inside.virtio("input") == 0 and machine.seen() == machine.born


@pytest.mark.proves("Domain", "devices/input[]")
def test_a_usb_tablet_comes_and_goes_as_qemu_tells(machine, inside):
    machine.change(inputs=[{"type": "tablet", "bus": "usb"}])
    assert "USB Tablet" in inside.monitor("info usb")
    machine.change()
    assert "USB Tablet" not in inside.monitor("info usb") and machine.seen() == machine.born


@pytest.mark.proves("Domain", "devices/redirdev[]")
def test_a_usb_socket_for_viewers_comes_and_goes_as_qemu_tells(machine, inside):
    socket = {"type": "tcp", "mode": "bind", "host": "127.0.0.1", "port": 4711, "protocol": "raw"}
    machine.change(usbRedirections=[socket])
    assert "USB Redirection" in inside.monitor("info usb")
    machine.change()
    assert "USB Redirection" not in inside.monitor("info usb") and machine.seen() == machine.born


@pytest.mark.skipif(not any(map(shutil.which, VIRTIOFSD)), reason="virtiofsd is not installed")
@pytest.mark.proves("Domain", "devices/filesystem[]")
def test_a_shared_directory_comes_and_goes(machine, inside, tmp_path):
    machine.change(filesystems=[{"target": "shared", "dir": str(tmp_path), "driver": "virtiofs"}])
    assert within(10, lambda: inside.virtio("filesystem") == 1)
    machine.change()
    assert inside.virtio("filesystem") == 0 and machine.seen() == machine.born


@pytest.mark.proves("Domain", "devices/hostdev[]")
def test_a_host_device_that_is_not_there_is_told_and_nothing_is_lost(machine):
    life = machine.life()
    machine.write(hostdevs=[{"name": "gpu", "pci": "0000:fe:00.0", "managed": False}])
    applied = machine.of(machine.lab.apply(code=None))
    assert applied["outcome"] in ("failed", "skipped")
    error = applied["error"]
    assert error["number"] != "R901" and "Domain/guest" in error["message"] + str(error["where"])
    machine.write()
    machine.lab.apply()
    machine.settled()
    assert machine.life() == life and machine.seen() == machine.born


@pytest.mark.proves("Domain", "devices/watchdog*")
def test_a_watchdog_comes_live_where_there_is_a_slot_for_conventional_pci(pc):
    pc.change(watchdog={"model": "i6300esb", "action": "none"})
    assert within(10, lambda: "8086:25ab" in pc.inside.pci())
    pc.change()
    assert "8086:25ab" not in pc.inside.pci() and pc.seen() == pc.born


@pytest.mark.proves("Domain", "devices/shmem[]")
def test_memory_shared_between_guests_comes_live_where_there_is_a_slot_for_it(pc):
    pc.change(sharedMemories=[{"name": "ring", "model": "ivshmem-plain", "size": "1MiB"}])
    assert within(10, lambda: "1af4:1110" in pc.inside.pci())
    pc.change()
    assert "1af4:1110" not in pc.inside.pci() and pc.seen() == pc.born


@pytest.mark.skipif(not Path("/dev/vhost-vsock").exists(), reason="the host's kernel has no vhost-vsock")
@pytest.mark.proves("Domain", "devices/vsock*")
def test_a_socket_between_host_and_guest_comes_and_goes(machine, inside):
    machine.change(vsock={"auto": True})
    assert within(10, lambda: inside.virtio("vsock") == 1)
    machine.change()
    assert inside.virtio("vsock") == 0


@pytest.mark.proves("Domain", "devices/watchdog*")
def test_a_watchdog_waits_for_a_restart_where_there_is_none(machine):
    machine.holds_back("watchdog", watchdog={"model": "i6300esb", "action": "none"})


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("sounds", {"sounds": ["ich9"]}),
        ("panics", {"panics": ["isa"]}),
        ("tpm", {"tpm": {"model": "tpm-crb"}}),
        ("videos", {"videos": [{"model": "virtio"}]}),
        ("parallels", {"parallels": ["pty"]}),
    ],
)
@pytest.mark.proves("Domain", "*")
def test_what_no_guest_can_be_given_while_it_runs_waits_for_a_restart(machine, field, asked):
    machine.holds_back(field, **asked)


@pytest.mark.proves("Domain", "devices/interface[]")
def test_more_cards_than_free_slots_wait_for_a_restart_and_are_told_before(machine, inside):
    tree = machine.xml()
    ports = tree.xpath("count(//controller[@model='pcie-root-port'])")
    taken = len({address.get("bus") for address in tree.iterfind(".//address[@type='pci']")} - {"0x00"})
    free = int(ports) - taken
    assert free >= 4, "a new machine has nowhere to plug"
    cards = [{"name": f"n{place}", "type": "user"} for place in range(free + 2)]
    planned = machine.plan(interfaces=cards)
    words = list(costs_of(planned).values())
    assert (words.count("none"), words.count("restart")) == (free, 2)
    assert all("port" in each["why"] for each in planned["fields"] if each["disruption"] == "restart"), told(planned)
    life = machine.life()
    assert machine.of(machine.lab.apply())["outcome"] == "done"
    assert within(20, lambda: len(inside.nics()) == free)
    assert len(machine.waiting()) == 2 and machine.life() == life
    machine.write()
    machine.lab.apply()
    machine.settled(but="controller")
    assert inside.nics() == {} and machine.life() == life


# What people do beside


@pytest.mark.parametrize("flags", [LIVE, CONFIG, LIVE | CONFIG], ids=["live", "config", "both"])
@pytest.mark.proves("Domain", "devices/disk[]")
def test_a_disk_attached_by_hand_is_taken_away_without_a_restart(machine, inside, tmp_path, flags):
    life = machine.life()
    machine.domain.attachDeviceFlags(
        f"""<disk type='file'><driver name='qemu' type='raw'/><source file='{image(tmp_path / "hand")}'/>
        <target dev='vdx' bus='virtio'/><serial>hand</serial></disk>""",
        flags,
    )
    planned = machine.change()
    assert [each["after"] for each in planned["fields"]] == [None]
    assert within(10, lambda: inside.serials() == {}) and machine.life() == life and machine.seen() == machine.born


@pytest.mark.parametrize("flags", [LIVE, CONFIG, LIVE | CONFIG], ids=["live", "config", "both"])
@pytest.mark.proves("Domain", "devices/disk[]")
def test_a_disk_detached_by_hand_comes_back_without_a_restart(machine, inside, tmp_path, flags):
    asked = {"disks": [CD, disk(tmp_path / "data", bus="virtio", target="vda")]}
    machine.change(**asked)
    life = machine.life()
    xml = machine.xml().xpath("//disk[target/@dev='vda']")[0]
    machine.domain.detachDeviceFlags(markup.serialise(xml), flags)
    machine.change(**asked)
    assert within(10, lambda: "data" in inside.serials()) and machine.life() == life
    machine.change()
    assert aliases(machine.xml().iterfind("devices/disk")) == ["cd"]


@pytest.mark.proves("Domain", "devices/interface[]/link*")
def test_a_cable_pulled_by_hand_is_plugged_again(machine, inside):
    machine.change(interfaces=[card(link="up")])
    element = machine.xml().find("devices/interface")
    element.find("link").set("state", "down")
    machine.domain.updateDeviceFlags(markup.serialise(element), LIVE)
    assert within(10, lambda: inside.nics() == {MAC: "down"})
    machine.change(interfaces=[card(link="up")])
    assert within(10, lambda: inside.nics() == {MAC: "up"})
    machine.change()


# Live and restart in one


@pytest.mark.proves("Domain", "cpu", "cpu[/@]*")
def test_what_can_be_done_at_once_is_and_only_the_rest_waits(machine, inside, tmp_path):
    asked = {
        "disks": [CD, disk(tmp_path / "data", bus="virtio")],
        "interfaces": [card()],
        "cpu": {"mode": "custom", "model": "Nehalem"},
        "title": "Busy",
    }
    planned = machine.plan(**asked)
    told = costs_of(planned)
    assert {path for path, cost in told.items() if cost == "restart"} == {p for p in told if p.startswith("cpu")}
    assert machine.of(machine.lab.apply())["outcome"] == "done"
    assert within(10, lambda: "data" in inside.serials() and inside.nics() == {MAC: "up"})
    waiting = machine.waiting()
    assert waiting and all(path.startswith("cpu") for path in waiting)
    assert machine.xml().findtext("title") == "Busy"
    life = machine.life()
    # With permission the same document ends the wait.
    applied = machine.of(machine.lab.apply("--allow", "restart"))
    assert applied["outcome"] == "done" and machine.inside.boots()
    assert machine.life() != life and machine.waiting() == []
    assert within(10, lambda: "data" in inside.serials() and inside.nics() == {MAC: "up"})
    machine.settled()


def test_with_permission_a_mixed_change_is_one_restart_and_nothing_is_plugged_before(machine, inside, tmp_path):
    first = machine.domain.ID()
    machine.write(
        disks=[CD, disk(tmp_path / "data", bus="virtio")], cpu={"mode": "custom", "model": "Nehalem"}, title="Busy"
    )
    assert machine.of(machine.lab.apply("--allow", "restart"))["outcome"] == "done"
    assert machine.inside.boots() and machine.domain.ID() == first + 1
    assert within(10, lambda: "data" in inside.serials())
    machine.settled()


def test_a_busy_machine_is_quiet_and_its_own_dump_can_be_committed(machine, tmp_path):
    machine.change(
        disks=[{**CD, "file": disc(tmp_path / "one.iso", "ONE")}, disk(tmp_path / "data", bus="virtio", target="vda")],
        interfaces=[card(), {"name": "office", "bridge": "br-office", "mac": OTHER_MAC}],
        rngs=[{"backend": "builtin"}],
        channels=[{"name": "org.example.0", "type": "unix"}],
        inputs=[{"type": "tablet", "bus": "usb"}],
        title="Busy",
    )
    life = machine.life()
    for flags in (0, 2, 1):
        machine.lab.remove("guest.yaml") if (machine.lab.directory / "guest.yaml").exists() else None
        machine.lab.write(machine.domain.XMLDesc(flags), "guest.xml")
        plan = machine.lab.plan()
        assert [change["action"] for change in plan["changes"]] in ([], ["adopt"]), told(plan)
        assert plan["conditions"] == [], told(plan)
        machine.lab.apply()
        machine.settled()
    assert machine.life() == life


# A guest that keeps what it has: nothing runs in it that could let go


PENDING = 75
KEPT = ("Domain/deaf", "pending", "R611")


def deaf(*disks, **more):
    return document("deaf", type="qemu", machine="q35", memory="64MiB", disks=list(disks), **more)


def kept(applied):
    return [
        (change["ref"], change["outcome"], change["error"]["number"])
        for change in applied["changes"]
        if change["outcome"] == "pending"
    ]


@pytest.fixture
def keeper(lab, tmp_path):
    """A lab with a machine that has a disk on a volume of its own and never answers, whose disk has left the desired
    state together with the volume; and the volume's file."""
    lab.write(pool(tmp_path / "images"), "images.yaml")
    lab.write(volume("extra", capacity="1MiB", format="raw", deletionPolicy="delete"), "extra.yaml")
    disk = {"name": "extra", "volume": "extra", "pool": "images", "bus": "virtio"}
    lab.converge(deaf(disk, power="running"), name="deaf.yaml")
    lab.write(deaf(power="running", title="Deaf"), "deaf.yaml")
    lab.remove("extra.yaml")
    return lab, tmp_path / "images/extra"


@pytest.mark.proves("Domain", "devices/disk[]")
def test_a_disk_that_a_guest_keeps_is_pending_and_its_volume_stays(keeper):
    lab, file = keeper
    first = lab.domain("deaf").ID()
    lab.write(document("other", type="qemu", memory="64MiB", power="stopped"), "other.yaml")
    applied = lab.apply("--allow", "delete", code=PENDING)
    assert kept(applied) == [KEPT] and file.exists()
    # What else was to change has changed; the disk has left the definition and not the guest.
    assert {change["ref"]: change["outcome"] for change in applied["changes"]}["Domain/other"] == "done"
    assert lab.xml("deaf", live=True).findtext("title") == "Deaf"
    assert lab.xml("deaf").find("devices/disk") is None
    assert lab.xml("deaf", live=True).find("devices/disk") is not None
    assert "Domain/deaf" in [change["ref"] for change in lab.plan("--allow", "delete")["changes"]]
    ran = lab.run("apply", "--yes", "--allow", "delete", code=PENDING)
    assert "R611" in ran.stdout + ran.stderr and file.exists() and lab.domain("deaf").ID() == first
    lab.domain("deaf").destroy()
    lab.converge(None, "--allow", "delete")
    assert not file.exists() and lab.domain("deaf").isActive()
    assert lab.plan()["conditions"] == []


def test_a_device_that_is_wanted_again_before_the_guest_let_go_stays(keeper):
    lab, file = keeper
    lab.apply("--allow", "delete", code=PENDING)
    disk = {"name": "extra", "volume": "extra", "pool": "images", "bus": "virtio"}
    lab.write(volume("extra", capacity="1MiB", format="raw", deletionPolicy="delete"), "extra.yaml")
    lab.write(deaf(disk, power="running", title="Deaf"), "deaf.yaml")
    lab.apply(code=None)
    assert file.exists() and lab.xml("deaf").find("devices/disk") is not None
    lab.domain("deaf").destroy()
    lab.converge()
    assert lab.xml("deaf", live=True).find("devices/disk") is not None and lab.plan()["conditions"] == []
