"""Networks on a real host, as a user types them."""

import json

import pytest
import yaml

from reconciler import markup
from tests.scenarios.test_machines import vm

pytestmark = pytest.mark.e2e

NAT = {"forward": "nat", "bridge": "lan0", "ips": [{"address": "10.17.3.1", "prefix": 24}]}
RANGE = {"start": "10.17.3.100", "end": "10.17.3.150"}


def net(name="lan", **spec):
    return yaml.safe_dump(
        {"apiVersion": "reconciler/v1", "kind": "Network", "metadata": {"name": name}, "spec": spec}, sort_keys=False
    )


def with_dhcp(**dhcp):
    return {**NAT, "ips": [{**NAT["ips"][0], "dhcp": dhcp}]}


def definition(lab, name="lan", live=False):
    connection = lab.connect()
    try:
        return markup.parse(connection.networkLookupByName(name).XMLDesc(0 if live else 1))
    finally:
        connection.close()


def guest(lab, network="lan"):
    """A running machine on the network."""
    more = f"  interfaces:\n    - {{name: lan, network: {network}}}\n"
    lab.write(vm("guest", power="running", more=more), "guest.yaml")
    lab.converge()
    return lab.domain("guest").ID()


def connected(lab):
    connection = lab.connect()
    try:
        return len(connection.networkLookupByName("lan").listAllPorts())
    finally:
        connection.close()


def both(lab, path):
    return [[dict(found.attrib) for found in definition(lab, live=live).iterfind(path)] for live in (False, True)]


@pytest.mark.parametrize(
    "spec",
    [
        NAT,
        {"forward": "isolated", "ips": [{"address": "10.17.4.1", "prefix": 24}]},
        {},
        {**NAT, "mtu": 9000},
        {**NAT, "routes": [{"address": "10.18.0.0", "prefix": 16, "gateway": "10.17.3.2"}]},
        {**NAT, "dns": {"forwarders": ["192.0.2.53", {"address": "192.0.2.54", "domain": "example.org"}]}},
        {**NAT, "dnsmasqOptions": ["log-queries", "local-ttl=5"]},
        {**NAT, "domain": {"name": "lab.example.com", "localOnly": True}, "autostart": True},
        {"forward": "open", "ips": [{"address": "10.17.5.1", "prefix": 24}]},
    ],
    ids=["nat", "isolated", "silent", "mtu", "route", "forwarders", "dnsmasq", "domain", "open"],
)
def test_s38_a_network_is_made_as_written(lab, spec):
    lab.converge(net(**spec))
    assert definition(lab, live=True).findtext("name") == "lan"


def test_s38_the_definition_says_what_was_asked(lab):
    asked = {
        "mtu": 9000,
        "routes": [{"address": "10.18.0.0", "prefix": 16, "gateway": "10.17.3.2"}],
        "dnsmasqOptions": ["log-queries"],
    }
    lab.converge(net(**NAT, **asked))
    xml = definition(lab, live=True)
    assert xml.find("mtu").get("size") == "9000"
    assert dict(xml.find("route").attrib)["gateway"] == "10.17.3.2"
    (option,) = xml.iter("{http://libvirt.org/schemas/network/dnsmasq/1.0}option")
    assert option.get("value") == "log-queries"


def test_s38_a_network_for_a_bridge_of_the_host_needs_that_bridge(lab):
    lab.converge(net("own", **NAT))
    lab.write(net("office", forward="bridge", bridge="lan0"), "office.yaml")
    lab.converge()
    assert definition(lab, "office").find("bridge").get("name") == "lan0"
    lab.write(net("office", forward="bridge", bridge="br-none"), "office.yaml")
    (change,) = lab.plan()["changes"]
    assert change["blocked"]["number"] == "R401" and "br-none" in change["blocked"]["reason"]


@pytest.mark.proves("Network", "dns/host[]*")
def test_s39_dns_hosts_leave_a_running_network_without_touching_anything_else(lab):
    hosts = [{"ip": f"10.17.3.{number}", "names": [f"h{number}"]} for number in (2, 3, 4)]
    lab.converge(net(**NAT, dns={"hosts": hosts}))
    running = guest(lab)
    before = definition(lab, live=True)
    lab.converge(net(**NAT, dns={"hosts": hosts[1:2]}))
    config, live = both(lab, "dns/host")
    assert config == live == [{"ip": "10.17.3.3"}]
    after = definition(lab, live=True)
    assert before.findtext("uuid") == after.findtext("uuid")
    assert dict(before.find("bridge").attrib) == dict(after.find("bridge").attrib)
    assert lab.domain("guest").ID() == running and connected(lab) == 1


@pytest.mark.proves("Network", "ip[]/dhcp/range[]*")
def test_r5_the_end_of_a_dhcp_range_moves_on_a_running_network(lab):
    lab.converge(net(**with_dhcp(ranges=[RANGE])))
    running = guest(lab)
    lab.converge(net(**with_dhcp(ranges=[{**RANGE, "end": "10.17.3.199"}])))
    config, live = both(lab, "ip/dhcp/range")
    assert config == live == [{"start": "10.17.3.100", "end": "10.17.3.199"}]
    assert lab.domain("guest").ID() == running and connected(lab) == 1


@pytest.mark.proves("Network", "dns/host[]*")
def test_r6_a_dns_host_comes_to_the_running_network_and_to_its_definition(lab):
    lab.converge(net(**NAT))
    lab.converge(net(**NAT, dns={"hosts": [{"ip": "10.17.3.9", "names": ["db", "db.lab"]}]}))
    config, live = both(lab, "dns/host")
    assert config == live == [{"ip": "10.17.3.9"}]


@pytest.mark.proves("Network", "*")
def test_a_change_that_needs_a_restart_waits_for_permission(lab):
    lab.converge(net(**NAT))
    running = guest(lab)
    lab.write(net(**NAT, mtu=1400))
    (change,) = lab.plan()["changes"]
    assert change["waits"] is True
    lab.apply()
    assert lab.plan()["conditions"][0]["type"] == "RestartPending"
    assert definition(lab).find("mtu") is not None and definition(lab, live=True).find("mtu") is None
    assert lab.domain("guest").ID() == running


def test_a_network_with_running_guests_is_not_deleted(lab):
    lab.write(net("other", bridge="other0"), "other.yaml")
    lab.converge(net(**NAT))
    connection = lab.connect()
    connection.createXML(
        "<domain type='qemu'><name>guest</name><memory unit='MiB'>32</memory><os><type machine='q35'>hvm</type></os>"
        "<devices><interface type='network'><source network='lan'/></interface></devices></domain>"
    )
    # After an update libvirt's own count of connections is 0.
    lab.converge(net(**NAT, dns={"hosts": [{"ip": "10.17.3.9", "names": ["db"]}]}))
    lab.remove()
    result = lab.run("apply", "--yes", "--allow", "delete", code=None)
    assert result.returncode and "R403" in result.stdout + result.stderr
    assert connection.networkLookupByName("lan").isActive()
    connection.lookupByName("guest").destroy()
    lab.apply("--allow", "delete")
    assert [found.name() for found in connection.listAllNetworks()] == ["other"]
    connection.close()


def test_two_repositories_that_claim_one_network_are_refused(lab, tmp_path):
    lab.converge(net(**NAT))
    other = type(lab)(tmp_path / "other", tmp_path / "state2", lab.uri)
    other.directory.mkdir()
    other.write(net(**NAT, mtu=1400))
    result = other.run("apply", "--yes", code=73)
    assert "R503" in result.stdout + result.stderr
    assert definition(lab).find("mtu") is None


@pytest.mark.proves("Network", "metadata*")
def test_adopting_a_network_adds_the_mark_and_nothing_else(lab):
    connection = lab.connect()
    text = "<network><name>lan</name><bridge name='lan0'/><ip address='10.17.3.1' prefix='24'/></network>"
    connection.networkDefineXML(text).create()
    before = definition(lab)
    lab.write(net(ips=NAT["ips"]))
    assert lab.actions() == [("Network/lan", "adopt")]
    lab.converge()
    after = definition(lab)
    mark = after.find("metadata")
    assert mark is not None
    after.remove(mark)
    assert markup.canonical(before) == markup.canonical(after)
    assert definition(lab, live=True).find("bridge").get("name") == "lan0"
    connection.close()


def test_networks_that_are_imported_are_only_adopted(lab):
    connection = lab.connect()
    rich = (
        "<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'><name>rich</name>"
        "<forward mode='nat'><nat><port start='2000' end='3000'/></nat></forward><bridge name='rich0' stp='off'/>"
        "<mtu size='1400'/><domain name='lab' localOnly='yes'/>"
        "<dns><forwarder addr='192.0.2.1'/>"
        "<host ip='10.17.3.2'><hostname>a</hostname><hostname>b</hostname></host></dns>"
        "<ip address='10.17.3.1' netmask='255.255.255.0'><dhcp><range start='10.17.3.9' end='10.17.3.99'/>"
        "<host mac='52:54:00:00:00:01' name='x' ip='10.17.3.3'/></dhcp></ip>"
        "<route address='10.18.0.0' prefix='16' gateway='10.17.3.2'/>"
        "<dnsmasq:options><dnsmasq:option value='log-queries'/></dnsmasq:options></network>"
    )
    connection.networkDefineXML(rich)
    connection.networkDefineXML("<network><name>quiet</name></network>").create()
    connection.close()
    lab.run("import", "--all", "--to", lab.directory)
    assert lab.actions() == [("Network/quiet", "adopt"), ("Network/rich", "adopt")]
    lab.converge()


def test_status_shows_the_bridge_and_who_is_on_it(lab):
    lab.converge(net(**NAT))
    guest(lab)
    rows = json.loads(lab.run("status", "-o", "json").stdout)["resources"]
    seen = {row["ref"]: row["details"] for row in rows}["Network/lan"]
    assert seen == {"bridge": "lan0", "connections": "1"}
