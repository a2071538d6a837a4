"""Entries of a running network on a real libvirtd: both definitions change alike, whatever changed them before."""

from __future__ import annotations

from collections.abc import Mapping

import libvirt
import pytest

from reconciler.engine.decide import Case, decide
from reconciler.kinds.network import KIND
from reconciler.model.documents import Spec
from reconciler.model.inventory import Applied
from reconciler.model.plans import Action, Change, Define, Disruption, KindStep, Step
from tests.kinds.steering import Still, apply, differences, judged, situation, spec_of, waiting

pytestmark = pytest.mark.e2e

Body = Mapping[str, object]
RANGE = {"start": "10.32.0.100", "end": "10.32.0.150"}
ONE = {"ip": "10.32.0.3", "mac": "52:54:00:00:32:01", "name": "one"}
TWO = {"ip": "10.32.0.4", "mac": "52:54:00:00:32:02", "name": "two"}
BOOT = {"bootp": {"file": "pxelinux.0"}}


def lan(dns: Body | None = None, groups: object = None, more: object = (), **dhcp: object) -> dict[str, object]:
    first = {"address": "10.32.0.1", "prefix": 24, **({"dhcp": dhcp} if dhcp else {})}
    body: dict[str, object] = {"forward": "nat", "ips": [first, *more]}
    return {**body, **({"dns": dns} if dns else {}), **({"portgroups": groups} if groups else {})}


def srv(*targets: str, port: int = 389) -> dict[str, object]:
    common = {"service": "ldap", "protocol": "tcp", "domain": "lab", "port": port}
    return {"srv": [{**common, "target": target} for target in targets]}


def hosts(**names: list[str]) -> dict[str, object]:
    return {"hosts": [{"ip": f"10.32.0.{ip[1:]}", "names": found} for ip, found in names.items()]}


V6 = {"address": "fd00:32::1", "prefix": 64}
V6_LONGER = {**V6, "dhcp": {"ranges": [{"start": "fd00:32::100", "end": "fd00:32::2ff"}]}}
V6_RANGE = {**V6, "dhcp": {"ranges": [{"start": "fd00:32::100", "end": "fd00:32::1ff"}]}}
SECOND = {"address": "10.33.0.1", "prefix": 24}
SECOND_DHCP = {**SECOND, "dhcp": {"ranges": [{"start": "10.33.0.100", "end": "10.33.0.150"}]}}
CHANGES: dict[str, tuple[Body, Body]] = {
    "a range ends later": (lan(ranges=[RANGE]), lan(ranges=[{**RANGE, "end": "10.32.0.199"}])),
    "a range ends sooner": (lan(ranges=[RANGE]), lan(ranges=[{**RANGE, "end": "10.32.0.110"}])),
    "the last range changes beside a boot file": (
        lan(ranges=[RANGE], **BOOT),
        lan(ranges=[{**RANGE, "end": "10.32.0.199"}], **BOOT),
    ),
    "a lease time": (lan(ranges=[RANGE]), lan(ranges=[{**RANGE, "leaseTime": "2h"}])),
    "a lease time without an end": (lan(hosts=[ONE]), lan(hosts=[{**ONE, "leaseTime": "infinite"}])),
    "a range comes": (lan(), lan(ranges=[RANGE])),
    "all of DHCP goes": (lan(ranges=[RANGE], hosts=[ONE]), lan()),
    "a host by name": (lan(ranges=[RANGE], hosts=[ONE]), lan(ranges=[RANGE], hosts=[{**ONE, "name": "uno"}])),
    "a host by its card": (lan(hosts=[ONE]), lan(hosts=[{**ONE, "mac": TWO["mac"]}])),
    "a card moves to another address": (lan(hosts=[ONE]), lan(hosts=[{**ONE, "ip": "10.32.0.9"}])),
    "two hosts exchange their cards": (
        lan(hosts=[ONE, TWO]),
        lan(hosts=[{**ONE, "mac": TWO["mac"]}, {**TWO, "mac": ONE["mac"]}]),
    ),
    "two hosts exchange all but the address": (
        lan(hosts=[ONE, TWO]),
        lan(hosts=[{**TWO, "ip": ONE["ip"]}, {**ONE, "ip": TWO["ip"]}]),
    ),
    "a range of IPv6": (lan(more=[V6_RANGE]), lan(more=[V6_LONGER])),
    "a range of IPv6 comes": (lan(more=[V6], ranges=[RANGE]), lan(more=[V6_RANGE], ranges=[RANGE])),
    "a host of IPv6": (
        lan(more=[V6_RANGE]),
        lan(more=[{**V6_RANGE, "dhcp": {**V6_RANGE["dhcp"], "hosts": [{"ip": "fd00:32::3", "name": "six"}]}}]),
    ),
    "DHCP moves to the second address": (lan(more=[SECOND], ranges=[RANGE]), lan(more=[SECOND_DHCP])),
    "a DNS host gets a name": (lan(hosts(h2=["a"])), lan(hosts(h2=["a", "b"]))),
    "two DNS hosts exchange their names": (lan(hosts(h2=["a"], h3=["b"])), lan(hosts(h2=["b"], h3=["a"]))),
    "a name is given to a second address": (lan(hosts(h2=["a"])), lan(hosts(h2=["a"], h3=["a"]))),
    "one of two addresses of a name goes": (lan(hosts(h2=["a"], h3=["a"])), lan(hosts(h3=["a"]))),
    "the whole DNS section goes": (lan({**hosts(h2=["a"]), **srv("x")}), lan()),
    "a text changes": (lan({"txt": [{"name": "t", "value": "1"}]}), lan({"txt": [{"name": "t", "value": "2"}]})),
    "the first of three services goes": (lan(srv("x", "y", "z")), lan(srv("y", "z"))),
    "the first of three services changes": (lan(srv("x", "y", "z")), lan(srv("w", "y", "z"))),
    "services change their order": (lan(srv("x", "y", "z")), lan(srv("z", "x", "y"))),
    "services get another port": (lan(srv("x", "y")), lan(srv("x", "y", port=636))),
    "the default port group changes": (
        lan(groups=[{"name": "a", "default": True}, {"name": "b"}]),
        lan(groups=[{"name": "a"}, {"name": "b", "default": True}]),
    ),
    "another port group is the default": (
        lan(groups=[{"name": "a", "default": True}]),
        lan(groups=[{"name": "b", "default": True}]),
    ),
    "port groups go": (lan(groups=[{"name": "a"}, {"name": "b"}]), lan(groups=[{"name": "b"}])),
    "the way out is another device": (
        {**lan(), "forward": {"mode": "nat", "interfaces": ["lo"]}},
        {**lan(), "forward": {"mode": "nat", "interfaces": ["virbr-x"]}},
    ),
}


def views(host: libvirt.virConnect) -> list[dict[str, str]]:
    network = host.networkLookupByName("net")
    both = (KIND.read(network.XMLDesc(flag)) for flag in (1, 0))
    return [{at: text for at, text in texts.items() if not at.startswith("metadata")} for texts in both]


def alike(host: libvirt.virConnect, spec: object) -> None:
    config, live = views(host)
    assert config == live
    assert differences(KIND, spec, host) == [] and waiting(KIND, spec, host) == ()


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("back", [False, True], ids=["there", "back"])
def test_an_entry_changes_in_both_definitions_while_the_network_runs(
    host: libvirt.virConnect, change: str, back: bool
) -> None:
    first, second = reversed(CHANGES[change]) if back else CHANGES[change]
    before, after = (spec_of(KIND, "net", body) for body in (first, second))
    apply(KIND, before, host)
    old = host.networkLookupByName("net")
    kept = old.UUIDString(), old.bridgeName()
    steps = apply(KIND, after, host, before=before)
    assert not any(isinstance(step, KindStep) and step.name == "restart" for step in steps)
    alike(host, after)
    assert (old.UUIDString(), old.bridgeName()) == kept


class Killed(BaseException):
    """The end of the program between two calls."""


@pytest.mark.parametrize("calls", range(4))
def test_a_change_that_was_killed_between_two_calls_is_completed_by_the_next(
    host: libvirt.virConnect, calls: int
) -> None:
    first, second = CHANGES["two hosts exchange all but the address"]
    before, after = (spec_of(KIND, "net", body) for body in (first, second))
    apply(KIND, before, host)
    seen = KIND.look(host, after.ref)
    now = situation(KIND, after, seen)
    steps = KIND.update(now, judged(KIND, now, Applied(claims=before.claims)))
    assert len(steps) > calls
    for step in steps[:calls]:
        KIND.perform(host, after.ref, step, Still())
    settle(host, after)
    alike(host, after)


def next_steps(host: libvirt.virConnect, spec: Spec) -> tuple[Change | None, tuple[Step, ...]]:
    """What the next apply would do, as the engine decides it."""
    case = Case(kind=KIND, spec=spec, observed=KIND.look(host, spec.ref), owned=None, owners=("tests",))
    updates = [change for change in decide(case).changes if change.action is Action.UPDATE]
    return (updates[0], updates[0].steps) if updates else (None, ())


def settle(host: libvirt.virConnect, spec: Spec) -> tuple[Step, ...]:
    """Carry out what the next apply does."""
    _, steps = next_steps(host, spec)
    for step in steps:
        KIND.perform(host, spec.ref, step, Still())
    return steps


TEXTS = [{"name": "t", "value": "1"}, {"name": "t", "value": "2"}]
BY_HAND = {
    "added": (3, 10, "<host ip='10.32.0.66'><hostname>stray</hostname></host>"),
    "removed": (2, 10, "<host ip='10.32.0.2'/>"),
    "changed": (1, 4, "<host mac='52:54:00:00:32:01' name='hand' ip='10.32.0.3'/>"),
}


@pytest.mark.parametrize("where", [libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE, libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG])
@pytest.mark.parametrize("hand", BY_HAND)
def test_an_entry_changed_by_hand_in_one_view_is_mended_at_once(
    host: libvirt.virConnect, hand: str, where: int
) -> None:
    spec = spec_of(KIND, "net", lan(hosts(h2=["a"]), ranges=[RANGE], hosts=[ONE]))
    apply(KIND, spec, host)
    command, section, xml = BY_HAND[hand]
    host.networkLookupByName("net").update(command, section, 0 if section == 4 else -1, xml, where)
    steps = settle(host, spec)
    assert any(isinstance(step, Define) for step in steps) == (where == libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG)
    alike(host, spec)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            lan({"txt": [{"name": "t", "value": "1"}]}),
            lan({"txt": [{"name": "t", "value": "1"}, {"name": "t", "value": "2"}]}),
        ),
        (lan(hosts=[ONE]), lan(hosts=[ONE, {**TWO, "name": "one"}])),
        (lan(srv("x")), lan({"srv": [*srv("x")["srv"], {"service": "ldap", "protocol": "tcp"}]})),
    ],
    ids=["text", "host", "service"],
)
def test_entries_that_libvirt_cannot_tell_apart_wait_for_a_restart(
    host: libvirt.virConnect, first: Body, second: Body
) -> None:
    apply(KIND, spec_of(KIND, "net", first), host)
    spec = spec_of(KIND, "net", second)
    items = judged(KIND, situation(KIND, spec, KIND.look(host, spec.ref)))
    assert {item.decision.disruption for item in items} == {Disruption.RESTART}
    apply(KIND, spec, host)
    assert differences(KIND, spec, host) == [] and waiting(KIND, spec, host)
    KIND.perform(host, spec.ref, KindStep("restart"), Still())
    assert waiting(KIND, spec, host) == ()


def test_what_differs_in_the_running_network_only_is_a_difference_of_its_own(host: libvirt.virConnect) -> None:
    spec = spec_of(KIND, "net", lan(hosts(h2=["a"])))
    apply(KIND, spec, host)
    host.networkLookupByName("net").update(2, 10, -1, "<host ip='10.32.0.2'/>", 1)
    change, steps = next_steps(host, spec)
    assert change is not None and [field.path for field in change.fields] == ["dns.hosts[10.32.0.2]"]
    assert change.disruption is Disruption.NONE and not any(isinstance(step, Define) for step in steps)


def test_a_lease_time_that_somebody_wrote_in_hours_changes_with_its_unit(host: libvirt.virConnect) -> None:
    lease = {**RANGE, "leaseTime": "3h"}
    spec = spec_of(KIND, "net", lan(ranges=[lease]))
    text = KIND.render(spec, None, ()).replace('expiry="10800" unit="seconds"', 'expiry="3" unit="hours"')
    host.networkDefineXML(text).create()
    assert "unit='hours'" in host.networkLookupByName("net").XMLDesc() and differences(KIND, spec, host) == []
    longer = spec_of(KIND, "net", lan(ranges=[{**lease, "leaseTime": "4h"}]))
    apply(KIND, longer, host)
    alike(host, longer)
