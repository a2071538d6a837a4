"""Networks under running guests: what is changed on a network reaches the guests, and their link outlives it."""

import base64
import json

import libvirt
import libvirt_qemu
import pytest

from tests.scenarios.test_guests import Machine, within
from tests.scenarios.test_machines import vm
from tests.scenarios.test_networks import NAT, RANGE, both, connected, definition, net, with_dhcp

pytestmark = pytest.mark.e2e

ANSWER_SECONDS = 60
GATEWAY = "10.17.3.1"
ON_LAN = "guestAgent: true\ninterfaces:\n  - {name: lan, network: lan, mac: '52:54:00:00:17:03'}"


class Guest(Machine):
    """A booted guest that carries out commands."""

    def up(self, more=ON_LAN):
        self.converge(more=more)
        assert within(180, self.hears)
        return self

    def agent(self, command, **arguments):
        text = json.dumps({"execute": command, "arguments": arguments})
        return json.loads(libvirt_qemu.qemuAgentCommand(self.domain, text, 10, 0))["return"]

    def hears(self):
        try:
            return self.agent("guest-ping") == {}
        except libvirt.libvirtError:
            return False

    def run(self, *words):
        """The exit code and the output of a busybox applet in the guest."""
        started = self.agent("guest-exec", path="/bin/busybox", arg=list(words), **{"capture-output": True})
        answer = {}

        def ended():
            # Once it has told the end of a program, the agent forgets it.
            if not answer.get("exited"):
                answer.update(self.agent("guest-exec-status", pid=started["pid"]))
            return answer["exited"]

        assert within(ANSWER_SECONDS, ended)
        return answer["exitcode"], base64.b64decode(answer.get("out-data", "")).decode()

    def reaches(self, address=GATEWAY):
        return self.run("ping", "-c", "1", "-W", "1", address)[0] == 0

    def address(self):
        """The IPv4 address of its card, "" while it has none."""
        words = self.run("ip", "-4", "-o", "addr", "show", "eth0")[1].split()
        return words[words.index("inet") + 1].partition("/")[0] if "inet" in words else ""

    def uptime(self):
        return float(self.run("cat", "/proc/uptime")[1].split()[0])

    def lease(self):
        """Ask for an address anew."""
        return self.run("udhcpc", "-i", "eth0", "-n", "-q", "-t", "5", "-s", "/bin/lease")[0] == 0

    def interface(self):
        """The running interface without the port that it has on its network."""
        found = self.lab.xml("guest", live=True).find("devices/interface")
        source = found.find("source")
        port = source.attrib.pop("portid", None)
        return port, source.attrib.pop("bridge", None), [(each.tag, dict(each.attrib)) for each in found]


@pytest.fixture
def machine(lab, guest):
    return Guest(lab, guest)


def network(lab, name="lan"):
    return lab.connect().networkLookupByName(name)


def restart_by_hand(lab):
    found = network(lab)
    found.destroy()
    found.create()


@pytest.mark.proves("Network", "ip[]/dhcp/host[]*", "dns/host[]*")
def test_dhcp_and_dns_change_under_a_guest_that_keeps_its_link(lab, machine):
    lab.write(net(**with_dhcp(ranges=[RANGE])), "net.yaml")
    machine.up()
    assert within(ANSWER_SECONDS, machine.reaches)
    before, started, uptime = machine.interface(), machine.domain.ID(), machine.uptime()
    old = definition(lab, live=True)
    dhcp = {
        "ranges": [{**RANGE, "end": "10.17.3.120"}, {"start": "10.17.3.160", "end": "10.17.3.170"}],
        "hosts": [{"ip": "10.17.3.77", "mac": "52:54:00:00:17:03", "name": "pinned"}],
    }
    dns = {
        "hosts": [{"ip": "10.17.3.9", "names": ["db", "db.lab"]}],
        "txt": [{"name": "example", "value": "hello"}],
        "srv": [{"service": "ldap", "protocol": "tcp", "domain": "lab", "target": "db.lab", "port": 389}],
    }
    lab.converge(net(**with_dhcp(**dhcp), dns=dns, portgroups=[{"name": "sales"}]), name="net.yaml")
    for path in ("ip/dhcp/range", "ip/dhcp/host", "dns/host", "dns/txt", "dns/srv", "portgroup"):
        config, live = both(lab, path)
        assert config == live != [], path
    new = definition(lab, live=True)
    assert old.findtext("uuid") == new.findtext("uuid")
    assert dict(old.find("bridge").attrib) == dict(new.find("bridge").attrib)
    assert machine.interface() == before and machine.domain.ID() == started and machine.uptime() > uptime
    assert machine.reaches()
    assert machine.run("nslookup", "db.lab", GATEWAY)[1].count("10.17.3.9") == 1
    assert machine.lease() and machine.address() == "10.17.3.77"


@pytest.mark.proves("Network", "*")
def test_a_restart_that_is_permitted_gives_the_guests_their_link_back(lab, machine):
    lab.write(net(**with_dhcp(ranges=[RANGE])), "net.yaml")
    machine.up()
    assert within(ANSWER_SECONDS, machine.reaches)
    before, started, uptime = machine.interface(), machine.domain.ID(), machine.uptime()
    lab.write(net(**with_dhcp(ranges=[RANGE]), mtu=1400), "net.yaml")
    (change,) = lab.plan("--allow", "restart")["changes"]
    assert change["disruption"] == "restart"
    assert "Domain/guest" in change["fields"][0]["why"] and "moment" in change["fields"][0]["why"]
    lab.converge(None, "--allow", "restart")
    after = machine.interface()
    assert definition(lab, live=True).find("mtu").get("size") == "1400"
    assert after[0] != before[0] and after[1:] == before[1:] and connected(lab) == 1
    assert within(ANSWER_SECONDS, machine.reaches)
    assert machine.domain.ID() == started and machine.uptime() > uptime
    assert machine.lease() and machine.address().startswith("10.17.3.1")


@pytest.mark.proves("Domain", "!interfaces[].link")
def test_a_network_that_somebody_restarted_is_plugged_in_again(lab, machine):
    lab.write(net(**with_dhcp(ranges=[RANGE])), "net.yaml")
    machine.up()
    assert within(ANSWER_SECONDS, machine.reaches)
    started = machine.domain.ID()
    restart_by_hand(lab)
    assert not machine.reaches() and connected(lab) == 0
    (change,) = lab.plan()["changes"]
    (field,) = change["fields"]
    assert (change["ref"], field["path"]) == ("Domain/guest", "interfaces[lan].link")
    assert (field["before"], field["after"], field["disruption"]) == ("unplugged", "plugged", "none")
    lab.converge()
    assert within(ANSWER_SECONDS, machine.reaches) and connected(lab) == 1
    assert machine.domain.ID() == started


STRANGER = (
    "<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory><os><type machine='q35'>hvm</type></os>"
    "<devices><interface type='network'><source network='lan'/></interface></devices></domain>"
)


def test_a_plan_says_whose_link_a_restart_takes(lab):
    lab.converge(net(**NAT))
    connection = lab.connect()
    for number in range(7):
        connection.createXML(STRANGER.format(name=f"m{number}"))
    lab.write(net(**NAT, mtu=1400))
    waits = lab.run("plan").stdout
    assert "keeps the old value until it restarts, which takes the link from 7 machines for a moment" in waits
    now = lab.run("plan", "--allow", "restart").stdout
    assert "7 machines for a moment: Domain/m0, Domain/m1, Domain/m2, Domain/m3, Domain/m4 and 2 more" in now
    lab.converge(None, "--allow", "restart")
    assert connected(lab) == 7
    for domain in connection.listAllDomains():
        domain.destroy()
    connection.close()


def test_a_guest_that_nobody_declares_is_plugged_in_with_its_network(lab):
    lab.converge(net(**NAT))
    connection = lab.connect()
    connection.createXML(STRANGER.format(name="stranger"))
    restart_by_hand(lab)
    (change,) = lab.plan()["changes"]
    (field,) = change["fields"]
    assert (change["ref"], field["path"], field["after"]) == ("Network/lan", "guests[stranger].link", "plugged")
    lab.converge()
    assert connected(lab) == 1
    connection.lookupByName("stranger").destroy()
    connection.close()


def test_an_entry_that_only_the_running_network_lacks_is_a_live_change(lab):
    lab.converge(net(**NAT, dns={"hosts": [{"ip": "10.17.3.9", "names": ["db"]}]}))
    network(lab).update(2, 10, -1, "<host ip='10.17.3.9'/>", 1)
    plan = lab.plan()
    (change,) = plan["changes"]
    assert plan["conditions"] == [] and change["disruption"] == "none" and not change["waits"]
    lab.converge()
    config, live = both(lab, "dns/host")
    assert config == live == [{"ip": "10.17.3.9"}]


def test_machines_and_their_network_change_in_one_apply(lab):
    lab.write(net(**NAT), "net.yaml")
    more = "  interfaces:\n    - {name: lan, network: lan}\n"
    lab.converge(vm(memory="64MiB", power="running", more=more))
    restart_by_hand(lab)
    lab.write(net(**NAT, mtu=1400, restartPolicy="whenRequired"), "net.yaml")
    lab.converge(vm(memory="64MiB", power="running", more=f"  title: Under a new network\n{more}"))
    assert connected(lab) == 1 and lab.xml("vm", live=True).findtext("title") == "Under a new network"
