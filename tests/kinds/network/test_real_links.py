"""Running machines on networks that restart, on a real libvirtd: their interfaces come back as they were."""

from __future__ import annotations

import re

import libvirt
import pytest

from reconciler import reconnecting
from reconciler.errors import HostError
from reconciler.kinds.domain import KIND as DOMAIN
from reconciler.kinds.network import KIND
from reconciler.model.plans import Allow, KindStep
from reconciler.model.refs import Ref
from tests.kinds.steering import Still, apply, differences, plan, spec_of, waiting

pytestmark = pytest.mark.e2e

NET = {"forward": "nat", "bridge": "lan0", "ips": [{"address": "10.31.0.1", "prefix": 24}]}
REF = Ref("Network", "net")
MACHINE = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory>
<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>{interfaces}</devices></domain>"""
INTERFACE = """<interface type='network'><mac address='52:54:00:00:31:{number:02}'/>
<source network='{network}'{more}/><model type='virtio'/>{inside}</interface>"""


def interface(number: int = 1, network: str = "net", more: str = "", inside: str = "") -> str:
    return INTERFACE.format(number=number, network=network, more=more, inside=inside)


def machine(host: libvirt.virConnect, *interfaces: str, name: str = "guest") -> libvirt.virDomain:
    domain = host.defineXML(MACHINE.format(name=name, interfaces="".join(interfaces or (interface(),))))
    domain.create()
    return domain


def ports(host: libvirt.virConnect, network: str = "net") -> int:
    return len(host.networkLookupByName(network).listAllPorts())


def shape(domain: libvirt.virDomain) -> list[str]:
    """Its running interfaces without their ports."""
    found = re.findall("<interface.*?</interface>", domain.XMLDesc(), re.DOTALL)
    return [re.sub(" portid='[^']*'", "", text) for text in found]


def restart(host: libvirt.virConnect, network: str = "net") -> None:
    found = host.networkLookupByName(network)
    found.destroy()
    found.create()


def unplugged(host: libvirt.virConnect, name: str = "guest") -> str | None:
    seen = {each.ref.name: each for each in DOMAIN.observe(host)}[name]
    assert seen == DOMAIN.look(host, seen.ref)
    return seen.facts.get("!unplugged")


def plug(host: libvirt.virConnect, name: str = "guest") -> None:
    DOMAIN.perform(host, Ref("Domain", name), KindStep("reconnect"), Still())


KINDS_OF_LINK = {
    "plain": interface(),
    "port group": interface(more=" portgroup='sales'"),
    "named": interface(inside="<alias name='ua-lan'/>"),
    "isolated": interface(inside="<port isolated='yes'/>"),
    "down": interface(inside="<link state='down'/>"),
    "of a size": interface(inside="<mtu size='1400'/>"),
    "with a name on the host": interface(inside="<target dev='tap-lan'/>"),
}


@pytest.mark.parametrize("kind", KINDS_OF_LINK)
def test_a_link_comes_back_as_it_was(host: libvirt.virConnect, kind: str) -> None:
    apply(KIND, spec_of(KIND, "net", {**NET, "portgroups": [{"name": "sales"}]}), host)
    domain = machine(host, KINDS_OF_LINK[kind])
    before = shape(domain)
    assert unplugged(host) is None
    restart(host)
    assert ports(host) == 0
    assert unplugged(host) == ("lan" if kind == "named" else "52:54:00:00:31:01")
    plug(host)
    assert shape(domain) == before and ports(host) == 1 and unplugged(host) is None


def test_settings_that_a_network_lends_do_not_become_the_interfaces_own(host: libvirt.virConnect) -> None:
    isolating = {**NET, "isolatedPorts": True, "trustGuestRxFilters": True}
    apply(KIND, spec_of(KIND, "net", isolating), host)
    domain = machine(host)
    before = shape(domain)
    assert "isolated" in before[0]
    apply(KIND, spec_of(KIND, "net", {**isolating, "mtu": 1400}), host, Allow.RESTART)
    assert shape(domain) == before
    apply(KIND, spec_of(KIND, "net", {**NET, "mtu": 1400}), host, Allow.RESTART, before=spec_of(KIND, "net", isolating))
    assert "isolated" not in shape(domain)[0]


@pytest.mark.parametrize(
    ("change", "bridge"),
    [({"mtu": 1400}, "lan0"), ({"bridge": "lan9"}, "lan9"), ({"forward": "isolated"}, "lan0")],
    ids=["mtu", "bridge", "mode"],
)
def test_a_permitted_restart_plugs_every_guest_in_again(
    host: libvirt.virConnect, change: dict[str, object], bridge: str
) -> None:
    apply(KIND, spec_of(KIND, "net", NET), host)
    apply(KIND, spec_of(KIND, "other", {"bridge": "other0"}), host)
    both = machine(host, interface(1), interface(2, "other"), interface(3), name="both")
    alone = machine(host, interface(4), name="alone")
    stranger = host.createXML(MACHINE.format(name="stranger", interfaces=interface(5)))
    before = [shape(domain) for domain in (both, alone, stranger)]
    spec = spec_of(KIND, "net", {**NET, **change})
    steps = apply(KIND, spec, host, Allow.RESTART)
    assert KindStep("restart") in steps and ports(host) == 4 and ports(host, "other") == 1
    after = [shape(domain) for domain in (both, alone, stranger)]
    assert after == [[text.replace("bridge='lan0'", f"bridge='{bridge}'") for text in each] for each in before]
    assert differences(KIND, spec, host) == [] and waiting(KIND, spec, host) == ()


def test_without_permission_the_network_waits_and_nobody_loses_a_link(host: libvirt.virConnect) -> None:
    apply(KIND, spec_of(KIND, "net", NET), host)
    machine(host)
    steps = apply(KIND, spec_of(KIND, "net", {**NET, "mtu": 1400}), host)
    assert KindStep("restart") not in steps and ports(host) == 1


def test_a_document_may_permit_the_restart(host: libvirt.virConnect) -> None:
    apply(KIND, spec_of(KIND, "net", NET), host)
    spec = spec_of(KIND, "net", {**NET, "mtu": 1400, "restartPolicy": "whenRequired"})
    assert KindStep("restart") in plan(KIND, spec, host)


def test_guests_of_a_network_that_was_stopped_are_plugged_in_when_it_starts(host: libvirt.virConnect) -> None:
    spec = spec_of(KIND, "net", NET)
    apply(KIND, spec, host)
    domain = machine(host)
    host.networkLookupByName("net").destroy()
    assert unplugged(host) is None
    apply(KIND, spec, host)
    assert ports(host) == 1 and "bridge='lan0'" in shape(domain)[0]


def test_an_interface_that_was_left_half_way_is_found_and_finished(host: libvirt.virConnect) -> None:
    apply(KIND, spec_of(KIND, "net", NET), host)
    domain = machine(host)
    before = shape(domain)
    restart(host)
    (found,) = reconnecting.plugs(domain.XMLDesc(), domain.XMLDesc(2))
    domain.updateDeviceFlags(reconnecting.moves(found, "lan0")[0], 1)
    assert "type='bridge'" in shape(domain)[0]
    assert unplugged(host) == "52:54:00:00:31:01"
    plug(host)
    assert shape(domain) == before and ports(host) == 1


def test_an_interface_that_somebody_put_on_another_bridge_is_left_there(host: libvirt.virConnect) -> None:
    apply(KIND, spec_of(KIND, "net", NET), host)
    apply(KIND, spec_of(KIND, "other", {"bridge": "other0"}), host)
    domain = machine(host)
    (found,) = reconnecting.plugs(domain.XMLDesc(), domain.XMLDesc(2))
    domain.updateDeviceFlags(reconnecting.moves(found, "other0")[0], 1)
    assert unplugged(host) is None


def test_a_bridge_of_the_hosts_own_loses_nobody(host: libvirt.virConnect) -> None:
    apply(KIND, spec_of(KIND, "net", NET), host)
    apply(KIND, spec_of(KIND, "office", {"forward": "bridge", "bridge": "lan0"}), host)
    machine(host, interface(1, "office"))
    restart(host, "office")
    assert ports(host, "office") == 0 and unplugged(host) is None


def test_a_network_that_changes_from_its_own_bridge_to_the_hosts_takes_its_guests_along(
    host: libvirt.virConnect,
) -> None:
    apply(KIND, spec_of(KIND, "base", {**NET, "bridge": "base0"}), host)
    before = spec_of(KIND, "net", {"bridge": "lan0"})
    apply(KIND, before, host)
    domain = machine(host)
    moved = spec_of(KIND, "net", {"forward": "bridge", "bridge": "base0"})
    apply(KIND, moved, host, Allow.RESTART, before=before)
    assert "bridge='base0'" in shape(domain)[0] and ports(host) == 1 and unplugged(host) is None


def test_a_network_that_changes_from_the_hosts_bridge_to_another_takes_its_guests_along(
    host: libvirt.virConnect,
) -> None:
    for name in ("base0", "base1"):
        apply(KIND, spec_of(KIND, name, {"bridge": name}), host)
    apply(KIND, spec_of(KIND, "net", {"forward": "bridge", "bridge": "base0"}), host)
    domain = machine(host)
    apply(KIND, spec_of(KIND, "net", {"forward": "bridge", "bridge": "base1"}), host, Allow.RESTART)
    assert "bridge='base1'" in shape(domain)[0] and ports(host) == 1 and unplugged(host) is None
    own = spec_of(KIND, "net", {"forward": "isolated", "bridge": "lan0"})
    apply(KIND, own, host, Allow.RESTART)
    assert "bridge='lan0'" in shape(domain)[0] and ports(host) == 1 and unplugged(host) is None


class Killed(BaseException):
    """The end of the program, in the middle of anything."""


class Frail:
    """A libvirt object whose owner dies before its `left`th change of the host."""

    CHANGING = ("create", "destroy", "updateDeviceFlags", "networkDefineXML", "update")

    def __init__(self, object_: object, left: list[int]) -> None:
        self._object, self._left = object_, left

    def __getattr__(self, name: str) -> object:
        found = getattr(self._object, name)
        if not callable(found):
            return found

        def call(*arguments: object) -> object:
            if name in self.CHANGING:
                self._left[0] -= 1
                if self._left[0] < 0:
                    raise Killed
            return self._wrap(found(*arguments))

        return call

    def _wrap(self, found: object) -> object:
        if isinstance(found, list):
            return [self._wrap(each) for each in found]
        known = isinstance(found, libvirt.virNetwork | libvirt.virDomain)
        return Frail(found, self._left) if known else found


@pytest.mark.parametrize("calls", range(8))
def test_a_restart_that_was_killed_anywhere_is_completed_by_the_next_one(host: libvirt.virConnect, calls: int) -> None:
    apply(KIND, spec_of(KIND, "net", NET), host)
    guests = [machine(host, interface(number), name=f"m{number}") for number in (1, 2)]
    before = [shape(domain) for domain in guests]
    spec = spec_of(KIND, "net", {**NET, "mtu": 1400, "restartPolicy": "whenRequired"})
    with pytest.raises(Killed):
        apply(KIND, spec, Frail(host, [calls]))
        raise Killed
    complete(host, spec)
    assert [shape(domain) for domain in guests] == before and ports(host) == 2
    assert waiting(KIND, spec, host) == () and differences(KIND, spec, host) == []
    assert host.networkLookupByName("net").isActive()


def complete(host: libvirt.virConnect, spec: object) -> None:
    """What the next apply does: the network first, as far as it differs or waits, then the machines."""
    if waiting(KIND, spec, host):
        KIND.perform(host, REF, KindStep("restart"), Still())
    apply(KIND, spec, host)
    for seen in list(DOMAIN.observe(host)):
        if "!unplugged" in seen.facts:
            plug(host, seen.ref.name)


class Refusing:
    """A machine that is busy."""

    def __init__(self, domain: libvirt.virDomain) -> None:
        self._domain = domain

    def __getattr__(self, name: str) -> object:
        return getattr(self._domain, name)

    def updateDeviceFlags(self, xml: str, flags: int) -> int:  # noqa: N802
        raise self.error()

    def error(self) -> libvirt.libvirtError:
        error = libvirt.libvirtError("cannot acquire state change lock")
        error.err = (68, 10, "cannot acquire state change lock", 2, "", None, None, -1, -1)
        return error


class Busy:
    """A connection whose first machine is busy."""

    def __init__(self, host: libvirt.virConnect) -> None:
        self._host = host

    def __getattr__(self, name: str) -> object:
        return getattr(self._host, name)

    def listAllDomains(self, flags: int) -> list[object]:  # noqa: N802
        first, *others = sorted(self._host.listAllDomains(flags), key=libvirt.virDomain.name)
        return [Refusing(first), *others]


def test_one_guest_that_cannot_be_plugged_in_is_named_and_the_others_are(host: libvirt.virConnect) -> None:
    apply(KIND, spec_of(KIND, "net", NET), host)
    for number in (1, 2):
        machine(host, interface(number), name=f"m{number}")
    with pytest.raises(HostError, match=r"Domain/m1: the interface 52:54:00:00:31:01 .* state change lock"):
        KIND.perform(Busy(host), REF, KindStep("restart"), Still())
    assert ports(host) == 1 and unplugged(host, "m1") and not unplugged(host, "m2")


class Counting:
    """A connection that counts what is asked about networks."""

    def __init__(self, host: libvirt.virConnect) -> None:
        self._host = host
        self.asked = 0

    def __getattr__(self, name: str) -> object:
        self.asked += "etwork" in name
        return getattr(self._host, name)


def test_networks_are_asked_only_where_a_running_machine_is_on_one(host: libvirt.virConnect) -> None:
    apply(KIND, spec_of(KIND, "net", NET), host)
    domain = machine(host, "<interface type='user'/>")
    counting = Counting(host)
    assert list(DOMAIN.observe(counting)) and counting.asked == 0
    domain.destroy()
    domain.undefine()
    machine(host)
    machine(host, interface(2), name="two")
    assert list(DOMAIN.observe(counting)) and counting.asked == 1
