# ruff: noqa: N802 (the fakes answer to libvirt's names)
"""The steps on a host that is not there: what is called, how often, and what is waited for."""

from dataclasses import dataclass, field

import pytest

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
    """A domain that goes off after its button was pressed `deaf` times; its agent is absent, works, or lies.

    `power` is libvirt's state and reason while it is active, `off` while it is not.
    """

    clock: Clock
    active: bool = True
    deaf: int = 0
    power: tuple = (1, 1)
    job: int = 0
    agent: str = "absent"
    persistent: bool = True
    saved: bool = False
    live: str = XML
    off: tuple = (5, 1)
    refuses: dict = field(default_factory=dict)
    calls: list = field(default_factory=list)

    def call(self, name, *arguments):
        self.calls.append((name, *arguments))
        if (name, *arguments) in self.refuses:
            raise VirtError(self.refuses[(name, *arguments)])
        if name in self.refuses:
            raise VirtError(self.refuses[name])

    def asked(self, name):
        """A question, which changes nothing: not worth a line in `calls`."""
        if name in self.refuses:
            raise VirtError(self.refuses[name])

    def name(self):
        return "web"

    def UUIDString(self):
        return "u1"

    def connect(self):
        return Host([self])

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
        return list(self.power if self.active else self.off)

    def jobStats(self):
        self.asked("jobStats")
        return {"operation": self.job} if self.job else {"type": 0}

    def create(self):
        self.call("create")

    def resume(self):
        self.call("resume")
        self.power = (1, 5)

    def pMWakeup(self, flags):
        self.call("pMWakeup", flags)
        self.power = (1, 8)

    def autostart(self):
        return 0

    def hasManagedSaveImage(self):
        return self.saved

    def shutdownFlags(self, flags):
        if flags == handle.DOMAIN_SHUTDOWN_GUEST_AGENT:
            return self.by_agent()
        self.call("button", self.clock.seconds)
        return self.go_off()

    def by_agent(self):
        self.call("agent", self.clock.seconds)
        if self.agent == "absent":
            raise VirtError(86)
        if self.agent == "works":
            self.active = False

    def shutdown(self):
        self.call("shutdown", self.clock.seconds)
        self.go_off()

    def go_off(self):
        if self.power[0] in (3, 7):
            raise VirtError(55)
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
    stats: bool = True

    def getAllDomainStats(self, stats, flags):
        self.calls.append("stats")
        if not self.stats:
            raise VirtError(3)
        assert (stats, flags) == (1, 0)
        states = [(domain, domain.state()) for domain in self.domains]
        return [(domain, {"state.state": state, "state.reason": reason}) for domain, (state, reason) in states]

    def listAllDomains(self, flags=0):
        self.calls.append(flags)
        return self.domains if flags == 0 else self.lists.get(flags, [])

    def lookupByName(self, name):
        if not self.domains:
            raise VirtError(42)
        return self.domains[0]

    def lookupByUUIDString(self, uuid):
        return next(domain for domain in self.domains if domain.UUIDString() == uuid)

    def defineXML(self, xml):
        self.calls.append(xml)


@pytest.fixture
def clock():
    return Clock()


def perform(step, domain, clock):
    driver.perform(Host([domain]), WEB, step, clock)
    return domain.calls


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
        and call[2] == '<owner id="team"/>'
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


def test_an_idle_host_costs_three_calls_and_one_for_each_domain(clock):
    domain = Domain(clock, active=False)
    host = Host([domain], {handle.CONNECT_LIST_DOMAINS_AUTOSTART: [domain]})
    (seen,) = driver.observe(host)
    assert len(host.calls) == 3 and domain.calls == [("XMLDesc", 3)]
    assert (seen.ref, seen.uuid, seen.live) == (WEB, "u1", None)
    assert seen.facts == {"!power": "stopped", "!autostart": "yes"}


def test_an_empty_host_costs_one_call():
    host = Host([])
    assert list(driver.observe(host)) == [] and host.calls == ["stats"]


def test_what_runs_only_now_is_told_and_paused_is_not_running(clock):
    domain = Domain(clock, power=(3, 5))
    (seen,) = driver.observe(Host([domain], {handle.CONNECT_LIST_DOMAINS_TRANSIENT: [domain]}))
    assert seen.active and seen.facts == {"!power": "paused", "!autostart": "no", "!persistent": "no"}
    assert seen.details == {"paused": "by an I/O error"}


STATES = [
    ((1, 1), {"!power": "running"}),
    ((2, 0), {"!power": "running"}),
    ((0, 0), {"!power": "running"}),
    ((3, 1), {"!power": "paused"}),
    ((3, 2), {"!power": "running", "!state": "migrating", "!busy": "it is migrating"}),
    ((3, 3), {"!power": "running", "!state": "saving", "!busy": "it is being saved"}),
    ((3, 4), {"!power": "running", "!state": "dumping", "!busy": "its memory is being dumped"}),
    ((3, 9), {"!power": "running", "!state": "in snapshot", "!busy": "a snapshot of it is being taken"}),
    ((3, 10), {"!power": "crashed", "!crashed": "yes"}),
    ((4, 1), {"!power": "running", "!state": "shutting down", "!busy": "it is shutting down"}),
    ((6, 1), {"!power": "crashed", "!crashed": "yes"}),
    ((7, 0), {"!power": "suspended"}),
]
OFF = [
    ((5, 0), {"!power": "stopped"}),
    ((5, 1), {"!power": "stopped"}),
    ((5, 2), {"!power": "stopped"}),
    ((5, 3), {"!power": "stopped", "!state": "crashed", "!crashed": "yes"}),
    ((5, 6), {"!power": "stopped", "!state": "failed", "!crashed": "yes"}),
]


@pytest.mark.parametrize("stats", [True, False], ids=["in one call", "one by one"])
@pytest.mark.parametrize(("state", "facts"), [*STATES, *OFF])
def test_every_state_has_its_word_and_a_look_at_one_agrees_with_a_look_at_all(clock, state, facts, stats):
    active = state[0] != 5
    domain = Domain(clock, active=active, **{"power" if active else "off": state})
    host = Host([domain], stats=stats)
    (seen,) = driver.observe(host)
    assert seen.facts == {**facts, "!autostart": "no"}
    assert driver.look(host, WEB) == seen


def test_a_saved_guest_is_saved_however_it_went_off(clock):
    domain = Domain(clock, active=False, off=(5, 3), saved=True)
    host = Host([domain], {handle.CONNECT_LIST_DOMAINS_MANAGEDSAVE: [domain]})
    (seen,) = driver.observe(host)
    assert seen.facts == {"!power": "stopped", "!state": "saved", "!autostart": "no", "!managedsave": "yes"}
    assert driver.look(host, WEB) == seen


def test_the_states_of_all_are_asked_in_one_call(clock):
    host = Host([Domain(clock), Domain(clock, active=False)])
    assert len(list(driver.observe(host))) == 2
    assert host.calls == ["stats", 1024, 256, 8]


def test_what_libvirt_says_against_the_question_is_passed_on(clock):
    host = Host([Domain(clock)])
    host.getAllDomainStats = lambda stats, flags: (_ for _ in ()).throw(VirtError(38))
    with pytest.raises(VirtError):
        list(driver.observe(host))


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
