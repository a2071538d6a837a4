"""Processors, memory, limits and names that change while a guest runs, as the guest and libvirt's own counters tell."""

import libvirt
import pytest

from tests.scenarios.inside import within
from tests.scenarios.live import CONFIG, LIVE, bench, costs, costs_of, guest_spec
from tests.scenarios.test_machines import vm

pytestmark = pytest.mark.e2e

# Modules of memory as fields of a document (memory.modules).
MODULES = True
needs_modules = pytest.mark.skipif(not MODULES, reason="documents have no memory.modules yet")
MIB = 1 << 10
HOTPLUG = {"max": "2GiB", "slots": 8}
PASSWORDS = ("first-pw", "other-pw")


@pytest.fixture(scope="module")
def made(embedded_host, guest, tmp_path_factory):
    spec = guest_spec(
        guest,
        memory=memory(),
        vcpus={"max": 2, "current": 1},
        cpu={"numa": [{"id": 0, "cpus": "0-1", "memory": "192MiB"}]},
        iothreads=1,
        graphics=[{"type": "vnc", "password": PASSWORDS[0]}],
    )
    yield from bench(embedded_host("resources"), tmp_path_factory.mktemp("resources"), "guest", spec)


@pytest.fixture
def machine(made):
    return made.fresh()


@pytest.fixture
def inside(machine):
    return machine.inside


def memory(**more):
    return {"max": "192MiB", "hotplug": HOTPLUG, **more}


# Processors


@pytest.mark.proves("Domain", "vcpu@current")
def test_processors_are_plugged_and_the_guest_uses_them(machine, inside):
    assert inside.online_cpus() == {0}
    machine.change(vcpus={"max": 2, "current": 2})
    assert within(20, lambda: inside.online_cpus() == {0, 1})


@pytest.mark.proves("Domain", "vcpu@current")
def test_a_processor_that_a_guest_keeps_is_told_and_nothing_else_is_lost(machine, inside):
    """Under software emulation a guest never completes it (QEMU 7.2): the machine is thrown away afterwards."""
    machine.change(vcpus={"max": 2, "current": 2})
    life = machine.life()
    planned = machine.plan(vcpus={"max": 2, "current": 1}, title="Fewer")
    applied = machine.of(machine.lab.apply(code=None))
    machine.born = None
    assert machine.xml().findtext("title") == machine.xml(live=False).findtext("title") == "Fewer"
    assert machine.xml(live=False).find("vcpu").get("current") == "1"
    assert machine.xml().find("vcpu").get("current", "2") == "2" and machine.life() == life
    if costs_of(planned)["vcpus.current"] == "none":
        assert (applied["outcome"], applied["error"]["number"]) == ("pending", "R611")
        assert machine.plan(vcpus={"max": 2, "current": 1}, title="Fewer") or machine.waiting()
    else:
        assert applied["outcome"] == "done" and machine.waiting() == ["vcpus.current"]


@pytest.mark.proves("Domain", "*")
def test_more_processors_than_it_was_booted_with_wait_for_a_restart(lab):
    lab.converge(vm(power="running"))
    lab.converge(vm(power="running", vcpus="{max: 2, current: 1}"))
    (condition,) = lab.plan()["conditions"]
    assert condition["type"] == "RestartPending" and "vcpus.max" in condition["fields"]


# Memory


@pytest.mark.proves("Domain", "currentMemory*")
def test_the_balloon_takes_memory_and_gives_it_back(machine, inside):
    before = inside.memory_total()
    machine.change(memory=memory(current="160MiB"))
    assert within(20, lambda: inside.memory_total() < before - 24 * MIB)
    machine.change(memory=memory(current="192MiB"))
    assert within(20, lambda: inside.memory_total() == before)
    assert machine.plan() == {} and machine.waiting() == []


@needs_modules
@pytest.mark.proves("Domain", "devices/memory[]")
def test_a_module_of_memory_comes_and_goes(machine, inside):
    before = inside.memory_total()
    module = {"name": "extra", "size": "128MiB", "node": 0}
    machine.change(memory=memory(modules=[module]))
    assert within(20, lambda: inside.memory_total() > before + 100 * MIB)
    assert machine.plan(memory=memory(modules=[module])) == {}
    machine.change()
    assert within(20, lambda: inside.memory_total() == before) and machine.seen() == machine.born


@needs_modules
@pytest.mark.proves("Domain", "devices/memory[]", "devices/memory[]/target/requested")
def test_a_virtio_module_gives_the_guest_what_is_requested(machine, inside):
    def elastic(requested):
        sizes = {"size": "256MiB", "requested": requested, "blockSize": "2MiB"}
        return memory(modules=[{"name": "elastic", "model": "virtio-mem", "node": 0, **sizes}])

    before = inside.memory_total()
    machine.change(memory=elastic("64MiB"))
    assert within(20, lambda: inside.memory_total() == before + 64 * MIB)
    planned = machine.change(memory=elastic("128MiB"))
    assert costs_of(planned) == {"memory.modules[elastic].requested": "none"}
    assert within(20, lambda: inside.memory_total() == before + 128 * MIB)
    machine.change(memory=elastic("32MiB"))
    assert within(20, lambda: inside.memory_total() == before + 32 * MIB)
    # QEMU 7.2 never unplugs one: what it holds can go to 0, the device itself stays until the machine is off.
    planned = machine.plan()
    assert planned["disruption"] == "restart" and "memory.modules[elastic]" in costs_of(planned)


# Limits: asked of the running guest's cgroup and of its definition


@pytest.mark.parametrize(
    ("fields", "counters"),
    [
        (
            {"period": (50_000, 20_000), "quota": (25_000, 15_000)},
            {"vcpu_period": (50_000, 20_000, 100_000), "vcpu_quota": (25_000, 15_000, -1)},
        ),
        ({"emulatorQuota": (50_000, 25_000)}, {"emulator_quota": (50_000, 25_000, -1)}),
        ({"emulatorPeriod": (50_000, 25_000)}, {"emulator_period": (50_000, 25_000, 100_000)}),
        ({"globalQuota": (90_000, 80_000)}, {"global_quota": (90_000, 80_000, -1)}),
        ({"globalPeriod": (50_000, 25_000)}, {"global_period": (50_000, 25_000, 100_000)}),
        ({"iothreadQuota": (50_000, 25_000)}, {"iothread_quota": (50_000, 25_000, -1)}),
        ({"iothreadPeriod": (50_000, 25_000)}, {"iothread_period": (50_000, 25_000, 100_000)}),
    ],
    ids=lambda given: "-".join(given) if isinstance(given, dict) else "",
)
@pytest.mark.proves(
    "Domain",
    "cputune",
    "cputune/period",
    "cputune/quota",
    "cputune/emulator_period",
    "cputune/emulator_quota",
    "cputune/global_period",
    "cputune/global_quota",
    "cputune/iothread_period",
    "cputune/iothread_quota",
)
def test_a_share_of_the_processor_is_set_changed_and_taken_away(machine, fields, counters):
    def found():
        now = machine.domain.schedulerParametersFlags(LIVE)
        return {name: now[name] for name in counters}

    for turn in (0, 1):
        planned = machine.change(cputune={name: values[turn] for name, values in fields.items()})
        assert set(costs_of(planned)) == {f"cputune.{name}" for name in fields}
        assert found() == {name: values[turn] for name, values in counters.items()}
    machine.change()
    assert found() == {name: values[2] for name, values in counters.items()}


@pytest.mark.proves("Domain", "cputune", "cputune/shares")
def test_a_weight_is_set_and_changed_live_and_waits_for_a_restart_to_go(machine):
    """What a host gives to a guest without a weight is the cgroup's own affair: 1024 with version 1, 100 with 2."""
    for shares in (512, 256):
        machine.change(cputune={"shares": shares})
        assert machine.domain.schedulerParametersFlags(LIVE)["cpu_shares"] == shares
    assert costs(machine.plan()) == {"restart"}
    machine.lab.apply()
    assert machine.xml(live=False).find("cputune/shares") is None
    assert [path for path in machine.waiting() if not path.startswith("cputune")] == [] != machine.waiting()


def pins(machine):
    domain = machine.domain
    return domain.vcpuPinInfo(LIVE)[0][0], domain.emulatorPinInfo(LIVE)[0], domain.ioThreadInfo(LIVE)[0][1][0]


@pytest.mark.proves("Domain", "cputune/*pin*")
def test_threads_are_pinned_and_let_free(machine):
    if machine.lab.connect().getInfo()[2] < 2:
        pytest.skip("a host with one CPU has nothing to choose")
    wide = (True, True, True)
    assert pins(machine) == wide
    one = {
        "vcpuPins": [{"vcpu": 0, "cpuset": "1"}],
        "emulatorPin": "1",
        "iothreadPins": [{"iothread": 1, "cpuset": "1"}],
    }
    machine.change(cputune=one)
    assert pins(machine) == (False, False, False)
    machine.change(cputune={**one, "vcpuPins": [{"vcpu": 0, "cpuset": "0"}], "emulatorPin": "0-1"})
    assert pins(machine) == (True, True, False)
    machine.change()
    assert pins(machine) == wide


@pytest.mark.proves("Domain", "memtune*")
def test_limits_of_memory_are_set_changed_and_taken_away(machine):
    unlimited = machine.domain.memoryParameters(LIVE)

    def found():
        now = machine.domain.memoryParameters(LIVE)
        return now["hard_limit"], now["soft_limit"]

    machine.change(memtune={"hardLimit": "2GiB", "softLimit": "1GiB"})
    assert found() == (2 << 20, 1 << 20)
    machine.change(memtune={"hardLimit": "3GiB"})
    assert found() == (3 << 20, unlimited["soft_limit"])
    machine.change()
    assert found() == (unlimited["hard_limit"], unlimited["soft_limit"])


@pytest.mark.proves("Domain", "blkiotune*")
def test_a_share_of_the_hosts_disks_is_set_and_changed_live(machine):
    def found():
        return machine.domain.blkioParameters(LIVE)["weight"]

    try:
        before = found()
        machine.domain.setBlkioParameters({"weight": 500}, LIVE)
        machine.domain.setBlkioParameters({"weight": before}, LIVE)
    except (libvirt.libvirtError, KeyError) as error:
        pytest.skip(f"this host's cgroups have no weight of disks: {error}")
    machine.change(blkiotune={"weight": 600})
    assert found() == 600
    machine.change(blkiotune={"weight": 300})
    assert found() == 300
    assert costs(machine.plan()) == {"restart"}


@pytest.mark.proves("Domain", "numatune/memory@nodeset")
def test_the_hosts_nodes_that_memory_comes_from_change_live_and_how_strictly_waits(machine):
    """The host of a test has one node as a rule: that the call is made is all that can be seen of it."""
    node = {"mode": "strict", "nodeset": "0"}
    machine.write(numatune=node)
    machine.lab.apply()
    machine.lab.apply("--allow", "restart")
    assert machine.inside.boots() and machine.waiting() == []
    planned = machine.plan(numatune={**node, "mode": "preferred"})
    assert costs_of(planned) == {"numatune.mode": "restart"}
    assert machine.domain.numaParameters(LIVE)["numa_nodeset"] == "0"


@pytest.mark.proves("Domain", "iothreads")
def test_io_threads_come_and_go_as_qemu_tells(machine, inside):
    def threads():
        return inside.monitor("info iothreads").count("thread_id")

    assert threads() == 1
    machine.change(iothreads=3)
    assert threads() == 3 and len(machine.domain.ioThreadInfo(CONFIG)) == 3
    machine.change(iothreads=2)
    assert threads() == 2
    machine.change()
    assert threads() == 1


# What follows when it stops


@pytest.mark.proves("Domain", "on_poweroff", "on_reboot", "on_crash")
def test_what_follows_a_reboot_changes_live_and_the_guest_meets_it(machine, inside):
    machine.change(onReboot="destroy", onCrash="preserve", onPoweroff="destroy")
    live = machine.xml()
    assert (live.findtext("on_reboot"), live.findtext("on_crash")) == ("destroy", "preserve")
    try:
        inside.agent("guest-shutdown", mode="reboot")
    except libvirt.libvirtError as error:
        # The agent does not answer this, it goes.
        assert error.get_error_code() in (libvirt.VIR_ERR_AGENT_UNRESPONSIVE, libvirt.VIR_ERR_OPERATION_INVALID)
    assert within(30, lambda: not machine.domain.isActive())


# What is written about it


@pytest.mark.proves("Domain", "title", "description", "!autostart")
def test_names_and_notes_are_written_at_once(machine):
    machine.change(title="One", description="First", autostart=True)
    assert machine.domain.autostart() == 1
    for live in (True, False):
        assert machine.xml(live).findtext("title") == "One"
    machine.change(title="Two", autostart=False)
    for live in (True, False):
        assert (machine.xml(live).findtext("title"), machine.xml(live).findtext("description")) == ("Two", None)
    assert machine.domain.autostart() == 0
    machine.change()


@pytest.mark.proves("Domain", "metadata*")
def test_metadata_of_others_is_written_at_once(machine):
    def note(word):
        return f"<domain><metadata><my:app xmlns:my='https://example.org/my' tier='{word}'/></metadata></domain>"

    for word in ("web", "db"):
        machine.change(xml=note(word))
        for live in (True, False):
            (found,) = machine.xml(live).iterfind("metadata/{https://example.org/my}app")
            assert found.get("tier") == word
    machine.change()


@pytest.mark.proves("Domain", "devices/memballoon/stats*")
def test_how_often_the_guest_tells_of_its_memory_changes_live(machine):
    def told():
        return machine.domain.memoryStats().get("last_update", 0)

    machine.change(memoryBalloon={"statsPeriod": 1})
    before = told()
    assert within(20, lambda: told() > before)
    machine.change(memoryBalloon={"statsPeriod": 60})
    assert machine.xml().find("devices/memballoon/stats").get("period") == "60"
    machine.change()


# Screens


@pytest.mark.proves("Domain", "devices/graphics[]@passwd*")
def test_a_screens_password_changes_live_and_is_never_shown(machine):
    machine.write(graphics=[{"type": "vnc", "password": PASSWORDS[1]}])
    life = machine.life()
    lab = machine.lab
    said = [lab.run(*verb) for verb in (("plan",), ("plan", "-o", "json"), ("plan", "--diff", "xml"))]
    assert costs_of(machine.of(lab.plan())) == {"graphics[vnc].password": "none"}
    said.append(lab.run("apply", "--yes", "-o", "json"))
    machine.settled()
    assert machine.life() == life
    secure = libvirt.VIR_DOMAIN_XML_SECURE
    for flags in (secure, secure | libvirt.VIR_DOMAIN_XML_INACTIVE):
        assert PASSWORDS[1] in machine.domain.XMLDesc(flags)
    said += [lab.run("status"), lab.run("history", machine.ref)]
    assert not any(password in shown.stdout + shown.stderr for shown in said for password in PASSWORDS)
    for path in lab.state.rglob("*"):
        assert not path.is_file() or PASSWORDS[1].encode() not in path.read_bytes(), path
    machine.change()


@pytest.mark.proves("Domain", "*")
def test_where_a_screen_listens_waits_for_a_restart(machine):
    screen = {"type": "vnc", "password": PASSWORDS[0], "listen": {"address": "127.0.0.2"}}
    machine.holds_back("graphics", graphics=[screen])


# What waits


@pytest.mark.proves("Domain", "*")
def test_what_waits_is_listed_exactly_and_goes_when_it_is_taken_back_or_restarted(lab):
    lab.converge(vm(power="running"))

    def waiting():
        return sorted(path for each in lab.plan()["conditions"] for path in each["fields"])

    clock = "  clock: {offset: localtime}\n"
    features = "  features: {pmu: false}\n"
    lab.converge(vm(power="running", memory="160MiB", more=clock + features))
    assert waiting() == ["clock.offset", "features.pmu", "memory.current", "memory.max"]
    lab.converge(vm(power="running", memory="160MiB", more=clock))
    assert waiting() == ["clock.offset", "memory.current", "memory.max"]
    lab.converge(vm(power="running", more=clock))
    assert waiting() == ["clock.offset"]
    lab.domain("vm").destroy()
    lab.converge()
    assert waiting() == []
    lab.converge(vm(power="running"))
    assert waiting() == ["clock.offset"]
    lab.converge(vm(power="running", more=clock))
    assert waiting() == []
