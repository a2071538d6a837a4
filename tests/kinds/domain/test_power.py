"""What a document permits of restarts, and what becomes of a machine in each power state."""

import pytest

from reconciler.engine.decide import Case, decide
from reconciler.engine.digest import plan_digest
from reconciler.engine.move import move
from reconciler.errors import ManifestError
from reconciler.kinds.domain import KIND
from reconciler.manifest import rows
from reconciler.model.documents import Policy, RestartPolicy
from reconciler.model.inventory import Crashes, Owned
from reconciler.model.plans import Allow, Define, KindStep, Start, Stop
from reconciler.model.windows import Window
from tests.kinds.domain.machines import observed, parsed, rendered

NOW = "2026-11-28T02:00:00Z"
SATURDAYS = {"schedule": "0 2 * * sat", "duration": "2h", "timeZone": "Europe/Berlin"}
WINDOW = {"restartPolicy": "window", "restartWindows": [SATURDAYS]}


def decided(body, seen, *allow, crashes=None, today=NOW, **more):
    spec = parsed({"power": "running", **body}, owner="me")
    owned = Owned(ref=spec.ref, uuid="u", digest=spec.digest, owner="me", crashes=crashes)
    return decide(
        Case(
            kind=KIND,
            spec=spec,
            observed=seen,
            owned=owned,
            owners=("me",),
            allow=frozenset(allow),
            today=today,
            **more,
        )
    )


def seen_as(power, *, running=True, body=None, **facts):
    return observed(rendered({"power": "running", **(body or {})}, owner="me"), running=running, power=power, **facts)


def steps(found):
    return [type(step).__name__ for change in found.changes for step in change.steps]


def problems(body):
    with pytest.raises(ManifestError) as caught:
        parsed(body)
    return [(problem.number, problem.message) for problem in caught.value.problems]


def test_windows_are_read_and_utc_is_the_default():
    window = Window(schedule="0 2 * * sat", seconds=7200, zone="Europe/Berlin")
    assert parsed(WINDOW).policy == Policy(restart=RestartPolicy.WINDOW, windows=(window,))
    silent = parsed({"restartWindows": [{"schedule": "0 2 * * *", "duration": "30m"}]})
    assert silent.policy.windows[0].zone == "UTC" and not any("Window" in at for at in silent.claims)
    assert not any("Window" in at for at in silent.lists)


def test_a_policy_survives_the_cache():
    spec = parsed({**WINDOW, "shutdown": {"timeout": "90s", "agentTimeout": "20s"}})
    (back,) = rows.read_specs(rows.write_specs([spec]), "hv1", "")
    assert back.policy == spec.policy and back.policy.agent_seconds == 20
    (plain,) = rows.read_specs(rows.write_specs([parsed()]), "hv1", "")
    assert plain.policy == Policy()


@pytest.mark.parametrize(
    ("body", "number", "word"),
    [
        ({"restartPolicy": "window"}, "R205", "restartWindows"),
        ({"restartPolicy": "window", "restartWindows": []}, "R205", "restartWindows"),
        ({"restartWindows": [{**SATURDAYS, "schedule": "0 25 * * *"}]}, "R204", "restartWindows[0].schedule"),
        ({"restartWindows": [SATURDAYS, {**SATURDAYS, "timeZone": "Mars"}]}, "R204", "restartWindows[1].timeZone"),
        ({"restartWindows": [{**SATURDAYS, "duration": "0s"}]}, "R204", "restartWindows[0].duration"),
        ({"shutdown": {"agentTimeout": "3m"}}, "R204", "shutdown.agentTimeout"),
    ],
)
def test_what_cannot_be_meant_is_an_error(body, number, word):
    ((found, message),) = problems(body)
    assert found == number and word in message


def test_while_a_window_is_open_a_restart_is_permitted_until_it_closes():
    body, seen = {**WINDOW, "memory": "2GiB"}, seen_as("running", body={"memory": "1GiB"})
    found = decided(body, seen, Allow.RESTART, until="2026-11-28T03:00:00Z")
    assert steps(found) == ["Define", "Stop", "Start"]
    assert [change.until for change in found.changes] == ["2026-11-28T03:00:00Z"] and found.conditions == ()


def test_outside_the_change_waits_and_says_when_the_window_opens():
    body, seen = {**WINDOW, "memory": "2GiB"}, seen_as("running", body={"memory": "1GiB"})
    (change,) = decided(body, seen, opens="2026-12-05T01:00:00Z").changes
    assert (change.waits, change.until, change.opens) == (True, "", "2026-12-05T01:00:00Z")


def test_what_waits_already_says_so_too_and_is_done_in_the_window():
    seen = observed(
        rendered({"power": "running", "memory": "2GiB"}, owner="me"), running=True, live=rendered({"memory": "1GiB"})
    )
    body = {**WINDOW, "memory": "2GiB"}
    (pending,) = decided(body, seen, opens="2026-12-05T01:00:00Z").conditions
    assert pending.type == "RestartPending" and pending.message.endswith("opens at 2026-12-05T01:00:00Z")
    assert steps(decided(body, seen, Allow.RESTART, until="2026-11-28T03:00:00Z")) == ["Stop", "Start"]


@pytest.mark.parametrize(
    ("power", "allow", "expected"),
    [("running", Allow.RESTART, ["Stop", "Start"]), ("stopped", Allow.RESTART, ["Stop"])],
)
def test_a_guest_that_ends_anyway_is_given_nothing_before(power, allow, expected):
    """Its definition has a device, a title and more memory, which it ran without."""
    disk = {"disks": [{"name": "data", "type": "file", "source": "/data.img", "bus": "virtio", "target": "vdb"}]}
    body = {"power": power, "memory": "2GiB", **disk}
    seen = observed(rendered(body, owner="me"), running=True, power="running", live=rendered({"memory": "1GiB"}))
    assert steps(decided({**body, "power": "running"}, seen)) == ["KindStep"]
    assert steps(decided(body, seen, allow)) == expected
    assert steps(decided({**body, "title": "told"}, seen, allow)) == ["KindStep", *expected]


def test_a_link_that_is_plugged_in_again_needs_no_definition():
    body = {"interfaces": [{"name": "lan", "network": "lan", "mac": "52:54:00:00:31:01"}]}
    (change,) = decided(body, seen_as("running", body=body, unplugged="lan")).changes
    assert change.steps == (KindStep("reconnect"),)


def test_a_stop_that_the_document_wants_needs_no_window():
    (change,) = decided({"power": "stopped"}, seen_as("running"), Allow.RESTART, until="2026-11-28T03:00:00Z").changes
    assert [type(step) for step in change.steps] == [Stop] and change.until == ""


def test_a_rename_rests_on_the_window_too():
    spec, old = parsed({**WINDOW, "power": "running"}), seen_as("running")
    owned = Owned(ref=old.ref, uuid="u", digest="d", owner="me")
    change = move(KIND, spec, old, owned, ("me",), frozenset({Allow.RESTART}), "2026-11-28T03:00:00Z")
    assert change.until == "2026-11-28T03:00:00Z" and change.blocked is None


def test_a_digest_depends_on_whether_a_window_is_open_and_not_on_the_minute():
    body, seen = {**WINDOW, "memory": "2GiB"}, seen_as("running", body={"memory": "1GiB"})

    def digest(*allow, **more):
        return plan_digest("r", decided(body, seen, *allow, **more).changes, {})

    early, late = (
        digest(Allow.RESTART, until="2026-11-28T03:00:00Z", today=now) for now in (NOW, "2026-11-28T02:59:00Z")
    )
    assert early == late != digest(opens="2026-12-05T01:00:00Z")
    assert digest(opens="2026-12-05T01:00:00Z") == digest(opens="2026-12-12T01:00:00Z")


def test_a_stop_carries_the_deadlines_of_the_document():
    body = {"power": "stopped", "shutdown": {"timeout": "90s", "agentTimeout": "20s", "force": True}}
    ((step,),) = (change.steps for change in decided(body, seen_as("running")).changes)
    assert step == Stop(90, force=True, agent=20)


@pytest.mark.parametrize("power", ["paused", "suspended"])
def test_what_is_paused_or_asleep_goes_on_where_the_document_wants_it_running(power):
    assert steps(decided({}, seen_as(power))) == ["Start"]
    assert steps(decided({"power": "stopped"}, seen_as(power))) == ["Stop"]
    assert steps(decided({"power": "unmanaged"}, seen_as(power))) == []


def test_what_libvirt_is_at_is_left_alone_whatever_the_document_wants():
    seen = seen_as("running", busy="it is migrating", body={"memory": "1GiB"})
    for body in ({"memory": "2GiB"}, {"power": "stopped"}):
        found = decided(body, seen, Allow.RESTART)
        assert found.changes == ()
        ((kind, message),) = [(each.type, each.message) for each in found.conditions]
        assert kind == "Busy" and message == "it is migrating; left alone until that ends"


def test_a_guest_that_is_kept_crashed_is_cut_off_where_the_document_wants_it_stopped():
    found = decided({"power": "stopped"}, seen_as("crashed", crashed="yes"))
    assert steps(found) == ["Stop"] and found.changes[0].blocked is None


def test_a_guest_that_is_kept_crashed_starts_anew_only_with_permission():
    seen = seen_as("crashed", crashed="yes")
    (change,) = decided({}, seen).changes
    assert change.blocked.number == "R502" and change.blocked.allow is Allow.RESTART
    for found in (decided({"restartPolicy": "whenRequired"}, seen), decided({}, seen, Allow.RESTART)):
        assert steps(found) == ["Stop", "Start"] and found.changes[0].blocked is None
    assert decided({"power": "unmanaged"}, seen).changes == ()


CRASHED = {"crashed": "yes", "running": False}


def crashes(count, started="2026-11-28T02:00:00Z", body=None):
    digest = parsed({"power": "running", **(body or {})}, owner="me").digest
    return Crashes(count=count, started=started, digest=digest)


def test_the_first_start_after_a_crash_is_immediate():
    found = decided({}, seen_as("stopped", **CRASHED))
    assert steps(found) == ["Start"] and found.conditions == ()


@pytest.mark.parametrize(("count", "seconds"), [(1, 10), (2, 20), (3, 40), (5, 160), (6, 300), (7, 300), (5000, 300)])
def test_the_next_ones_wait_longer_each_time(count, seconds):
    minute, second = divmod(seconds, 60)
    due = f"2026-11-28T02:{minute:02}:{second:02}Z"
    minute, second = divmod(seconds - 1, 60)
    seen = seen_as("stopped", **CRASHED)
    waiting = decided({}, seen, crashes=crashes(count), today=f"2026-11-28T02:{minute:02}:{second:02}Z")
    assert waiting.changes == ()
    (condition,) = waiting.conditions
    assert condition.type == "CrashLoop" and f"{count + 1} times" in condition.message and due in condition.message
    assert steps(decided({}, seen, crashes=crashes(count), today=due)) == ["Start"]


def test_permission_to_restart_does_not_shorten_the_wait():
    found = decided({"restartPolicy": "whenRequired"}, seen_as("stopped", **CRASHED), Allow.RESTART, crashes=crashes(3))
    assert found.changes == () and found.conditions[0].type == "CrashLoop"


def test_whatever_needs_no_start_is_done_meanwhile():
    seen = seen_as("stopped", body={"memory": "1GiB"}, **CRASHED)
    found = decided({"memory": "2GiB"}, seen, crashes=crashes(3))
    assert steps(found) == ["Define"] and [field.path for field in found.changes[0].fields] == [
        "memory.max",
        "memory.current",
    ]


def test_a_guest_that_is_kept_crashed_waits_as_well():
    seen = seen_as("crashed", crashed="yes", body={"memory": "1GiB"})
    found = decided({"memory": "2GiB"}, seen, Allow.RESTART, crashes=crashes(3))
    assert steps(found) == ["Define"] and found.changes[0].waits


def test_a_changed_document_another_machine_and_a_clock_set_back_are_started_at_once():
    seen = seen_as("stopped", **CRASHED)
    other = Crashes(count=3, started=NOW, digest="an older document")
    assert steps(decided({}, seen, crashes=other)) == ["Start"]
    assert steps(decided({}, seen, crashes=crashes(3), today="2026-11-27T00:00:00Z")) == ["Start"]
    owned_by_another = observed(seen.xml, power="stopped", uuid="v", crashed="yes")
    assert "Start" in steps(decided({}, owned_by_another, crashes=crashes(3)))


def test_a_regular_end_and_a_wanted_stop_have_nothing_to_do_with_crashes():
    assert steps(decided({}, seen_as("stopped", running=False), crashes=crashes(3))) == ["Start"]
    found = decided({"power": "stopped"}, seen_as("stopped", **CRASHED), crashes=crashes(3))
    assert found.changes == found.conditions == ()


def test_the_steps_of_a_start_are_those_of_any_other():
    seen = seen_as("stopped", body={"memory": "1GiB"}, **CRASHED)
    (change,) = decided({"memory": "2GiB"}, seen).changes
    assert [type(step) for step in change.steps] == [Define, Start]
