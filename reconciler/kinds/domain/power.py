"""Starting, stopping and restarting: what it costs and which steps it takes."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.kind import Decision, Judged, Situation, may_restart
from reconciler.model.documents import Observed, Policy, Spec
from reconciler.model.plans import RENAME, Allow, Diff, Disruption, KindStep, Start, Step, Stop

# Ways that leave the definition alone.
NO_WAY = ("autostart", "power", "reconnect")
KEPT = "the guest has crashed and is kept as it was (onCrash: preserve); only a restart starts it anew"


def judge_power(diff: Diff, situation: Situation) -> Decision:
    """A document that wants it stopped means the stop: nothing else has to permit it."""
    if diff.after == "running" and diff.before == "crashed":
        lacking = None if may_restart(situation.spec.policy, situation.allow) else Allow.RESTART
        return Decision(Disruption.RESTART, "power", KEPT, lacking)
    why = "the document wants it stopped" if diff.after == "stopped" else ""
    return Decision(Disruption.NONE, "power", why)


def restart_steps(situation: Situation) -> tuple[Step, ...]:
    """Down, and up again unless the document wants it to stay down."""
    stays = situation.spec.claims.get("!power") == "stopped"
    return (_stop(situation),) if stays else (_stop(situation), Start())


def power_steps(situation: Situation, judged: Sequence[Judged]) -> tuple[Step, ...]:
    """The start or stop that the document asks for."""
    wanted = [item.diff.after for item in judged if item.decision.way == "power" and not item.decision.needs]
    if "running" in wanted:
        return (Start(),)
    return (_stop(situation),) if "stopped" in wanted and situation.active else ()


def rename(spec: Spec, old: Observed, allow: frozenset[Allow]) -> tuple[Step, ...]:
    """The new name; a running guest is down meanwhile."""
    named = KindStep(RENAME, {"name": spec.ref.name})
    return (_stop_of(spec.policy, allow), named, Start()) if old.active else (named,)


def _stop(situation: Situation) -> Stop:
    return _stop_of(situation.spec.policy, situation.allow)


def _stop_of(policy: Policy, allow: frozenset[Allow]) -> Stop:
    force = policy.force_off or Allow.FORCE_OFF in allow
    return Stop(policy.shutdown_seconds, force=force, agent=policy.agent_seconds)
