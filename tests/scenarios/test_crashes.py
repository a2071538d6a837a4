"""What goes wrong around the program: hosts that die, hang or lie, kills, full disks, two at once."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import libvirt
import pytest

from reconciler.adapters.virt import embedded, embedded_home
from reconciler.adapters.virt.connection import connect
from reconciler.errors import ReconcilerError
from reconciler.kinds.domain.driver import FEW, observe
from reconciler.kinds.domain.handle import CONNECT_LIST_DOMAINS_MANAGEDSAVE
from tests.scenarios.conftest import sweep
from tests.scenarios.test_machines import vm

pytestmark = pytest.mark.e2e

ROUNDS = 20
# 10 s for an open, 5 s and 3 questions of keepalive for a call.
BOUND = 40


def start(lab, *arguments):
    return subprocess.Popen(
        lab.command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "RECONCILER_CACHE_DIR": str(lab.state / "cache")},
    )


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


def git(lab, *arguments):
    command = ["git", "--git-dir", str(lab.state / "ledger.git"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def names(lab):
    return sorted(domain.name() for domain in lab.connect().listAllDomains())


@pytest.fixture
def frail(embedded_host, lab):
    """A lab on an embedded host of its own, which may be stopped and killed, with the daemon's process id."""
    hosted = embedded_host("frail")

    def daemon():
        members = embedded.mode().members(hosted.home)
        return next(pid for pid in members if embedded_home.is_daemon(pid))

    embedded.start(hosted.home)
    mine = type(lab)(lab.directory, lab.state, hosted.uri)
    mine.daemon = daemon
    mine.revive = lambda: embedded.start(hosted.home)
    try:
        yield mine
    finally:
        embedded.start(hosted.home)
        sweep(hosted.uri)
        embedded.stop(hosted.state_dir, "frail")


def answers_nothing(path):
    """A socket that takes everybody in and says nothing."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    guests = []

    def serve():
        while True:
            try:
                guests.append(server.accept())
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    return server


@pytest.mark.parametrize(
    "uri",
    [
        "qemu+unix:///system?socket=/nonexistent/libvirt-sock",
        "qemu+tcp://127.0.0.1:1/system",
        "qemu+ssh://root@127.0.0.1:1/system",
        "test:///nonexistent.xml",
        "nonsense://host/system",
    ],
)
def test_a_host_that_is_not_there_is_unreachable_to_every_verb(lab, uri):
    lab.write(vm("a"))
    for verb in (("plan",), ("apply", "--yes", "--allow", "delete,mass-delete"), ("status",)):
        ran = lab.run(*verb, "-o", "json", code=69, uri=uri)
        assert json.loads(ran.stdout).get("changes", []) == []
        assert "Traceback" not in ran.stderr
    assert not (lab.state / "ledger.git").exists()


def test_a_socket_that_says_nothing_is_given_up(lab, tmp_path):
    lab.write(vm("a"))
    with answers_nothing(tmp_path / "s"):
        began = time.monotonic()
        lab.run("plan", code=69, uri=f"qemu+unix:///system?socket={tmp_path}/s")
    assert time.monotonic() - began < 60


def test_a_daemon_that_stops_answering_in_the_middle_costs_its_own_plan_only(frail):
    for number in range(30):
        frail.write(vm(f"m{number}"), f"{number}.yaml")
    frail.converge()
    for path in frail.directory.iterdir():
        path.unlink()
    frail.write(vm("other"))
    daemon = frail.daemon()
    process = start(frail, "plan", "-o", "json", "--allow", "delete,mass-delete")
    time.sleep(0.15)
    os.kill(daemon, signal.SIGSTOP)
    try:
        began = time.monotonic()
        out, err = process.communicate(timeout=BOUND)
    finally:
        os.kill(daemon, signal.SIGCONT)
        process.kill()
    assert time.monotonic() - began < BOUND
    assert process.returncode == 69 and json.loads(out)["changes"] == [], err


def test_a_daemon_that_falls_silent_while_many_are_looked_at_keeps_nobody_waiting(frail):
    """Of the calls that wait on one connection libvirt lets one fail, and it crashes when the daemon goes on."""
    daemon = frail.daemon()
    with connect(frail.uri, frail.state) as host:
        for number in range(2 * FEW):
            host.defineXML(
                f"<domain type='qemu'><name>m{number}</name><memory>8192</memory><os><type>hvm</type></os></domain>"
            )
        silent = Silenced(host, lambda: os.kill(daemon, signal.SIGSTOP))
        began = time.monotonic()
        try:
            with pytest.raises((libvirt.libvirtError, ReconcilerError)):
                list(observe(silent))
            assert time.monotonic() - began < BOUND
        finally:
            os.kill(daemon, signal.SIGCONT)
    with connect(frail.uri, frail.state) as host:
        assert len(list(observe(host))) == 2 * FEW


SMALLEST = "<domain type='qemu'><name>m{number}</name><memory>8192</memory><os><type>hvm</type></os></domain>"


class Silenced:
    """A connection that does something right before its machines are asked one by one."""

    def __init__(self, host, act):
        self.host, self.act = host, act

    def __getattr__(self, name):
        return getattr(self.host, name)

    def listAllDomains(self, flags):  # noqa: N802 (libvirt's name)
        found = self.host.listAllDomains(flags)
        if flags == CONNECT_LIST_DOMAINS_MANAGEDSAVE:
            self.act()
        return found


def test_a_daemon_that_falls_silent_in_the_middle_of_an_apply_is_told_and_the_next_completes(frail):
    for number in range(60):
        frail.write(vm(f"m{number:02}"), f"{number}.yaml")
    daemon = frail.daemon()
    connection = libvirt.open(frail.uri)
    process = start(frail, "apply", "--yes", "-o", "json")
    until(lambda: connection.numOfDefinedDomains() > 4)
    os.kill(daemon, signal.SIGSTOP)
    try:
        out, err = process.communicate(timeout=BOUND)
    finally:
        os.kill(daemon, signal.SIGCONT)
        process.kill()
    changes = json.loads(out)["changes"]
    assert process.returncode == 69 and len(changes) == 60, err
    assert {change["outcome"] for change in changes} == {"done", "failed"}
    frail.converge()
    assert len(names(frail)) == 60


def test_a_daemon_killed_in_the_middle_of_an_apply_is_told_and_the_next_completes(frail):
    for number in range(60):
        frail.write(vm(f"m{number:02}"), f"{number}.yaml")
    daemon = frail.daemon()
    connection = libvirt.open(frail.uri)
    process = start(frail, "apply", "--yes", "-o", "json")
    until(lambda: connection.numOfDefinedDomains() > 4)  # four are under way at once, so one is done
    os.kill(daemon, signal.SIGKILL)
    out, err = process.communicate(timeout=BOUND)
    outcomes = [change["outcome"] for change in json.loads(out)["changes"]]
    assert process.returncode == 69 and len(outcomes) == 60, err
    assert "done" in outcomes and "failed" in outcomes
    frail.revive()
    frail.converge()
    assert len(names(frail)) == 60


def test_kills_at_any_moment_lose_nothing(lab):
    chance = random.Random(7)
    keep = 6
    memory = dict.fromkeys(range(12), 64)
    for number, size in memory.items():
        lab.write(vm(f"m{number:02}", memory=f"{size}MiB"), f"{number}.yaml")
    lab.converge()
    identities = {domain.name(): domain.UUIDString() for domain in lab.connect().listAllDomains()}
    for turn in range(ROUNDS):
        for number in range(keep):
            lab.write(vm(f"m{number:02}", memory=f"{65 + turn}MiB"), f"{number}.yaml")
        for number in range(keep, 12):
            path = lab.directory / f"{number}.yaml"
            if chance.random() < 0.3 and path.exists():
                path.unlink()
            else:
                lab.write(vm(f"m{number:02}", memory=f"{65 + turn}MiB"), f"{number}.yaml")
        process = start(lab, "apply", "--yes", "--allow", "delete")
        time.sleep(0.2 + 0.5 * chance.random())
        process.kill()
        process.communicate()
    lab.apply("--allow", "delete")
    assert lab.plan("--allow", "delete")["changes"] == []
    wanted = sorted(f"m{int(path.stem):02}" for path in lab.directory.glob("*.yaml"))
    assert names(lab) == wanted
    now = {domain.name(): domain.UUIDString() for domain in lab.connect().listAllDomains()}
    assert {name: now[name] for name in now if int(name[1:]) < keep} == {
        name: uuid for name, uuid in identities.items() if int(name[1:]) < keep
    }
    checked = git(lab, "fsck", "--full", "--strict")
    assert checked.returncode == 0 and "error" not in checked.stderr
    old = git(lab, "log", "-p", "--all", "--", "domains/m00.xml").stdout
    assert old.count("<memory") > 2 and "65536" in old


def test_one_interrupt_finishes_the_step_and_skips_the_rest(lab):
    for number in range(80):
        lab.write(vm(f"m{number:02}"), f"{number}.yaml")
    connection = lab.connect()
    process = start(lab, "apply", "--yes", "-o", "json")
    until(lambda: connection.numOfDefinedDomains() >= 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    outcomes = [change["outcome"] for change in json.loads(out)["changes"]]
    assert process.returncode == 75 and set(outcomes) == {"done", "skipped"}, err
    assert outcomes.count("done") == connection.numOfDefinedDomains()
    lab.converge()


def test_two_interrupts_stop_at_once_and_the_next_apply_completes(lab):
    text = vm("a", power="running", more="  shutdown: {timeout: 60s}")
    lab.converge(text)
    lab.write(text.replace("running", "stopped"))
    process = start(lab, "apply", "--yes")
    until(lambda: "stop" in (process.stdout.readline() or "x"), 20)
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    process.communicate(timeout=20)
    assert process.returncode == 75 and time.monotonic() - began < 20
    lab.converge(text)


def test_of_two_applies_at_once_one_is_told_to_wait(lab):
    for number in range(40):
        lab.write(vm(f"m{number:02}"), f"{number}.yaml")
    both = [start(lab, "apply", "--yes") for _ in range(2)]
    ends = [process.communicate(timeout=60) for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 75], [0, 0]), ends
    assert codes == [0, 0] or any("R507" in err for _, err in ends)
    assert len(names(lab)) == 40
    lab.converge()


@pytest.fixture
def small_disk(tmp_path):
    """A directory on a file system of its own, of 1 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def on_disk(lab, place):
    """The same lab with its state on that disk and the cache elsewhere."""
    mine = type(lab)(lab.directory, place / "state", lab.uri)
    mine.environment = {"RECONCILER_CACHE_DIR": str(lab.directory.parent / "cache")}
    return mine


def test_a_full_disk_stops_an_apply_before_the_host_is_touched(lab, small_disk):
    mine = on_disk(lab, small_disk)
    mine.converge(vm("a"))
    mine.write(vm("a", memory="65MiB"))
    mine.write(vm("b"), "b.yaml")
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="space"):
        while True:
            file.write(bytes(4096))
    ran = mine.run("apply", "--yes", "-o", "json", code=1)
    assert [problem["number"] for problem in json.loads(ran.stdout)["problems"]] == ["R701"]
    assert names(lab) == ["a"] and mine.xml("a").findtext("memory") == "131072"
    filler.unlink()
    mine.converge()
    assert git(mine, "fsck", "--full", "--strict").returncode == 0


def test_a_disk_that_cannot_be_written_stops_an_apply_before_the_host_is_touched(lab, small_disk):
    mine = on_disk(lab, small_disk)
    mine.converge(vm("a"))
    mine.write(vm("a", memory="65MiB"))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    ran = mine.run("apply", "--yes", code=1)
    assert "R701" in ran.stderr and mine.xml("a").findtext("memory") == "131072"
    assert mine.plan()["summary"]["change"] == 1
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    mine.converge()


def test_a_broken_ledger_changes_nothing_on_the_host(lab):
    lab.converge(vm("a"))
    lab.write(vm("a", memory="65MiB"))
    for path in (lab.state / "ledger.git" / "objects").rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(b"rubbish")
    for verb in (("plan",), ("apply", "--yes", "--allow", "delete,mass-delete,replace")):
        ran = lab.run(*verb, "-o", "json", code=1)
        assert [problem["number"] for problem in json.loads(ran.stdout)["problems"]] == ["R701"]
    assert lab.xml("a").findtext("memory") == "131072"


def test_json_is_one_document_however_large_and_odd_the_input(lab):
    lab.write(vm("a", more='  description: "' + "x" * 900_000 + '\\u009b31m\\u2028"\n'), "a.yaml")
    lab.write("---\n".join(vm(f"m{number:04}") for number in range(1500)), "many.yaml")
    assert len(lab.plan()["changes"]) == 1501
    lab.write(vm("a", more="  description: " + "x" * (10 << 20)), "a.yaml")
    ran = lab.run("plan", "-o", "json", code=65)
    assert json.loads(ran.stdout)["problems"][0]["number"] == "R103"


def test_an_ordinary_user_has_an_embedded_host_too(tmp_path):
    """libvirt's session mode: no root, a runtime directory of the user's own."""
    home = Path("/var/tmp") / f"reconciler-user-{os.getpid()}"
    (home / "d").mkdir(parents=True)
    (home / "d" / "a.yaml").write_text(vm("a"))
    shutil.chown(home, "nobody")
    try:
        command = [sys.executable, "-m", "reconciler", "-C", f"{home}/d", "--state-dir", f"{home}/s", "-c", "embedded"]
        private = {name: text for name, text in os.environ.items() if not name.startswith("XDG_")}
        environment = {
            **private,
            "HOME": str(home),
            "RECONCILER_CACHE_DIR": f"{home}/c",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        for verb, code in ((("apply", "--yes"), 0), (("plan", "--detailed-exitcode"), 0)):
            ran = subprocess.run(
                [*command, *verb],
                capture_output=True,
                text=True,
                check=False,
                env=environment,
                user="nobody",
                timeout=120,
            )
            assert ran.returncode == code, ran.stdout + ran.stderr
    finally:
        stop = (
            f"from pathlib import Path; from reconciler.adapters.virt import embedded; embedded.stop(Path('{home}/s'))"
        )
        subprocess.run([sys.executable, "-c", stop], check=True, env=environment, user="nobody")
        shutil.rmtree(home)
