# ruff: noqa: N802 (the fakes answer to libvirt's names)
"""The steps on a host that is not there: what is called, how often, and what is waited for."""

from dataclasses import dataclass, field

import pytest

from reconciler.errors import HostError
from reconciler.kinds.domain import driver, handle
from reconciler.model.plans import Autostart, Define, KindStep, Mark, Start, Stop, Undefine
from reconciler.model.refs import Ref

WEB = Ref("Domain", "web")
XML = "<domain><name>web</name><memory unit='KiB'>2048</memory><currentMemory unit='KiB'>1024</currentMemory></domain>"


class VirtError(Exception):
    def __init__(self, code):
        super().__init__(f"libvirt says {code}")
        self.code = code

    def get_error_code(self):
        return self.code


@dataclass
class Clock:
    seconds: float = 0.0

    def now(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds


@dataclass
class Domain:
    """A domain that goes off after it was asked `deaf` times."""

    clock: Clock
    active: bool = True
    deaf: int = 0
    paused: bool = False
    persistent: bool = True
    live: str = XML
    refuses: dict = field(default_factory=dict)
    calls: list = field(default_factory=list)

    def call(self, name, *arguments):
        self.calls.append((name, *arguments))
        if (name, *arguments) in self.refuses:
            raise VirtError(self.refuses[(name, *arguments)])
        if name in self.refuses:
            raise VirtError(self.refuses[name])

    def name(self):
        return "web"

    def UUIDString(self):
        return "u1"

    def ID(self):
        return 1 if self.active else -1

    def XMLDesc(self, flags):
        self.call("XMLDesc", flags)
        return XML if flags & handle.DOMAIN_XML_INACTIVE else self.live

    def isActive(self):
        return self.active

    def isPersistent(self):
        return self.persistent

    def state(self):
        return [3 if self.paused else 1, 1]

    def create(self):
        self.call("create")

    def resume(self):
        self.call("resume")

    def shutdown(self):
        self.call("shutdown", self.clock.seconds)
        if self.deaf == 0:
            self.active = False
        self.deaf -= 1

    def destroy(self):
        self.call("destroy")
        self.active = False

    def destroyFlags(self, flags):
        self.call("destroyFlags", flags)
        self.active = False

    def undefineFlags(self, flags):
        self.call("undefineFlags", flags)

    def setAutostart(self, on):
        self.call("setAutostart", on)

    def setMetadata(self, *arguments):
        self.call("setMetadata", *arguments)

    def setMemoryFlags(self, memory, flags):
        self.call("setMemoryFlags", memory, flags)

    def setVcpusFlags(self, count, flags):
        self.call("setVcpusFlags", count, flags)


@dataclass
class Host:
    domains: list
    lists: dict = field(default_factory=dict)
    calls: list = field(default_factory=list)

    def listAllDomains(self, flags=0):
        self.calls.append(flags)
        return self.domains if flags == 0 else self.lists.get(flags, [])

    def lookupByName(self, name):
        if not self.domains:
            raise VirtError(42)
        return self.domains[0]

    def defineXML(self, xml):
        self.calls.append(xml)


@pytest.fixture
def clock():
    return Clock()


def perform(step, domain, clock):
    driver.perform(Host([domain]), WEB, step, clock)
    return domain.calls


def test_a_guest_that_hears_is_asked_once(clock):
    assert perform(Stop(60), Domain(clock), clock) == [("shutdown", 0.0)]


def test_a_guest_that_is_off_is_not_asked(clock):
    assert perform(Stop(60), Domain(clock, active=False), clock) == []


def test_a_guest_that_does_not_hear_is_asked_again(clock):
    calls = perform(Stop(60), Domain(clock, deaf=2), clock)
    assert calls == [("shutdown", 0.0), ("shutdown", 10.0), ("shutdown", 20.0)]


def test_a_guest_that_does_not_stop_is_left_running_and_said_so(clock):
    domain = Domain(clock, deaf=100)
    with pytest.raises(HostError) as caught:
        perform(Stop(30), domain, clock)
    assert caught.value.problems[0].number == "R606" and "Domain/web" in str(caught.value)
    assert domain.active and 30 <= clock.seconds < 31


def test_the_power_is_cut_only_when_the_step_says_so(clock):
    calls = perform(Stop(5, force=True), Domain(clock, deaf=100), clock)
    assert calls[-1] == ("destroyFlags", 1) and clock.seconds >= 5


def test_a_process_that_does_not_end_gently_is_killed(clock):
    domain = Domain(clock, deaf=100, refuses={"destroyFlags": 38})
    assert perform(Stop(5, force=True), domain, clock)[-1] == ("destroy",)


def test_a_guest_that_goes_off_while_it_is_asked_is_success(clock):
    class Racing(Domain):
        def shutdown(self):
            self.active = False
            raise VirtError(55)

    perform(Stop(60), Racing(clock), clock)


def test_other_errors_of_a_stop_are_passed_on(clock):
    with pytest.raises(VirtError):
        perform(Stop(60), Domain(clock, refuses={("shutdown", 0.0): 38}), clock)


def test_starting_what_runs_does_nothing_and_what_is_paused_goes_on(clock):
    assert perform(Start(), Domain(clock), clock) == []
    assert perform(Start(), Domain(clock, paused=True), clock) == [("resume",)]
    assert perform(Start(), Domain(clock, active=False), clock) == [("create",)]


@pytest.mark.parametrize(("data", "first"), [(False, 1 | 2 | 16 | 8 | 64), (True, 1 | 2 | 16 | 4 | 32)])
def test_undefine_keeps_or_takes_the_firmware_settings(clock, data, first):
    assert perform(Undefine(data), Domain(clock, active=False), clock) == [("undefineFlags", first)]


def test_undefine_asks_old_drivers_with_fewer_flags(clock):
    domain = Domain(clock, refuses={("undefineFlags", 91): 8, ("undefineFlags", 27): 8})
    assert perform(Undefine(), domain, clock)[-1] == ("undefineFlags", 19)


def test_what_is_gone_need_not_be_stopped_or_undefined(clock):
    for step in (Stop(1), Undefine()):
        driver.perform(Host([]), WEB, step, clock)
    with pytest.raises(VirtError):
        driver.perform(Host([]), WEB, Start(), clock)


def test_metadata_is_written_to_the_definition_and_to_the_running_guest(clock):
    step = KindStep("metadata", {"title": "Web", "description": ""})
    assert perform(step, Domain(clock), clock) == [
        ("setMetadata", 1, "Web", None, None, 3),
        ("setMetadata", 0, None, None, None, 3),
    ]
    (call,) = perform(Mark("team"), Domain(clock, active=False), clock)
    assert (
        call[1] == 2
        and call[2] == '<owner id="team"></owner>'
        and call[3:] == ("reconciler", "https://reconciler.example/xmlns/1", 2)
    )


def test_foreign_metadata_is_written_under_its_own_name_space(clock):
    step = KindStep(
        "metadata", {"metadata/{https:%2F%2Fexample.org%2Fx}note": "<x/>", "metadata/libosinfo:libosinfo": ""}
    )
    assert perform(step, Domain(clock, active=False, persistent=True), clock) == [
        ("setMetadata", 2, "<x/>", "x", "https://example.org/x", 2),
        ("setMetadata", 2, None, "libosinfo", "http://libosinfo.org/xmlns/libvirt/domain/1.0", 2),
    ]


def test_live_steps_and_autostart_are_one_call_each(clock):
    assert perform(KindStep("memory", {"current": "1024"}), Domain(clock), clock) == [("setMemoryFlags", 1024, 1)]
    assert perform(KindStep("vcpus", {"current": "3"}), Domain(clock), clock) == [("setVcpusFlags", 3, 1)]
    assert perform(Autostart(True), Domain(clock), clock) == [("setAutostart", 1)]


def test_define_needs_no_look_up(clock):
    host = Host([])
    driver.perform(host, WEB, Define("<domain/>"), clock)
    assert host.calls == ["<domain/>"]


def test_an_idle_host_costs_three_lists_and_one_call_for_each_domain(clock):
    domain = Domain(clock, active=False)
    host = Host([domain], {handle.CONNECT_LIST_DOMAINS_AUTOSTART: [domain]})
    (seen,) = driver.observe(host)
    assert len(host.calls) == 3 and domain.calls == [("XMLDesc", 3)]
    assert (seen.ref, seen.uuid, seen.live) == (WEB, "u1", None)
    assert seen.facts == {"!power": "stopped", "!autostart": "yes"}


def test_an_empty_host_costs_one_call():
    host = Host([])
    assert list(driver.observe(host)) == [] and host.calls == [0]


def test_what_runs_only_now_is_told_and_paused_is_not_running(clock):
    domain = Domain(clock)
    lists = {handle.CONNECT_LIST_DOMAINS_TRANSIENT: [domain], handle.CONNECT_LIST_DOMAINS_PAUSED: [domain]}
    (seen,) = driver.observe(Host([domain], lists))
    assert seen.active and seen.facts == {"!power": "paused", "!autostart": "no", "!persistent": "no"}


def test_a_saved_guest_is_told(clock):
    domain = Domain(clock, active=False)
    (seen,) = driver.observe(Host([domain], {handle.CONNECT_LIST_DOMAINS_MANAGEDSAVE: [domain]}))
    assert seen.facts["!managedsave"] == "yes"


def test_a_domain_that_vanishes_meanwhile_is_absent_and_other_errors_are_not(clock):
    assert list(driver.observe(Host([Domain(clock, refuses={"XMLDesc": 42})]))) == []
    with pytest.raises(VirtError):
        list(driver.observe(Host([Domain(clock, refuses={"XMLDesc": 38})])))


def test_balloon_and_agent_do_not_change_the_digest(clock):
    digests = set()
    for memory, state in (("1024", "connected"), ("1500", "disconnected"), ("2048", "connected")):
        live = XML.replace(">1024<", f">{memory}<").replace("</domain>", f"<target state='{state}'/></domain>")
        (seen,) = driver.observe(Host([Domain(clock, live=live)]))
        digests.add(seen.digest)
    assert len(digests) == 1


def test_facts_and_definition_change_the_digest(clock):
    domain = Domain(clock, active=False)
    one = next(driver.observe(Host([domain]))).digest
    two = next(driver.observe(Host([domain], {handle.CONNECT_LIST_DOMAINS_AUTOSTART: [domain]}))).digest
    assert one != two
