"""A change of many steps to a running machine that is cut short after any of them: the next apply completes it."""

import os
import subprocess
from collections import Counter

import pytest

from reconciler import markup
from reconciler.adapters.virt import embedded, embedded_home
from tests.scenarios import witness
from tests.scenarios.inside import within
from tests.scenarios.live import LIVE, bench, guest_spec, image
from tests.scenarios.test_machines import vm

pytestmark = pytest.mark.e2e

KILLED = -9
MOST_CALLS = 40
OLD, NEW = "52:54:00:00:00:01", "52:54:00:00:00:02"


@pytest.fixture(scope="module")
def hosted(embedded_host):
    return embedded_host("cut-short")


@pytest.fixture(scope="module")
def made(hosted, guest, tmp_path_factory):
    directory = tmp_path_factory.mktemp("crashes")
    for name in ("old", "new"):
        image(directory / name)
    spec = guest_spec(guest, **before(directory))
    yield from bench(hosted, directory, "guest", spec)


@pytest.fixture
def machine(made):
    return made.fresh()


def disk(directory, name, **more):
    return {"name": name, "file": str(directory / name), "format": "raw", "bus": "virtio", "serial": name, **more}


def before(directory):
    return {
        "disks": [disk(directory, "old")],
        "interfaces": [{"name": "old-card", "type": "user", "mac": OLD}],
        "memory": {"max": "192MiB", "current": "192MiB"},
        "autostart": False,
    }


def after(directory):
    """Devices that go and come, a limit, notes, a flag, and a field that waits for a restart."""
    return {
        "disks": [disk(directory, "new", limits={"totalBytes": 1_000_000})],
        "interfaces": [{"name": "new-card", "type": "user", "mac": NEW}],
        "rngs": [{"backend": "builtin"}],
        "cputune": {"emulatorQuota": 50_000},
        "title": "Cut short",
        "autostart": True,
        "clock": {"offset": "localtime"},
    }


def apply(machine, log, victim, count):
    """The exit code of an apply after which, or in which, the victim died after that many changing calls."""
    lab = machine.lab
    program = witness.command(log, lab.command("apply", "--yes", "-o", "json"), victim, count)
    environment = {**os.environ, "RECONCILER_CACHE_DIR": str(lab.state / "cache")}
    return subprocess.run(program, capture_output=True, text=True, check=False, env=environment, timeout=120)


def holds(machine, life):
    """Hold that the guest has all of it, once, and has not noticed more than that."""
    inside = machine.inside
    assert within(10, lambda: set(inside.serials()) == {"new"} and inside.nics() == {NEW: "up"})
    assert inside.virtio("rng") == 1 and inside.life() == life
    assert machine.domain.schedulerParametersFlags(LIVE)["emulator_quota"] == 50_000
    assert machine.domain.autostart() == 1
    for live in (True, False):
        tree = machine.xml(live)
        assert tree.findtext("title") == "Cut short"
        assert len(tree.findall("devices/disk")) == len(tree.findall("devices/interface")) == 1
        assert tree.find("devices/disk/iotune") is not None
    plan = machine.lab.plan()
    assert plan["changes"] == []
    assert [(each["type"], each["fields"]) for each in plan["conditions"]] == [("RestartPending", ["clock.offset"])]


def moves(log):
    """How often each device was plugged into the running guest or taken from it, by what tells it from others."""
    found = Counter()
    for call in witness.calls(log):
        if call.method in ("attachDeviceFlags", "detachDeviceFlags", "detachDeviceAlias") and call.arguments[1] & LIVE:
            found[call.method[:6], told(str(call.arguments[0]))] += 1
    return found


def told(text):
    if not text.startswith("<"):
        return text
    element = markup.parse(text)
    alias = element.find("alias")
    return f"{element.tag} {alias.get('name') if alias is not None else ''}"


def taken_back(machine):
    """The machine as it was, and the same life: a boot for each cut would take minutes."""
    machine.write()
    machine.lab.apply()
    machine.settled()


def test_an_apply_that_is_killed_after_any_call_is_completed_by_the_next(machine, made, tmp_path):
    directory = machine.lab.directory.parent
    life = machine.life()
    cuts = 0
    for count in range(1, MOST_CALLS):
        log = tmp_path / f"calls-{count}"
        machine.write(**after(directory))
        ended = apply(machine, log, "self", count)
        machine.lab.apply() if ended.returncode == KILLED else None
        cuts += ended.returncode == KILLED
        holds(machine, life)
        if ended.returncode != KILLED:
            assert ended.returncode == 0, ended.stderr
            break
        taken_back(machine)
    assert cuts >= 6, "that was no change of many steps"


def test_what_a_killed_apply_has_plugged_is_not_plugged_again(machine, tmp_path):
    directory = machine.lab.directory.parent
    machine.write(**after(directory))
    for count in (2, 2, 2, 0):
        apply(machine, tmp_path / "calls", "self", count)
    holds(machine, machine.life())
    found = moves(tmp_path / "calls")
    assert found and set(found.values()) == {1}, found


@pytest.mark.parametrize("count", [1, 2])
def test_a_balloon_that_a_killed_apply_has_not_moved_is_moved_by_the_next(machine, tmp_path, count):
    before, born = machine.inside.memory_total(), machine.born
    machine.born = None
    machine.write(memory={"max": "192MiB", "current": "160MiB"})
    assert apply(machine, tmp_path / "calls", "self", count).returncode == KILLED
    machine.lab.apply()
    assert within(20, lambda: machine.inside.memory_total() < before - (24 << 10))
    taken_back(machine)
    machine.born = born


def test_a_daemon_that_dies_after_any_call_is_told_and_the_next_apply_completes(machine, hosted, tmp_path):
    directory = machine.lab.directory.parent
    life = machine.life()
    cuts = 0
    for count in range(1, MOST_CALLS):
        machine.write(**after(directory))
        (daemon,) = filter(embedded_home.is_daemon, embedded.mode().members(hosted.home))
        ended = apply(machine, tmp_path / f"calls-{count}", str(daemon), count)
        embedded.start(hosted.home)
        (now,) = filter(embedded_home.is_daemon, embedded.mode().members(hosted.home))
        assert within(30, machine.inside.connected)
        machine.lab.apply()
        holds(machine, life)
        if now == daemon:
            assert ended.returncode == 0, ended.stderr
            break
        cuts += 1
        taken_back(machine)
    assert cuts >= 6


# How much a change touches


@pytest.mark.parametrize("others", [4, 24])
def test_a_live_change_of_one_machine_touches_only_that_machine(lab, tmp_path, others):
    for number in range(others):
        lab.write(vm(f"other-{number:02}"), f"other-{number:02}.yaml")
    lab.converge(vm("busy", power="running"), name="busy.yaml")
    lab.write(vm("busy", power="running", more="  cputune: {shares: 512}"), "busy.yaml")
    looking = witnessed(lab, tmp_path / "plan", "plan")
    doing = witnessed(lab, tmp_path / "apply", "apply", "--yes")
    assert not [call for call in looking if call.changes]
    assert {subject(call) for call in doing if call.changes} == {"busy"}
    assert of_others(doing) == of_others(looking)
    # What the change itself costs does not grow with the number of machines.
    assert len(doing) - len(looking) <= 30, [call.method for call in doing if call.name == "busy"]
    assert lab.domain("busy").schedulerParametersFlags(LIVE)["cpu_shares"] == 512
    assert lab.plan()["changes"] == []


def witnessed(lab, log, *arguments):
    environment = {**os.environ, "RECONCILER_CACHE_DIR": str(lab.state / "cache")}
    subprocess.run(witness.command(log, lab.command(*arguments)), check=True, capture_output=True, env=environment)
    return witness.calls(log)


def subject(call):
    """The machine that a call is about; a definition names its own."""
    return markup.parse(call.arguments[0]).findtext("name") if call.method == "defineXML" else call.name


def of_others(found):
    """How often each other machine was asked what."""
    return Counter((call.name, call.method) for call in found if call.owner == "virDomain" and call.name != "busy")
