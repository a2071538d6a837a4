"""Machines that are watched after a change: a real guest, its agent and its lease, and servers on the loopback."""

import contextlib
import signal
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.scenarios.test_guests import BOOT_SECONDS, GUEST, within
from tests.scenarios.test_machines import vm
from tests.scenarios.test_networks import RANGE, net, with_dhcp

pytestmark = pytest.mark.e2e

# What the kernel finds no first process with: it gives up, reboots at once, and the document takes that for the end.
BROKEN = "console=ttyS0 quiet cryptomgr.notests panic=-1 rdinit=/no/such/program"


def document(lab, guest, *, memory="192MiB", cmdline="", on_failure="rollback", probes="{agent: true}"):
    more = f"""
  guestAgent: true
  onReboot: destroy
  restartPolicy: whenRequired
  shutdown: {{timeout: 60s}}
  interfaces:
    - {{name: lan, network: lan}}
  health: {{timeout: {BOOT_SECONDS}s, onFailure: {on_failure}, probes: [{probes}]}}
"""
    console = lab.directory.parent / "console.log"
    text = GUEST.format(memory=memory, vcpus=1, power="running", guest=guest, console=console, more=more)
    return text.replace("console=ttyS0 quiet cryptomgr.notests", cmdline) if cmdline else text


def history(lab):
    ledger = lab.state / "ledger.git"
    log = ["git", "-C", ledger, "log", "--format=%s", "--all"]
    return subprocess.run(log, capture_output=True, text=True, check=True).stdout.splitlines()


def error(applied, ref="Domain/guest"):
    (found,) = [change for change in applied["changes"] if change["ref"] == ref]
    return found["outcome"], (found["error"] or {}).get("number"), (found["error"] or {}).get("message", "")


def test_a_guest_that_a_change_breaks_gets_its_definition_of_before_back_by_itself(lab, guest):
    lab.converge(net(**with_dhcp(ranges=[RANGE])))
    lab.write(document(lab, guest, probes="{agent: true}, {address: lease}"), "guest.yaml")
    lab.converge()
    domain = lab.domain("guest")
    assert domain.getTime() and domain.interfaceAddresses(0)
    before = lab.xml("guest").findtext("os/cmdline")

    # A kernel command line waits for the next boot, whoever causes it; more memory is what restarts the guest here.
    lab.write(document(lab, guest, memory="224MiB", cmdline=BROKEN), "guest.yaml")
    outcome, number, message = error(lab.apply(code=1))
    assert (outcome, number) == ("failed", "R613") and message.endswith("and it is healthy again"), message
    live = lab.xml("guest", live=True)
    assert (live.findtext("os/cmdline"), live.findtext("memory")) == (before, str(192 << 10))
    assert lab.domain("guest").getTime()
    back, broken, *_ = history(lab)
    assert back.startswith("rolled back Domain/guest") and broken.endswith("and it is unhealthy")
    assert "rdinit=/no/such/program" in broken

    (change,) = lab.plan()["changes"]
    assert (change["blocked"]["number"], change["blocked"]["allow"]) == ("R514", "retry")
    lab.apply(code=73)
    assert "made Domain/guest unhealthy" in lab.run("status", "Domain/guest").stdout
    assert lab.domain("guest").getTime()

    # Tried again it fails again; another document is tried without a word.
    assert error(lab.apply("--allow", "retry", code=1))[1] == "R613"
    better = "console=ttyS0 quiet cryptomgr.notests hostname=again"
    lab.write(document(lab, guest, memory="224MiB", cmdline=better), "guest.yaml")
    lab.converge()
    assert "hostname=again" in lab.xml("guest", live=True).findtext("os/cmdline")


def test_somebody_who_presses_ctrl_c_is_not_kept_waiting_for_a_guest(lab):
    lab.write(watched("{agent: true}", timeout="1h"))
    process = subprocess.Popen(
        lab.command("apply", "--yes"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert within(60, lambda: running(lab))
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 75 and "R509" in output
    assert lab.plan()["changes"] == []


def running(lab):
    connection = lab.connect()
    try:
        return any(domain.name() == "vm" and domain.isActive() for domain in connection.listAllDomains())
    finally:
        connection.close()


def watched(probe, timeout="2s", memory="64MiB", more=""):
    more = f"  shutdown: {{timeout: 1s}}\n  health: {{timeout: {timeout}, probes: [{probe}]}}\n{more}"
    return vm(memory=memory, power="running", more=more)


def test_a_guest_without_an_agent_is_unhealthy_and_stays_as_the_document_says(lab):
    lab.write(watched("{agent: true}", more="  guestAgent: true\n"))
    outcome, number, message = error(lab.apply(code=1), "Domain/vm")
    assert (outcome, number) == ("failed", "R612") and "guest agent is not connected" in message
    assert running(lab) and lab.plan()["changes"] == []
    lab.run("apply", "--yes")


@contextlib.contextmanager
def serving(statuses):
    """A web server that gives each of these statuses once, and the last of them for ever."""
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    worker = threading.Thread(target=server.serve_forever)
    worker.start()
    try:
        yield server.server_port, left
    finally:
        server.shutdown()
        worker.join()
        server.server_close()


def test_a_web_server_is_waited_for_until_it_is_well(lab):
    with serving([503, 503, 200]) as (port, left):
        lab.converge(watched(f'{{http: "http://127.0.0.1:{port}/healthz", status: 200}}', timeout="60s"))
        assert left == [200]


def test_a_status_or_a_port_that_is_wrong_is_named(lab):
    with serving([503]) as (port, _):
        url = f"http://127.0.0.1:{port}/healthz"
        lab.write(watched(f'{{http: "{url}"}}'))
        assert f"http {url}: status 503" in error(lab.apply(code=1), "Domain/vm")[2]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        lab.write(watched(f"{{tcp: {port}, host: 127.0.0.1}}", memory="80MiB"))
        lab.converge(None, "--allow", "restart,force-off")
    lab.write(watched(f"{{tcp: {port}, host: 127.0.0.1}}", memory="96MiB"))
    applied = lab.apply("--allow", "restart,force-off", code=1)
    assert f"tcp 127.0.0.1:{port}: connection refused" in error(applied, "Domain/vm")[2]


@pytest.mark.parametrize(
    ("probe", "says"),
    [
        ("{agent: true, tcp: 22}", "agent and tcp are probes of their own"),
        ("{host: web}", "a probe says one of agent, address, tcp and http"),
        ("{agent: false}", "wants true"),
        ("{tcp: 0}", "from 1 to 65535"),
        ("{ping: true}", "has no field"),
    ],
)
def test_a_probe_that_cannot_be_meant_is_refused_at_its_place(lab, probe, says):
    path = lab.write(watched(probe))
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if "health" in text)
    output = lab.run("validate", code=65).stderr + lab.run("validate", code=65).stdout
    assert says in output and f"main.yaml:{line}:" in output
