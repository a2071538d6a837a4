"""Watching over a machine after its change: it becomes healthy in time, or gets its definition of before back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from reconciler.app import older, wiring
from reconciler.app.probing import NOT_RUNNING, Guest, failing, running
from reconciler.app.recording import Record
from reconciler.app.session import Session, Workspace
from reconciler.app.stepping import in_turn
from reconciler.engine.decide import Case, decide
from reconciler.errors import ReconcilerError, UnreachableError, trouble
from reconciler.model.documents import Observed
from reconciler.model.inventory import Applied
from reconciler.model.plans import Action, Allow, Change, Start, Step, Stop
from reconciler.model.probes import Health, OnFailure
from reconciler.ports import Clock

POLL_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Watch:
    """One change that reaches a guest with probes.

    `before` is what a probe saw before the change: "" where all passed, None where nobody asked.
    """

    workspace: Workspace
    change: Change
    guest: Guest
    health: Health
    clock: Clock
    stopping: Callable[[], bool]
    before: str | None = None

    def end(self, record: Record, after: Observed | None, applied: Applied | None) -> None:
        """Return once the machine is healthy. Raises R612 or R613 where it does not become so, R509 where nobody waits.

        `after` and `applied` are what the change has left. What a rollback leaves goes to the record.
        """
        if not running(after) and not any(isinstance(step, Start) for step in self.change.steps):
            return
        saw = self._wait()
        if saw == "":
            return
        if saw is None:
            message = f"stopped while {self.change.ref} was waited for; whether it is healthy is not known"
            raise trouble("R509", message, self.change.host)
        keeps = self._keeps()
        if keeps is not None or applied is None:
            raise self._unhealthy(saw, keeps or "")
        self._go_back(record, applied, saw)

    def _unhealthy(self, saw: str, more: str) -> ReconcilerError:
        message = f"{self.change.ref} is unhealthy after the change: {saw}"
        return trouble("R612", f"{message}; {more}" if more else message, self.change.host)

    def _wait(self) -> str | None:
        """What the probes see at last, "" as soon as all pass; None where somebody asks to stop before that."""
        end = self.clock.now() + self.health.timeout
        while True:
            if self.stopping():
                return None
            saw = failing(self.guest, self.health.probes)
            # A guest that has gone off does not come back by waiting.
            if saw in ("", NOT_RUNNING) or self.clock.now() >= end:
                return saw
            self.clock.sleep(POLL_SECONDS)

    def _keeps(self) -> str | None:
        """Why the machine keeps its new definition; None where it is to get the one of before back."""
        observed = self.change.observed
        if self.health.on_failure is OnFailure.REPORT:
            return ""
        if observed is None:
            return "it is new, so there is no definition to go back to"
        if self.before is None:
            return "it did not run before the change, so no older definition is known to be better"
        if self.before:
            return f"it was so before the change as well ({self.before}), so nothing was rolled back"
        if observed.ref != self.change.ref:
            return "a new name is not taken back"
        return None

    def _go_back(self, record: Record, applied: Applied, saw: str) -> None:
        """Bring the definition of before back and say what came of it; always raises."""
        try:
            steps = self._way_back(applied)
        except ReconcilerError as error:
            raise self._unhealthy(saw, f"it cannot be rolled back: {error.problems[0].message}") from error
        if not steps:
            raise self._unhealthy(saw, "its definition is the one of before, so there is nothing to roll back")
        done, met = self._carry_out(steps)
        if not done:
            raise self._unhealthy(saw, f"it could not be rolled back: {met}")
        back = self._look()
        if back is not None:
            record.returned(self.change, back)
        message = f"{self.change.ref} was unhealthy after the change ({saw}); rolled back to the definition of before"
        raise trouble("R613", f"{message}, {self._what_came(steps, met)}", self.change.host)

    def _way_back(self, applied: Applied) -> tuple[Step, ...]:
        """The steps to the definition of before, as for any older one; () where it is there. Raises what forbids them.

        A restart is permitted if the change itself was one; else by the document or the operator, as always. A guest
        that has gone off meanwhile is started again.
        """
        former, present = self.change.observed, self._look()
        if former is None or present is None:
            raise trouble("R608", f"{self.change.ref} has vanished meanwhile", self.change.host)
        spec = older.spec_of(self.workspace, self.guest.host, self.change.ref, former.xml)
        restarted = any(isinstance(step, Stop) for step in self.change.steps)
        case = Case(
            kind=self.guest.kind,
            spec=spec,
            observed=present,
            owned=None,
            applied=Applied(claims=applied.claims),
            owners=self.workspace.desired.owners,
            allow=self.workspace.selection.allow | (frozenset({Allow.RESTART}) if restarted else frozenset()),
        )
        changes = [change for change in decide(case).changes if change.action is not Action.ADOPT]
        blocked = next((change.blocked for change in changes if change.blocked), None)
        if blocked:
            raise trouble(blocked.number, blocked.reason, self.change.host)
        steps = tuple(step for change in changes for step in change.steps)
        return (*steps, Start()) if steps and not present.active else steps

    def _carry_out(self, steps: Sequence[Step]) -> tuple[int, str]:
        """How many of the steps are done, and what hinders the rest or the guest, "" for nothing.

        Raises UnreachableError.
        """
        from reconciler.adapters.virt.faults import translating

        done = 0

        def take(step: Step) -> None:
            nonlocal done
            with translating(self.change.host, self.change.ref):
                self.guest.kind.perform(self.guest.host.handle, self.change.ref, step, self.clock)
            done += 1

        try:
            left = in_turn(steps, take)
        except UnreachableError:
            raise
        except ReconcilerError as error:
            return done, error.problems[0].message
        return len(steps), left.message if left else ""

    def _look(self) -> Observed | None:
        from reconciler.adapters.virt.faults import translating

        with translating(self.change.host, self.change.ref):
            return self.guest.kind.look(self.guest.host.handle, self.change.ref)

    def _what_came(self, steps: Sequence[Step], met: str) -> str:
        if met:
            return f"but {met}"
        if not self.guest.questions.touches(steps):
            return "but the running guest keeps what it has until it restarts"
        saw = self._wait()
        if saw is None:
            return "and nobody waited to see whether it is healthy now"
        return f"but it is still unhealthy: {saw}" if saw else "and it is healthy again"


def watch(
    workspace: Workspace, host: Session, change: Change, clock: Clock, stopping: Callable[[], bool]
) -> Watch | None:
    """The watch over a change that is about to begin; None where it reaches no guest, or the document has no probes.

    Where an unhealthy guest would mean a rollback, each probe is tried once now: only what was healthy is brought back.
    """
    kind, spec = workspace.kinds[change.ref.kind], workspace.desired.specs.get(change.key)
    health = spec.policy.health if spec else Health()
    if not health.probes or kind.questions is None or not kind.questions.touches(change.steps):
        return None
    guest = Guest(kind=kind, questions=kind.questions, host=host, ref=change.ref, reach=wiring.reach())
    before = None
    if health.on_failure is OnFailure.ROLLBACK and change.observed is not None and running(change.observed):
        before = failing(replace(guest, ref=change.observed.ref), health.probes)
    return Watch(
        workspace=workspace,
        change=change,
        guest=guest,
        health=health,
        clock=clock,
        stopping=stopping,
        before=before,
    )
