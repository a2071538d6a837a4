"""The embedded host, for real: libvirtd, QEMU under software emulation, dnsmasq, namespaces."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import libvirt
import pytest

from reconciler.adapters.virt import embedded, embedded_home, embedded_root, facts
from reconciler.adapters.virt.connection import connect
from reconciler.errors import UnreachableError

pytestmark = pytest.mark.e2e

DOMAIN = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory>
<os><type arch='x86_64' machine='q35'>hvm</type></os></domain>"""
NETWORK = """<network><name>lan</name><forward mode='nat'/><bridge name='virbr0'/>
<ip address='192.168.122.1' netmask='255.255.255.0'>
<dhcp><range start='192.168.122.2' end='192.168.122.99'/></dhcp></ip></network>"""
QUIET = "<network><name>quiet</name><bridge name='virbr9'/></network>"


@pytest.fixture
def hosts(embedded_host, request):
    """Starts hosts of this test's own beside the session's, whose knowledge of QEMU they share; all are taken down."""
    state_dir = embedded_host("lab").state_dir
    started = []

    def home(name, idle_seconds=600):
        started.append(name)
        return embedded.home_of(f"embedded:{name}", state_dir, idle_seconds)

    yield home
    for name in dict.fromkeys(started):
        embedded.stop(state_dir, name)


def opened(home):
    return connect(f"embedded:{home.name}", home.directory.parents[1], idle_seconds=home.idle_seconds)


def programs(home):
    return sorted(embedded_home.program(pid) for pid in embedded.mode().members(home))


def kill_daemon(home):
    for pid in embedded.mode().members(home):
        if embedded_home.is_daemon(pid):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: "libvirtd" not in programs(home))


def wait_until(true, seconds=10):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def footprint():
    """What an embedded host must not change on the machine."""
    return {
        "mounts": Path("/proc/self/mountinfo").read_text().count("libvirt"),
        "devices": sorted(path.name for path in Path("/sys/class/net").iterdir() if path.name.startswith("virbr")),
        "forward": Path("/proc/sys/net/ipv4/ip_forward").read_text(),
        "host name": os.uname().nodename,
        "hosts": Path("/etc/hosts").read_text(),
        "settings": sorted(str(path) for path in Path("/etc/libvirt").rglob("*")),
        "machines": sorted(str(path) for path in Path("/var/lib/libvirt").rglob("*")),
    }


def cgroups(home):
    return [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/reconciler-{home.digest}")]


def test_it_starts_on_demand_and_soon(hosts):
    home = hosts("swift")
    began = time.monotonic()
    with opened(home) as connection:
        assert time.monotonic() - began < 10
        assert connection.getHostname() == "swift"
        assert connection.listAllDomains() == [] and connection.listAllNetworks() == []


def test_a_machine_and_a_network_leave_no_trace_outside_and_nothing_remains_after_stop(hosts):
    before = footprint()
    home = hosts("clean")
    with opened(home) as connection:
        connection.networkCreateXML(NETWORK)
        connection.createXML(DOMAIN.format(name="web"))
        assert footprint() == before
        assert {"dnsmasq", "libvirtd", "qemu-system-x86"} <= set(programs(home))
        assert facts.gather(connection).interfaces == {"lo", "virbr0"}
    embedded.stop(home.directory.parents[1], home.name)
    assert programs(home) == [] and cgroups(home) == [] and not os.path.lexists(home.alias)
    assert footprint() == before


def test_two_hosts_hold_a_machine_of_one_name_each(hosts):
    one, two = hosts("one"), hosts("two")
    with opened(one) as first, opened(two) as second:
        first.createXML(DOMAIN.format(name="web"))
        second.createXML(DOMAIN.format(name="web"))
        second.networkCreateXML(NETWORK)
        first.networkCreateXML(NETWORK)
        first.lookupByName("web").destroy()
        assert [domain.name() for domain in second.listAllDomains()] == ["web"]
        assert first.listAllDomains() == []


def tune(domain):
    """libvirt 9.0 answers before it has found the cgroups of the machines that outlived it."""
    deadline = time.monotonic() + 10
    while True:
        try:
            domain.setSchedulerParameters({"cpu_shares": 512})
        except libvirt.libvirtError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def test_a_killed_daemon_finds_its_machines_and_networks_again(hosts):
    home = hosts("phoenix")
    with opened(home) as connection:
        connection.networkCreateXML(NETWORK)
        connection.createXML(DOMAIN.format(name="web"))
    spaces = {Path(f"/proc/{pid}/ns/net").readlink() for pid in embedded.mode().members(home)}
    for _ in range(2):
        kill_daemon(home)
        with opened(home) as connection:
            domain = connection.lookupByName("web")
            assert domain.isActive() and connection.networkLookupByName("lan").isActive()
            tune(domain)
            assert domain.schedulerParameters()["cpu_shares"] == 512
            del domain
    assert {Path(f"/proc/{pid}/ns/net").readlink() for pid in embedded.mode().members(home)} == spaces
    assert programs(home).count("sh") == 1 and "sleep" not in programs(home)


def test_it_stops_when_idle_but_not_while_a_machine_runs(hosts):
    home = hosts("idle", idle_seconds=1)
    with opened(home) as connection:
        connection.createXML(DOMAIN.format(name="web"))
    time.sleep(2.5)
    assert "libvirtd" in programs(home)
    with opened(home) as connection:
        connection.lookupByName("web").destroy()
    wait_until(lambda: programs(home) == [])


@pytest.mark.parametrize("network", [NETWORK, QUIET], ids=["dnsmasq", "bridge alone"])
def test_networks_outlive_an_idle_daemon(hosts, network):
    home = hosts("nets", idle_seconds=1)
    with opened(home) as connection:
        name = connection.networkCreateXML(network).name()
    wait_until(lambda: "libvirtd" not in programs(home))
    with opened(home) as connection:
        assert connection.networkLookupByName(name).isActive()
        connection.networkLookupByName(name).destroy()


def test_many_who_start_it_at_once_get_one_daemon(hosts):
    home = hosts("crowd")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: embedded.start(home), range(8)))
    assert programs(home).count("libvirtd") == 1


def test_processes_that_start_it_at_once_get_one_daemon(hosts):
    home = hosts("rush")
    program = (
        "import sys, pathlib\nfrom reconciler.adapters.virt.connection import connect\n"
        "with connect(sys.argv[1], pathlib.Path(sys.argv[2])) as c: print(c.getHostname())"
    )
    command = [sys.executable, "-c", program, f"embedded:{home.name}", home.directory.parents[1]]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [each.communicate()[0].strip() for each in running] == ["rush"] * 3
    assert programs(home).count("libvirtd") == 1


def test_a_state_directory_with_a_long_path_works(tmp_path, embedded_host):
    state_dir = tmp_path / ("long" * 30)
    home = embedded.home_of("embedded", state_dir, 600)
    try:
        with connect("embedded", state_dir) as connection:
            assert connection.getHostname() == "embedded"
            assert facts.exists(connection, "/var/lib/libvirt/images") is True
            assert facts.exists(connection, "/var/lib/libvirt/images/none.img") is False
        assert home.alias.readlink() == home.directory
    finally:
        embedded.stop(state_dir)
    assert not os.path.lexists(home.alias)


def test_a_stranger_on_the_short_path_is_not_trusted(tmp_path):
    home = embedded.home_of("embedded", tmp_path / ("long" * 30), 600)
    home.alias.symlink_to("/somewhere/else")
    try:
        with pytest.raises(UnreachableError, match="not the link"):
            embedded.start(home)
    finally:
        home.alias.unlink()


def test_a_daemon_that_will_not_start_says_why(hosts):
    home = hosts("broken")
    (home.directory / "log").mkdir(parents=True)
    (home.directory / "etc").write_text("this is no directory")
    with pytest.raises(UnreachableError, match=r"broken: .*etc"):
        embedded.start(home)
    (home.directory / "etc").unlink()


def test_missing_programs_are_named_with_the_packages(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded.shutil, "which", lambda name, path: None)
    with pytest.raises(UnreachableError, match=r"libvirtd and qemu-system-.*apt-get install libvirt-daemon-system"):
        embedded.start(embedded.home_of("embedded", tmp_path))


def test_a_machine_that_restarted_forgets_what_ran(tmp_path):
    home = embedded.home_of("embedded", tmp_path)
    (home.directory / "run/libvirt").mkdir(parents=True)
    (home.directory / "run/libvirt/stale.pid").write_text("1")
    (home.directory / embedded_home.BOOT).write_text("another boot")
    embedded_home.forget_last_boot(home, home.directory / "run")
    assert not (home.directory / "run").exists()
    (home.directory / "run").mkdir()
    embedded_home.forget_last_boot(home, home.directory / "run")
    assert (home.directory / "run").exists()


def test_hosts_differ_in_uuid_and_digest_by_their_directory(tmp_path):
    one, two = (embedded.home_of("embedded", tmp_path / name) for name in ("a", "b"))
    assert (one.uuid, one.digest) != (two.uuid, two.digest)
    assert one == embedded.home_of("embedded", tmp_path / "a")


def test_paths_of_the_host_are_found_where_the_machine_has_them(tmp_path):
    assert embedded_root.visible(tmp_path, "/var/lib/libvirt/images/a.img") == tmp_path / "lib/images/a.img"
    assert embedded_root.visible(tmp_path, "/var/lib/libvirt-other") == Path("/var/lib/libvirt-other")


def test_stopping_what_never_ran_is_no_error(tmp_path):
    embedded.stop(tmp_path, "never")
    assert list(tmp_path.iterdir()) == []


def test_an_ordinary_user_gets_a_session_host_that_keeps_its_machines(tmp_path_factory):
    program = Path(__file__).with_name("session_host.py")
    place = Path("/tmp") / f"session-{os.getpid()}"
    place.mkdir()
    os.chown(place, 65534, 65534)
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    command = [*user, sys.executable, "-B", program, place]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[3])}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, cwd="/", check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["opened", "started", "killed", "found", "stopped"]
    finally:
        subprocess.run(["rm", "-rf", place], check=True)


def test_libvirt_closes_when_we_do(hosts):
    home = hosts("closing")
    with opened(home) as connection:
        uri = embedded.uri_of(home)
    with pytest.raises(libvirt.libvirtError):
        connection.getHostname()
    other = libvirt.open(uri)
    assert other.getHostname() == "closing"
    other.close()


def test_a_daemon_that_hangs_is_given_up_in_time(hosts):
    home = hosts("stuck")
    with opened(home):
        (daemon,) = filter(embedded_home.is_daemon, embedded.mode().members(home))
    os.kill(daemon, signal.SIGSTOP)
    began = time.monotonic()
    opening = connect(f"embedded:{home.name}", home.directory.parents[1], open_seconds=0.5)
    with pytest.raises(UnreachableError, match="R607"), opening:
        pytest.fail("it hangs")
    assert time.monotonic() - began < 20
    os.kill(daemon, signal.SIGCONT)
