"""Carrying out a plan, on a host and a ledger in memory: order, failures, and what is written when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from reconciler.app import wiring
from reconciler.app.apply import execute
from reconciler.app.desired import Desired, NoCache
from reconciler.app.perform import PER_HOST, Run
from reconciler.app.session import Session, Workspace
from reconciler.app.settings import Selection, Settings
from reconciler.cli.render_apply import applied_code
from reconciler.engine.decide import Case, decide
from reconciler.engine.order import order
from reconciler.engine.prune import prune
from reconciler.errors import ReconcilerError, RefusedError, trouble
from reconciler.model.documents import Need
from reconciler.model.inventory import NOTHING_APPLIED
from reconciler.model.outcomes import Outcome, Result
from reconciler.model.plans import Allow, Define, Plan, Undefine
from reconciler.model.refs import Ref
from tests.contract.fakes import FakeClock, FakeLedger, Shelf
from tests.engine import widgets


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    fake = FakeClock()
    monkeypatch.setattr(wiring, "clock", lambda: fake)
    return fake


def ref(name):
    return Ref("Widget", name)


@dataclass
class Bench:
    """A host with widgets and its ledger; `log` holds what happened in its order, `obey` may refuse a step."""

    host: widgets.Host = field(default_factory=widgets.Host)
    shelf: Shelf = field(default_factory=Shelf)
    log: list[tuple[str, str]] = field(default_factory=list)
    reports: list[Outcome] = field(default_factory=list)
    obey: Callable[[Ref, object], None] = lambda ref, step: None
    stopping: Callable[[], bool] = lambda: False
    ledger_says: Callable[[str], None] = lambda message: None

    def kind(self):
        return replace(widgets.KIND, perform=self._perform)

    def _perform(self, handle, subject, step, clock):
        self.obey(subject, step)
        handle.perform(subject, step)
        self.log.append(("step", f"{type(step).__name__} {subject.name}"))

    def workspace(self, *specs, allow=frozenset()):
        ledger = Recorded(FakeLedger("h", self.shelf), self)
        session = Session(host="h", uri=None, handle=self.host, ledger=ledger, observed=dict(self.host.objects))
        return Workspace(
            settings=Settings(directory=Path(), state_dir=Path(), cache_dir=Path()),
            selection=Selection(allow=allow),
            desired=Desired(specs={("h", spec.ref): spec for spec in specs}, hosts={}, revision="abc", owners=("me",)),
            kinds={"Widget": self.kind()},
            cache=NoCache(),
            sessions={"h": session},
        )

    def plan(self, workspace):
        session = workspace.sessions["h"]
        inventory = session.ledger.inventory()
        specs = {spec.ref: spec for spec in workspace.desired.specs.values()}
        decisions = [decide(self.case(workspace, session, spec)) for spec in specs.values()]
        changes = [change for each in decisions for change in each.changes]
        owners = workspace.desired.owners
        changes += prune(
            workspace.kinds, inventory, specs.keys(), session.observed, workspace.selection.allow, owners, session.hides
        )
        return Plan(revision="abc", changes=order(changes, workspace.kinds, workspace.desired.specs), digest="d")

    def case(self, workspace, session, spec):
        return Case(
            kind=workspace.kinds["Widget"],
            spec=spec,
            observed=session.observed.get(spec.ref),
            owned=session.ledger.inventory().objects.get(spec.ref),
            applied=session.ledger.applied(spec.ref) or NOTHING_APPLIED,
            owners=workspace.desired.owners,
            allow=workspace.selection.allow,
        )

    def apply(self, *specs, allow=frozenset(), meanwhile=lambda: None):
        workspace = self.workspace(*specs, allow=allow)
        plan = self.plan(workspace)
        meanwhile()
        run = Run(approve=lambda plan: True, report=self.reports.append, stopping=self.stopping)
        return execute(workspace, plan, run)

    def results(self, applied):
        return {outcome.change.ref.name: outcome.result for outcome in applied.outcomes}


class Recorded:
    """A ledger whose commits are noted in the bench's log."""

    def __init__(self, ledger, bench):
        self._ledger, self._bench = ledger, bench

    def record(self, change):
        self._bench.ledger_says(change.message)
        commit = self._ledger.record(change)
        self._bench.log.append(("commit", change.message.split()[0]))
        return commit

    def __getattr__(self, name):
        return getattr(self._ledger, name)


def needing(spec, *names):
    return replace(spec, needs=tuple(Need(ref(name), False, ()) for name in names))


def refuse(*names, number="R604"):
    def obey(subject, step):
        if subject.name in names:
            raise trouble(number, "the host says no", subject.name)

    return obey


def test_the_observed_state_is_committed_before_the_first_step_and_the_new_one_after_the_last():
    bench = Bench()
    bench.apply(widgets.spec("a"), widgets.spec("b"))
    bench.log.clear()
    bench.apply(widgets.spec("a", title="new"), widgets.spec("b"), widgets.spec("c"))
    kinds = [kind for kind, _ in bench.log]
    assert bench.log[0] == ("commit", "observed") and bench.log[-1] == ("commit", "applied")
    assert kinds == ["commit", "step", "step", "commit"]


def test_a_ledger_that_cannot_be_written_stops_everything_before_the_first_step():
    bench = Bench()

    def full(message):
        raise trouble("R701", "no space left on device")

    bench.ledger_says = full
    with pytest.raises(ReconcilerError, match="R701"):
        bench.apply(widgets.spec("a"))
    assert bench.host.objects == {} and bench.reports == []


def test_a_ledger_that_fails_in_the_middle_stops_what_has_not_begun(clock):
    bench = Bench()

    def full(message):
        if message.startswith("applied"):
            raise trouble("R701", "no space left on device")

    def slow(subject, step):
        clock.seconds += 3
        time.sleep(0.02)

    bench.ledger_says, bench.obey = full, slow
    with pytest.raises(ReconcilerError, match="R701"):
        bench.apply(*(widgets.spec(f"w{number:02}") for number in range(40)))
    assert len(bench.host.objects) <= 2 * PER_HOST + 1


def test_what_was_left_open_is_finished_by_the_next_apply():
    bench = Bench(obey=refuse("b"))
    bench.apply(widgets.spec("a"), widgets.spec("b"))
    bench.obey = lambda subject, step: None
    bench.log.clear()
    applied = bench.apply(widgets.spec("a"), widgets.spec("b"))
    assert bench.results(applied) == {"b": Result.DONE}
    assert bench.apply(widgets.spec("a"), widgets.spec("b")).outcomes == ()


def test_what_needs_a_failed_resource_is_skipped_and_the_rest_is_done():
    bench = Bench(obey=refuse("base"))
    applied = bench.apply(
        widgets.spec("base"),
        needing(widgets.spec("middle"), "base"),
        needing(widgets.spec("top"), "middle"),
        widgets.spec("other"),
    )
    assert bench.results(applied) == {
        "base": Result.FAILED,
        "middle": Result.SKIPPED,
        "top": Result.SKIPPED,
        "other": Result.DONE,
    }
    assert set(bench.host.objects) == {ref("other")}


def test_what_is_needed_comes_first_and_deletions_come_last():
    bench = Bench()
    bench.apply(widgets.spec("gone"))
    bench.log.clear()
    bench.apply(
        needing(widgets.spec("a"), "z"), needing(widgets.spec("m"), "a"), widgets.spec("z"), allow={Allow.DELETE}
    )
    steps = [text for kind, text in bench.log if kind == "step"]
    assert [step for step in steps if step.startswith("Define")] == ["Define z", "Define a", "Define m"]
    assert steps[-1] == "Undefine gone"


def test_no_more_than_a_few_changes_are_under_way_on_one_host():
    bench = Bench()
    guard, now, most = threading.Lock(), 0, 0

    def obey(subject, step):
        nonlocal now, most
        with guard:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with guard:
            now -= 1

    bench.obey = obey
    bench.apply(*(widgets.spec(f"w{number}") for number in range(20)))
    assert most == PER_HOST


def test_the_outcome_of_every_change_is_reported_once():
    bench = Bench(obey=refuse("w3", "w7"))
    applied = bench.apply(*(widgets.spec(f"w{number}") for number in range(10)), needing(widgets.spec("n"), "w3"))
    assert len(applied.outcomes) == 11
    assert sorted(str(each.change.ref) for each in bench.reports) == sorted(
        str(each.change.ref) for each in applied.outcomes
    )


def test_an_object_that_moved_since_the_plan_fails_alone():
    bench = Bench()
    bench.apply(widgets.spec("a"), widgets.spec("b"))

    def somebody_else():
        bench.host.perform(ref("a"), Define("<widget><name>a</name><title>theirs</title></widget>"))

    applied = bench.apply(widgets.spec("a", title="ours"), widgets.spec("b", title="ours"), meanwhile=somebody_else)
    (moved, fine) = applied.outcomes
    assert (moved.result, moved.problem.number) == (Result.FAILED, "R506")
    assert fine.result is Result.DONE
    assert "theirs" in bench.host.objects[ref("a")].xml


def test_an_object_that_appeared_since_the_plan_is_left_alone():
    bench = Bench()
    theirs = Define("<widget><name>a</name><title>theirs</title></widget>")
    applied = bench.apply(widgets.spec("a", title="ours"), meanwhile=lambda: bench.host.perform(ref("a"), theirs))
    assert [each.problem.number for each in applied.outcomes] == ["R506"]
    assert "theirs" in bench.host.objects[ref("a")].xml


def test_an_object_that_vanished_since_the_plan_is_not_made_again():
    bench = Bench()
    bench.apply(widgets.spec("a"), widgets.spec("b"))
    applied = bench.apply(
        widgets.spec("a", title="new"),
        widgets.spec("b", title="new"),
        meanwhile=lambda: bench.host.perform(ref("a"), Undefine(False)),
    )
    assert bench.results(applied) == {"a": Result.FAILED, "b": Result.DONE}
    assert ref("a") not in bench.host.objects


def test_a_request_to_stop_skips_the_rest_and_says_so():
    bench = Bench()
    bench.stopping = lambda: len(bench.host.objects) >= 1
    applied = bench.apply(*(needing(widgets.spec(f"w{n}"), *([f"w{n - 1}"] if n else [])) for n in range(4)))
    first, *rest = applied.outcomes
    assert first.result is Result.DONE
    assert {(each.result, each.problem.number) for each in rest} == {(Result.SKIPPED, "R509")}
    assert applied_code(applied.plan, applied.outcomes) == 75


@pytest.mark.parametrize(("number", "code"), [("R602", 69), ("R603", 77), ("R604", 1), ("R605", 75), ("R606", 1)])
def test_the_exit_code_is_that_of_the_failures_family(number, code):
    bench = Bench(obey=refuse("a", number=number))
    applied = bench.apply(widgets.spec("a"), needing(widgets.spec("b"), "a"), widgets.spec("c"))
    assert applied_code(applied.plan, applied.outcomes) == code


def test_without_approval_nothing_is_written_anywhere():
    bench = Bench()
    workspace = bench.workspace(widgets.spec("a"))
    run = Run(approve=lambda plan: False, report=bench.reports.append, stopping=lambda: False)
    with pytest.raises(RefusedError, match="R508"):
        execute(workspace, bench.plan(workspace), run)
    assert bench.host.objects == {} and bench.log == [] and not any(bench.shelf.commits.values())


def test_what_another_writer_has_recorded_meanwhile_is_kept():
    bench = Bench()
    other = Bench(shelf=bench.shelf)
    bench.apply(widgets.spec("a"), meanwhile=lambda: other.apply(widgets.spec("theirs")))
    inventory = bench.workspace().sessions["h"].ledger.inventory()
    assert set(inventory.objects) == {ref("a"), ref("theirs")}
