"""What libvirt's states of a domain mean here: whether it is on, what a person calls that, and who is at work on it.

Numbers are those of libvirt-domain.h (virDomainState, the reasons of each state, virDomainJobOperation).
"""

from __future__ import annotations

from dataclasses import dataclass

PAUSED, SHUTDOWN, SHUTOFF, CRASHED, PMSUSPENDED = 3, 4, 5, 6, 7

_MIGRATING, _SHUTTING_DOWN = "it is migrating", "it is shutting down"
# So a machine that comes by live migration is shown (libvirt 9.0).
_ARRIVING = "it is being started, or is on its way from another host"
_HALF = "its migration has failed half-way, with memory on both hosts; recover it with libvirt's own tools"
# Reasons of a state in which libvirt itself, or somebody through it, is at work: (state, reason) -> what is going on.
_BUSY: dict[tuple[int, int], str] = {
    (1, 10): _MIGRATING,
    (1, 11): _HALF,
    (PAUSED, 2): _MIGRATING,
    (PAUSED, 3): "it is being saved",
    (PAUSED, 4): "its memory is being dumped",
    (PAUSED, 8): _SHUTTING_DOWN,
    (PAUSED, 9): "a snapshot of it is being taken",
    (PAUSED, 11): _ARRIVING,
    (PAUSED, 12): _MIGRATING,
    (PAUSED, 13): _HALF,
}
_WORDS = {
    _MIGRATING: "migrating",
    _HALF: "migrating",
    _SHUTTING_DOWN: "shutting down",
    "it is being saved": "saving",
    "its memory is being dumped": "dumping",
    "a snapshot of it is being taken": "in snapshot",
    _ARRIVING: "starting",
}
# Jobs that forbid every change; libvirt would make each call wait 30 seconds for them (9.0). A backup does not.
JOBS: dict[int, str] = {
    1: "it is being started",
    2: "it is being saved",
    3: "it is being restored",
    4: _MIGRATING,
    5: _MIGRATING,
    6: "a snapshot of it is being taken",
    7: "a snapshot of it is being reverted to",
    8: "its memory is being dumped",
    10: "a snapshot of it is being deleted",
}
_PAUSED_BY = {1: "by a person", 5: "by an I/O error", 6: "by its watchdog", 7: "by its snapshot", 14: "by an error"}
_PAUSED_CRASHED, _OFF_CRASHED, _OFF_FAILED = 10, 3, 6


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """`power` is running, stopped, paused, suspended or crashed; `word` is what status calls the state.

    `busy` says what libvirt is at, "" for nothing; `crashed` that the guest has crashed or could not be started;
    `paused` by what it is paused.
    """

    power: str
    word: str
    busy: str = ""
    crashed: bool = False
    paused: str = ""


def state_of(state: int, reason: int, *, saved: bool = False) -> State:
    """What a domain's state and its reason mean; `saved`: libvirt has a managed save image of it."""
    busy = _SHUTTING_DOWN if state == SHUTDOWN else _BUSY.get((state, reason), "")
    if busy:
        return State(power="running", word=_WORDS[busy], busy=busy)
    if state == CRASHED or (state, reason) == (PAUSED, _PAUSED_CRASHED):
        return State(power="crashed", word="crashed", crashed=True)
    if state == PAUSED:
        return State(power="paused", word="paused", paused=_PAUSED_BY.get(reason, ""))
    if state == SHUTOFF:
        return _off(reason, saved)
    word = "suspended" if state == PMSUSPENDED else "running"
    return State(power=word, word=word)


def _off(reason: int, saved: bool) -> State:
    word = "saved" if saved else {_OFF_CRASHED: "crashed", _OFF_FAILED: "failed"}.get(reason, "stopped")
    return State(power="stopped", word=word, crashed=word in ("crashed", "failed"))
