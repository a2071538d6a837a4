"""What is remembered from pass to pass of machines that crash, and of windows that close while an apply runs."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from reconciler.app import cases, wiring
from reconciler.app.apply import execute
from reconciler.app.desired import Desired, NoCache
from reconciler.app.perform import Run
from reconciler.app.session import Session, Workspace
from reconciler.app.settings import Selection, Settings
from reconciler.engine.decide import decide
from reconciler.errors import trouble
from reconciler.model import moments
from reconciler.model.documents import Policy, RestartPolicy
from reconciler.model.outcomes import Result
from reconciler.model.plans import Allow, Define, Disruption, Plan, Start, Stop
from reconciler.model.windows import Window
from tests.contract.fakes import FakeClock, FakeLedger, Shelf
from tests.engine import widgets

WEB = widgets.spec("web").ref
BEGIN = "2026-11-28T02:00:00Z"


def update(situation, judged):
    steps = list(widgets.update(situation, [item for item in judged if item.diff.address != "!power"]))
    if any(item.diff.address == "!power" for item in judged):
        steps.append(Start())
    if situation.active and Allow.RESTART in situation.allow:
        steps += [Stop(1), Start()]
    return tuple(steps)


@dataclass
class Bench:
    """One machine that a test lets crash, one ledger, and passes over both at moments that the test chooses."""

    clock: FakeClock
    shelf: Shelf = field(default_factory=Shelf)
    host: widgets.Host = field(default_factory=widgets.Host)
    refusing: bool = False

    def kind(self):
        return replace(widgets.KIND, update=update, perform=self._perform)

    def _perform(self, handle, ref, step, clock):
        if isinstance(step, Define):
            self.host.perform(ref, step)
            self.goes("stopped")
        elif isinstance(step, Start):
            if self.refusing:
                self.goes("stopped", crashed="yes")
                raise trouble("R604", "no memory")
            self.goes("running")

    def goes(self, power, **facts):
        """The machine is in a state from now on."""
        old = self.host.objects[WEB]
        facts = {"!autostart": "no", "!power": power, **{f"!{name}": text for name, text in facts.items()}}
        live = old.xml if power == "running" else None
        self.host.objects[WEB] = replace(old, facts=facts, live=live, digest=f"{old.xml}{facts}")

    def crash(self):
        self.goes("stopped", crashed="yes")

    def workspace(self, spec, allow=frozenset()):
        ledger = FakeLedger("h", self.shelf)
        session = Session(host="h", uri=None, handle=self.host, ledger=ledger, observed=dict(self.host.objects))
        return Workspace(
            settings=Settings(directory=Path(), state_dir=Path(), cache_dir=Path()),
            selection=Selection(allow=allow),
            desired=Desired(specs={("h", WEB): spec}, hosts={}, revision="abc", owners=("me",)),
            kinds={"Widget": self.kind()},
            cache=NoCache(),
            sessions={"h": session},
            today=self.clock.moment,
        )

    def decided(self, workspace):
        session = workspace.sessions["h"]
        inventory, spec = session.ledger.inventory(), workspace.desired.specs["h", WEB]
        return decide(cases.case_of(workspace, session, inventory, spec, session.ledger.applied(WEB)))

    def apply(self, spec, after=0, meanwhile=lambda: None, **more):
        """One pass, so many seconds after the last: what it did, and what it said."""
        self.clock.moment = moments.after(self.clock.moment, after)
        workspace = self.workspace(spec, **more)
        found = self.decided(workspace)
        meanwhile()
        plan = Plan(revision="abc", changes=found.changes, conditions=found.conditions, digest="d")
        run = Run(approve=lambda plan: True, report=lambda outcome: None, stopping=lambda: False)
        applied = execute(workspace, plan, run)
        return [outcome.result for outcome in applied.outcomes], [each.type for each in found.conditions], applied

    def passes(self, spec, after=0, **more):
        return self.apply(spec, after, **more)[:2]

    def crashes(self):
        return FakeLedger("h", self.shelf).inventory().objects[WEB].crashes


@pytest.fixture
def bench(monkeypatch):
    clock = FakeClock()
    clock.moment = BEGIN
    monkeypatch.setattr(wiring, "clock", lambda: clock)
    return Bench(clock)


def wanted(policy=widgets.PERMISSIVE, **body):
    spec = widgets.spec("web", policy=policy, **body)
    return replace(spec, claims={**spec.claims, "!power": "running"})


def begin(bench, spec):
    bench.apply(spec)
    bench.passes(spec)
    assert bench.host.objects[WEB].facts["!power"] == "running"


STARTED, RESTS, QUIET = ([Result.DONE], []), ([], ["CrashLoop"]), ([], [])


def test_a_machine_that_crashes_again_and_again_is_started_more_and_more_rarely(bench):
    spec = wanted()
    begin(bench, spec)
    for wait in (0, 10, 20, 40, 80, 160, 300, 300):
        bench.crash()
        if wait:
            assert bench.passes(spec, 1) == RESTS
            assert bench.passes(spec, wait - 2) == RESTS
        assert bench.passes(spec, 1 if wait else 0) == STARTED
    assert bench.crashes().count == 8


def test_a_machine_that_runs_for_ten_minutes_begins_anew_though_the_pass_has_nothing_else_to_do(bench):
    spec = wanted()
    begin(bench, spec)
    for _ in range(2):
        bench.crash()
        bench.passes(spec, 60)
    assert bench.crashes().count == 2
    assert bench.passes(spec, 599) == QUIET and bench.crashes().count == 2
    assert bench.passes(spec, 1) == QUIET and bench.crashes() is None
    bench.crash()
    assert bench.passes(spec) == STARTED and bench.crashes().count == 1


def test_a_regular_end_ends_the_row(bench):
    spec = wanted()
    begin(bench, spec)
    bench.crash()
    bench.passes(spec)
    bench.goes("stopped")
    assert bench.passes(spec, 1) == STARTED and bench.crashes() is None


def test_a_start_that_fails_counts(bench):
    spec = wanted()
    begin(bench, spec)
    bench.refusing = True
    bench.crash()
    assert bench.passes(spec) == ([Result.FAILED], [])
    assert bench.passes(spec, 1) == RESTS
    assert bench.passes(spec, 9) == ([Result.FAILED], [])
    assert bench.crashes().count == 2


def test_a_changed_document_is_tried_at_once_and_counted_for_itself(bench):
    spec = wanted()
    begin(bench, spec)
    for _ in range(3):
        bench.crash()
        bench.passes(spec, 60)
    bench.crash()
    assert bench.passes(spec) == RESTS
    other = wanted(title="another try")
    bench.refusing = True
    assert bench.passes(other) == ([Result.FAILED], [])
    assert (bench.crashes().count, bench.crashes().digest) == (1, other.digest)
    # It failed, so it is not what was last applied; it waits all the same.
    assert bench.passes(other, 1) == RESTS


def test_a_change_of_something_else_does_not_end_the_row(bench):
    spec = wanted()
    begin(bench, spec)
    bench.crash()
    bench.passes(spec)
    old = bench.host.objects[WEB]
    bench.host.objects[WEB] = replace(old, xml=old.xml.replace("</widget>", "<title>theirs</title></widget>"))
    bench.passes(spec)
    assert bench.crashes().count == 1


SATURDAYS = Policy(restart=RestartPolicy.WINDOW, windows=(Window(schedule="0 2 * * sat", seconds=3600),))


def test_a_restart_whose_window_closes_before_it_is_begun_is_left_for_the_next(bench):
    spec, changed = wanted(SATURDAYS), wanted(SATURDAYS, size="4MiB")
    begin(bench, spec)

    def an_hour_passes():
        bench.clock.moment = "2026-11-28T03:00:00Z"

    results, _, applied = bench.apply(changed, meanwhile=an_hour_passes)
    assert results == [Result.SKIPPED]
    assert [outcome.problem.number for outcome in applied.outcomes] == ["R511"]
    assert bench.host.objects[WEB].facts["!power"] == "running"
    # A week later it is open again.
    bench.clock.moment = "2026-12-05T02:59:59Z"
    assert bench.apply(changed)[0] == [Result.DONE]


def test_outside_its_window_a_change_waits_and_the_plan_says_for_what(bench):
    spec, changed = wanted(SATURDAYS), wanted(SATURDAYS, size="4MiB")
    begin(bench, spec)
    bench.clock.moment = "2026-11-28T03:00:00Z"
    (change,) = bench.decided(bench.workspace(changed)).changes
    assert (change.disruption, change.waits, change.opens) == (Disruption.RESTART, True, "2026-12-05T02:00:00Z")
    (allowed,) = bench.decided(bench.workspace(changed, allow=frozenset({Allow.RESTART}))).changes
    assert not allowed.waits and allowed.until == ""
