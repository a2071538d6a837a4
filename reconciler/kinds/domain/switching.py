"""Starting and stopping one domain; what is already so is success.

A stop asks the guest's agent, then presses the power button, each with its own deadline, and cuts the power at the end
only if the step says so.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import cast

from reconciler.errors import trouble
from reconciler.kinds.domain.handle import (
    DOMAIN_DESTROY_GRACEFUL,
    DOMAIN_SHUTDOWN_ACPI_POWER_BTN,
    DOMAIN_SHUTDOWN_GUEST_AGENT,
    ERR_NO_DOMAIN,
    ERR_OPERATION_INVALID,
    ERR_OPERATION_TIMEOUT,
    Connection,
    Domain,
)
from reconciler.kinds.domain.states import JOBS, PAUSED, PMSUSPENDED, SHUTOFF, State, state_of
from reconciler.model.plans import Stop
from reconciler.model.refs import Ref
from reconciler.ports import Clock, error_code, own

POLL_SECONDS = 0.25
# A guest that is still booting hears neither its agent nor its power button (seen with Linux 6.1): ask again.
ASK_AGAIN_SECONDS = 10.0
# From libvirt's word that a guest is to wake up to its being awake: tenths of a second (QEMU 7.2 under emulation).
WAKE_SECONDS = 10.0


def undisturbed(domain: Domain, ref: Ref) -> None:
    """Raise R605 while libvirt is at a job on the domain that makes every change wait for its lock."""
    if domain.ID() < 0:
        return
    try:
        job = JOBS.get(int(domain.jobStats().get("operation", 0)))
    except Exception as error:
        # Some drivers know no jobs; and what is wrong with the domain, the step itself will say.
        if error_code(error) is None:
            raise
        return
    if job:
        raise trouble("R605", f"{ref} was left alone: {job}")


def start(domain: Domain) -> None:
    """Start what is off, resume what is paused, wake what is asleep."""
    if not domain.isActive():
        domain.create()
        return
    state = domain.state()[0]
    if state == PAUSED:
        domain.resume()
    elif state == PMSUSPENDED:
        domain.pMWakeup(0)


def stop(domain: Domain, ref: Ref, step: Stop, clock: Clock) -> None:
    """Bring the guest down, or raise R606. One that has crashed cannot shut down: it is cut off at once."""
    begun = clock.now()
    if _state(domain).power == "crashed":
        _cut_off(domain)
        return
    _rouse(domain, clock)
    agent = step.seconds / 2 if step.agent is None else min(step.agent, step.seconds)
    _ask(domain, begun + agent, begun + step.seconds, clock)
    if not _is_on(domain):
        return
    if not step.force:
        raise trouble("R606", f"{ref} did not shut down within {step.seconds} seconds and was left running")
    _cut_off(domain)


def _rouse(domain: Domain, clock: Clock) -> None:
    """Let a guest that is paused or asleep run, so that it can hear. One that cannot is deaf, and treated so."""
    power = _state(domain).power
    if power == "paused":
        _attempt(domain.resume)
    if power == "suspended":
        end = clock.now() + WAKE_SECONDS
        _attempt(lambda: domain.pMWakeup(0))
        while _state(domain).power == "suspended" and clock.now() < end:
            clock.sleep(POLL_SECONDS)


def _ask(domain: Domain, agent_end: float, end: float, clock: Clock) -> None:
    """Ask the guest again and again until it is off or the time is over: its agent, or else its power button.

    An agent that cannot be asked now may be there when the guest has booted, or some moments after it was woken.
    """
    ask = clock.now()
    while _is_on(domain) and clock.now() < end:
        if clock.now() >= ask:
            if clock.now() < agent_end and _ask_agent(domain, agent_end, clock):
                # It has heard and used up its time: the button is next, at once.
                continue
            _unless_off(lambda: _press(domain))
            ask = clock.now() + ASK_AGAIN_SECONDS
        if _is_on(domain):
            clock.sleep(POLL_SECONDS)


def _ask_agent(domain: Domain, end: float, clock: Clock) -> bool:
    """Ask the guest's agent and wait for the guest to go off, or for the time to be over; False if there is no agent.

    libvirt (9.0) waits 60 seconds for an agent that hangs, or that agrees and does nothing: so the call is made beside
    us, and libvirt takes the power button meanwhile. A program that ends before that waits for the call.
    """

    def ask() -> int:
        with own(domain.connect()) as mine:
            beside = cast("Connection", mine).lookupByUUIDString(domain.UUIDString())
            return beside.shutdownFlags(DOMAIN_SHUTDOWN_GUEST_AGENT)

    aside = ThreadPoolExecutor(1)
    asked = aside.submit(ask)
    aside.shutdown(wait=False)
    while clock.now() < end:
        wait((asked,), timeout=POLL_SECONDS)
        error = asked.exception() if asked.done() else None
        if error is not None and error_code(error) in (None, ERR_OPERATION_TIMEOUT):
            raise error
        if error is not None:
            return False
        if not _is_on(domain):
            break
        clock.sleep(POLL_SECONDS)
    return True


def _press(domain: Domain) -> int:
    """The power button; of a driver that knows none (containers, Xen), its own way."""
    try:
        return domain.shutdownFlags(DOMAIN_SHUTDOWN_ACPI_POWER_BTN)
    except Exception as error:
        if error_code(error) in (None, ERR_OPERATION_INVALID, ERR_NO_DOMAIN, ERR_OPERATION_TIMEOUT):
            raise
        return domain.shutdown()


def _cut_off(domain: Domain) -> None:
    try:
        _unless_off(lambda: domain.destroyFlags(DOMAIN_DESTROY_GRACEFUL))
    except Exception as error:
        if error_code(error) is None:
            raise
        _unless_off(domain.destroy)


def _is_on(domain: Domain) -> bool:
    try:
        return bool(domain.isActive())
    except Exception as error:
        if error_code(error) == ERR_NO_DOMAIN:
            return False
        raise


def _state(domain: Domain) -> State:
    """The state; of a domain that is gone, off."""
    try:
        return state_of(*domain.state())
    except Exception as error:
        if error_code(error) == ERR_NO_DOMAIN:
            return state_of(SHUTOFF, 0)
        raise


def _attempt(call: Callable[[], int]) -> None:
    """Make the call; what libvirt says against it is no matter."""
    try:
        call()
    except Exception as error:
        if error_code(error) is None:
            raise


def _unless_off(call: Callable[[], int]) -> None:
    """Make the call; that the domain is off or gone already is success."""
    try:
        call()
    except Exception as error:
        if error_code(error) not in (ERR_OPERATION_INVALID, ERR_NO_DOMAIN):
            raise
