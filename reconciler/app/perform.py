"""Carrying out a plan: the old definition into the ledger, each change between two looks, the new one after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from threading import Lock

from reconciler.app import aftermath, contents, sealing, usage
from reconciler.app.contents import Progress
from reconciler.app.health import watch
from reconciler.app.recording import Record
from reconciler.app.session import Session, Workspace
from reconciler.app.stepping import NOT_YET, in_turn
from reconciler.errors import Problem, ReconcilerError, trouble
from reconciler.model.documents import Observed, Spec
from reconciler.model.inventory import Applied
from reconciler.model.outcomes import Outcome, Result
from reconciler.model.plans import FILL, RENAME, Action, Change, Define, KindStep, On, Plan, Start, Step
from reconciler.model.refs import Ref
from reconciler.ports import Clock, own

# Each has a connection of its own; more than a few changes at once only wait for the daemon's locks.
PER_HOST = 4


@dataclass(frozen=True, kw_only=True)
class Run:
    """How one apply talks to whoever started it."""

    approve: Callable[[Plan], bool]
    report: Callable[[Outcome], None]
    stopping: Callable[[], bool]
    progress: Callable[[Progress], None] = lambda progress: None


def carry_out(workspace: Workspace, plan: Plan, run: Run) -> tuple[Outcome, ...]:
    """The outcome of every change, in the plan's order; hosts work side by side."""
    hosts = {host: [change for change in plan.changes if change.host == host] for host in workspace.sessions}
    workers = max(1, min(len(hosts), workspace.settings.parallelism))
    with ThreadPoolExecutor(max_workers=workers) as pool:
        futures = [
            pool.submit(_HostRun(workspace, workspace.sessions[host], plan.revision, run).outcomes, changes)
            for host, changes in hosts.items()
        ]
        found = [outcome for future in futures for outcome in future.result()]
    places = {id(change): place for place, change in enumerate(plan.changes)}
    return tuple(sorted(found, key=lambda outcome: places[id(outcome.change)]))


class _HostRun:
    """The changes of one host under way."""

    def __init__(self, workspace: Workspace, host: Session, revision: str | None, run: Run) -> None:
        from reconciler.app import wiring

        self.workspace = workspace
        self.host = host
        self.run = run
        self.clock: Clock = wiring.clock()
        self.images = wiring.images(workspace.settings, workspace.cache)
        self.record = Record(workspace, host, revision, self.clock)
        self.failed: set[Ref] = set()
        self.refused: set[Ref] = set()
        self.pending: set[Ref] = set()
        self.grounds: dict[Ref, tuple[Ref, ...]] = {}
        self.alone = Lock()

    def outcomes(self, changes: list[Change]) -> list[Outcome]:
        """What became of each change; the ledger has it too when this returns or raises."""
        done = [Outcome(change, Result.SKIPPED, _why_blocked(change)) for change in changes if change.blocked]
        for outcome in done:
            self.run.report(outcome)
        self.refused = {each.ref for each in changes if each.blocked and each.action is Action.CREATE}
        permitted = [change for change in changes if not change.blocked]
        removing = [change for change in permitted if change.action in (Action.DELETE, Action.FORGET)]
        building = [change for change in permitted if change not in removing]
        if permitted:
            self.record.before(permitted)
        with self.record:
            self.record.keep_up({change.ref for change in changes})
            self.record.recover()
            done += self._together(building, self._edges(building))
            done += self._in_turn(removing)
        return done

    def _edges(self, changes: Iterable[Change]) -> Iterator[tuple[int, int]]:
        """Pairs (later, earlier): by need, by resource, and one at a time where the kind asks for it."""
        latest: dict[Ref, int] = {}
        previous: dict[str, int] = {}
        for place, change in enumerate(changes):
            grounds = (*self._grounds(change.ref), change.ref)
            yield from ((place, latest[ref]) for ref in grounds if ref in latest)
            kind = self.workspace.kinds[change.ref.kind]
            if kind.serial and kind.name in previous:
                yield place, previous[kind.name]
            previous[kind.name] = latest[change.ref] = place

    def _grounds(self, ref: Ref) -> tuple[Ref, ...]:
        """All that a resource stands on, directly or not: a machine needs its volume, and so the pool around that."""
        if ref not in self.grounds:
            spec = self.workspace.desired.specs.get((self.host.host, ref))
            needs = [need.ref for need in spec.needs] if spec else []
            below = (deeper for need in needs for deeper in self._grounds(need))
            self.grounds[ref] = tuple(dict.fromkeys((*needs, *below)))
        return self.grounds[ref]

    def _together(self, changes: list[Change], edges: Iterable[tuple[int, int]]) -> list[Outcome]:
        """Everything as soon as what it needs is done, a few at a time."""
        sorter: TopologicalSorter[int] = TopologicalSorter(dict.fromkeys(range(len(changes)), ()))
        for later, earlier in edges:
            sorter.add(later, earlier)
        sorter.prepare()
        found: dict[int, Outcome] = {}
        with ThreadPoolExecutor(max_workers=PER_HOST) as pool:
            under_way: dict[Future[Outcome], int] = {}
            try:
                while sorter.is_active():
                    for place in sorter.get_ready():
                        under_way[pool.submit(self._one, changes[place])] = place
                    finished, _ = wait(under_way, return_when=FIRST_COMPLETED)
                    for future in finished:
                        place = under_way.pop(future)
                        found[place] = self._noted(future.result())
                        sorter.done(place)
            except BaseException:
                # What cannot be written down must not be done.
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return [found[place] for place in sorted(found)]

    def _in_turn(self, changes: list[Change]) -> list[Outcome]:
        return [self._noted(self._one(change)) for change in changes]

    def _noted(self, outcome: Outcome) -> Outcome:
        if outcome.result is not Result.DONE:
            self.failed.add(outcome.change.ref)
        if outcome.result is Result.PENDING:
            self.pending.add(outcome.change.ref)
        self.record.after(outcome)
        self.run.report(outcome)
        return outcome

    def _one(self, change: Change) -> Outcome:
        """One change between two looks; every failure becomes its outcome."""
        hindrance = self._hindrance(change)
        if hindrance:
            return Outcome(change, Result.SKIPPED, hindrance)
        try:
            with own(self.host.handle) as handle:
                left = self._perform(change, replace(self.host, handle=handle))
        except ReconcilerError as error:
            problem = error.problems[0]
            return Outcome(change, Result.FAILED, replace(problem, message=self.workspace.seal.hide(problem.message)))
        return Outcome(change, Result.PENDING if left else Result.DONE, left)

    def _hindrance(self, change: Change) -> Problem | None:
        if self.run.stopping():
            return Problem("R509", f"stopped before {change.ref}")
        if change.until and self.clock.today() >= change.until:
            return Problem("R511", f"{change.ref} was left alone: its restart window has closed at {change.until}")
        # A machine that is there already may change beside a volume that may not be made; a new one cannot be.
        missing = self.failed | self.refused if change.action is Action.CREATE else self.failed
        broken = [ref for ref in self._grounds(change.ref) if ref in missing]
        if change.ref in self.failed:
            broken.append(change.ref)
        slow = {ref: self.record.latest[ref] for ref in self.pending if ref in self.record.latest}
        if held := usage.held_by(change, slow):
            return Problem(NOT_YET, f"{change.ref} is kept: {held[0]} has not let go of it yet")
        if broken:
            return Problem("R604", f"{change.ref} was left alone: {broken[0]}, which it needs, was not done")
        return None

    def _perform(self, change: Change, host: Session) -> Problem | None:
        """Carry out the steps between two looks; gives what the guest has yet to do."""
        from reconciler.adapters.virt.faults import translating

        if change.action is Action.FORGET:
            return None
        with translating(host.host, change.ref):
            watched = watch(self.workspace, host, change, self.clock, self.run.stopping)
            seen = self.record.latest.get(change.ref, change.observed)
            ref = seen.ref if seen else change.ref
            self._unmoved(change, seen, self._look(ref, host))
            left = self._steps(change, ref, host)
            observed = self._look(change.ref, host)
        applied = self._applied(change, observed)
        self.record.seen(change, observed, applied)
        if watched is not None:
            watched.end(self.record, observed, applied)
        self._obeyed(change, observed)
        return left or self._unfinished(change, observed, applied)

    def _steps(self, change: Change, ref: Ref, host: Session) -> Problem | None:
        """Everything that the change takes; gives what the guest has yet to do."""

        def take(step: Step) -> None:
            nonlocal ref
            if isinstance(step, Start):
                self.record.starting(change)
            self._take(host, ref, step)
            if isinstance(step, KindStep) and step.name == RENAME:
                ref = change.ref

        return in_turn(change.steps, take)

    def _take(self, host: Session, ref: Ref, step: Step) -> None:
        """One step, on its own object or on another; alone where the kind of that asks for it."""
        if isinstance(step, On):
            ref, step = step.ref, sealing.opened(step.step, self.workspace.seal)
        if contents.asks(step):
            self._fill(host, step, ref)
            return
        with self._turn(ref):
            self.workspace.kinds[ref.kind].perform(host.handle, ref, step, self.clock)

    def _turn(self, ref: Ref) -> AbstractContextManager[object]:
        return self.alone if self.workspace.kinds[ref.kind].serial else nullcontext()

    def _fill(self, host: Session, step: KindStep, ref: Ref) -> None:
        """Have content from outside at hand, and make an object of it if the step says so."""
        watch = contents.watching(ref, host.host, self.run.progress, self.run.stopping)
        fill = self.workspace.kinds[ref.kind].fill
        with contents.opened(self.images, step, watch) as content, self._turn(ref):
            if fill is not None and step.name == FILL:
                fill(host.handle, ref, step, content)

    def _obeyed(self, change: Change, observed: Observed | None) -> None:
        """Raise R609 where a definition was stored and libvirt made something else of it than `xml:` says."""
        spec = self._spec(change)
        if spec is None or observed is None or not any(isinstance(step, Define) for step in change.steps):
            return
        found = aftermath.disobeyed(self.workspace, self.host, spec, observed)
        if found:
            raise trouble("R609", f"{change.ref}: {'; '.join(found)}", self.host.host)

    def _unfinished(self, change: Change, observed: Observed | None, applied: Applied | None) -> Problem | None:
        """What was to change in the running object at once and has not, as the next plan will see it."""
        spec = self._spec(change)
        if spec is None or observed is None or applied is None or observed.live is None:
            return None
        if not any(isinstance(step, KindStep) for step in change.steps):
            return None
        paths = aftermath.unfinished(self.workspace, self.host, spec, observed, applied)
        found = [field.path for field in change.fields if field.path in paths and not field.disruption]
        return Problem(NOT_YET, f"{change.ref}: the guest has not taken {', '.join(found)} yet") if found else None

    def _look(self, ref: Ref, host: Session) -> Observed | None:
        return self.workspace.kinds[ref.kind].look(host.handle, ref)

    def _unmoved(self, change: Change, seen: Observed | None, now: Observed | None) -> None:
        """Raise R506 where the object is not what the plan saw, or what this run's earlier change of it left."""
        if (now.digest if now else "") != (seen.digest if seen else ""):
            raise trouble("R506", f"{change.ref} has changed since it was planned; run plan again", self.host.host)

    def _applied(self, change: Change, observed: Observed | None) -> Applied | None:
        """What to remember of a change that is done: the managed fields, and libvirt's own spelling of them.

        Adopting and renaming ask nothing of libvirt: what differs then is a difference, not a spelling.
        """
        spec = self._spec(change)
        if change.action is Action.DELETE or spec is None:
            return None
        if observed is None:
            raise trouble("R609", f"{change.ref} is not there after {change.action.value}", self.host.host)
        former = change.observed.ref if change.observed else change.ref
        if change.action is Action.ADOPT or former != change.ref:
            return self.record.carried(spec, former)
        return self.record.applied(spec, *aftermath.settled(self.workspace, self.host, spec, observed))

    def _spec(self, change: Change) -> Spec | None:
        return self.workspace.desired.specs.get(change.key)


def _why_blocked(change: Change) -> Problem | None:
    blocked = change.blocked
    return Problem(blocked.number, blocked.reason, str(change.ref)) if blocked else None
