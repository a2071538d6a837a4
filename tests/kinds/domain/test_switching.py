# ruff: noqa: N802 (the fakes answer to libvirt's names)
"""Starting and stopping a guest that is not there: who is asked, when, and what is waited for."""

import threading

import pytest

from reconciler.errors import BusyError, HostError
from reconciler.kinds.domain import driver
from reconciler.kinds.domain.states import JOBS
from reconciler.model.plans import Autostart, Define, KindStep, Start, Stop, Undefine
from tests.kinds.domain.test_driver import WEB, Clock, Domain, Host, VirtError, perform


@pytest.fixture
def clock():
    return Clock()


def test_a_guest_with_an_agent_is_asked_by_it_and_its_button_is_left_alone(clock):
    assert perform(Stop(60), Domain(clock, agent="works"), clock) == [("agent", 0.0)]
    assert clock.seconds == 0


def test_without_an_agent_the_button_is_pressed_at_once(clock):
    assert perform(Stop(60), Domain(clock), clock) == [("agent", 0.0), ("button", 0.0)]


@pytest.mark.parametrize("code", [1, 3, 8, 67, 74, 84, 86])
def test_whatever_libvirt_says_about_an_agent_leads_to_the_button(clock, code):
    assert perform(Stop(60), Domain(clock, refuses={"agent": code}), clock)[-1] == ("button", 0.0)


def test_a_lock_that_is_not_to_be_had_is_passed_on(clock):
    with pytest.raises(VirtError):
        perform(Stop(60), Domain(clock, refuses={"agent": 68}), clock)
    with pytest.raises(VirtError):
        perform(Stop(60), Domain(clock, refuses={"button": 68}), clock)


def test_an_agent_that_agrees_and_does_nothing_has_half_of_the_time(clock):
    assert perform(Stop(60), Domain(clock, agent="lies"), clock) == [("agent", 0.0), ("button", 30.0)]


def test_the_document_says_how_long_the_agent_has(clock):
    assert perform(Stop(60, agent=5), Domain(clock, agent="lies"), clock) == [("agent", 0.0), ("button", 5.0)]
    assert perform(Stop(60, agent=0), Domain(Clock(), agent="works"), clock)[0][0] == "button"


def test_an_agent_that_hangs_does_not_hold_up_the_button(clock):
    class Hanging(Domain):
        def by_agent(self):
            while self.active:
                self.call("agent hangs")
                released.wait(0.01)

    released = threading.Event()
    domain = Hanging(clock)
    try:
        perform(Stop(60, agent=1), domain, clock)
    finally:
        domain.active = False
        released.set()
    assert [call for call in domain.calls if call[0] == "button"] == [("button", 1.0)]


def test_a_guest_that_is_off_is_not_asked(clock):
    assert perform(Stop(60), Domain(clock, active=False), clock) == []


def test_a_button_that_is_not_heard_is_pressed_again(clock):
    calls = perform(Stop(60, agent=0), Domain(clock, deaf=2), clock)
    assert calls == [("button", 0.0), ("button", 10.0), ("button", 20.0)]


def test_an_agent_that_comes_up_later_is_asked_as_long_as_its_time_lasts(clock):
    class Booting(Domain):
        def by_agent(self):
            self.agent = "works" if self.clock.seconds >= 20 else "absent"
            super().by_agent()

    calls = perform(Stop(60), Booting(clock, deaf=100), clock)
    assert [call for call in calls if call[0] == "agent"] == [("agent", 0.0), ("agent", 10.0), ("agent", 20.0)]
    late = Clock()
    calls = perform(Stop(60), Domain(late, deaf=5), late)
    assert [call[1] for call in calls if call[0] == "agent"] == [0.0, 10.0, 20.0]


def test_a_driver_that_knows_no_button_is_asked_its_own_way(clock):
    for code in (3, 8, 1):
        calls = perform(Stop(60), Domain(Clock(), refuses={"button": code}), clock)
        assert calls[-1] == ("shutdown", 0.0)


def test_a_guest_that_does_not_stop_is_left_running_and_said_so(clock):
    domain = Domain(clock, deaf=100)
    with pytest.raises(HostError) as caught:
        perform(Stop(30), domain, clock)
    assert caught.value.problems[0].number == "R606" and "Domain/web" in str(caught.value)
    assert domain.active and 30 <= clock.seconds < 31


def test_the_power_is_cut_only_when_the_step_says_so(clock):
    calls = perform(Stop(5, force=True), Domain(clock, deaf=100), clock)
    assert calls[-1] == ("destroyFlags", 1) and clock.seconds >= 5
    assert perform(Stop(0, force=True), Domain(clock), clock) == [("destroyFlags", 1)]


def test_a_process_that_does_not_end_gently_is_killed(clock):
    domain = Domain(clock, deaf=100, refuses={"destroyFlags": 38})
    assert perform(Stop(5, force=True), domain, clock)[-1] == ("destroy",)


@pytest.mark.parametrize("code", [55, 42])
def test_a_guest_that_goes_off_or_vanishes_while_it_is_asked_is_success(clock, code):
    class Racing(Domain):
        def shutdownFlags(self, flags):
            self.active = False
            raise VirtError(code)

    perform(Stop(60), Racing(clock), clock)


def test_other_errors_of_a_stop_are_passed_on(clock):
    with pytest.raises(VirtError):
        perform(Stop(60), Domain(clock, refuses={"button": 38, ("shutdown", 0.0): 38}), clock)


def test_a_paused_guest_is_resumed_so_that_it_hears(clock):
    assert perform(Stop(60), Domain(clock, power=(3, 1)), clock)[0] == ("resume",)
    deaf = Domain(Clock(), power=(3, 5), refuses={"resume": 1}, deaf=100)
    assert perform(Stop(5, force=True), deaf, deaf.clock)[-1] == ("destroyFlags", 1)


def test_a_sleeping_guest_is_woken_so_that_it_hears(clock):
    assert perform(Stop(60), Domain(clock, power=(7, 0)), clock)[0] == ("pMWakeup", 0)


def test_a_guest_that_does_not_wake_is_waited_for_and_then_is_deaf(clock):
    domain = Domain(clock, power=(7, 0), refuses={"pMWakeup": 1})
    with pytest.raises(HostError, match="R606"):
        perform(Stop(30), domain, clock)
    assert 30 <= clock.seconds < 31


@pytest.mark.parametrize("state", [(6, 1), (3, 10)])
def test_a_crashed_guest_cannot_be_asked_and_is_cut_off_at_once(clock, state):
    assert perform(Stop(60), Domain(clock, power=state), clock) == [("destroyFlags", 1)]
    assert clock.seconds == 0


def test_starting_is_what_the_state_asks_for(clock):
    assert perform(Start(), Domain(clock), clock) == []
    assert perform(Start(), Domain(clock, power=(3, 1)), clock) == [("resume",)]
    assert perform(Start(), Domain(clock, power=(7, 0)), clock) == [("pMWakeup", 0)]
    assert perform(Start(), Domain(clock, active=False), clock) == [("create",)]


@pytest.mark.parametrize("job", sorted(JOBS))
@pytest.mark.parametrize("step", [Start(), Stop(60), Undefine(), Autostart(True), KindStep("vcpus", {"current": "2"})])
def test_a_job_of_libvirts_is_not_disturbed_and_not_waited_for(clock, job, step):
    domain = Domain(clock, job=job)
    with pytest.raises(BusyError, match="R605"):
        perform(step, domain, clock)
    assert domain.calls == [] and clock.seconds == 0


def test_a_backup_forbids_nothing_nor_does_a_driver_that_knows_no_jobs(clock):
    assert perform(Autostart(True), Domain(clock, job=9), clock) == [("setAutostart", 1)]
    assert perform(Autostart(True), Domain(clock, refuses={"jobStats": 3}), clock) == [("setAutostart", 1)]


def test_what_is_off_has_no_jobs_and_a_definition_disturbs_none(clock):
    assert perform(Start(), Domain(clock, active=False, job=2), clock) == [("create",)]
    driver.perform(Host([Domain(clock, job=2)]), WEB, Define("<domain/>"), clock)
