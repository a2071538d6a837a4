"""What a document permits: protection, deletion, restarts and how a stop goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.errors import Problem
from reconciler.model.addresses import entry_keys
from reconciler.model.documents import Address, Deletion, Document, Policy, RestartPolicy
from reconciler.model.probes import Health
from reconciler.model.windows import DEFAULT_ZONE, Window, doubt

WINDOWS = "!restartWindows"
Said = Mapping[Address, str | None]


def policy(said: Said, health: Health) -> Policy:
    """The policy in what a document says about itself (`!restartPolicy` ...), and when it counts as healthy."""
    default = Policy()
    agent = said.get("!shutdown/agentTimeout")
    return Policy(
        protect=said.get("!protect") == "yes",
        deletion=Deletion(said.get("!deletionPolicy") or default.deletion.value),
        restart=RestartPolicy(said.get("!restartPolicy") or default.restart.value),
        shutdown_seconds=int(said.get("!shutdown/timeout") or default.shutdown_seconds),
        force_off=said.get("!shutdown/force") == "yes",
        windows=tuple(_window(said, f"{WINDOWS}[{key}]") for key in entry_keys(said, WINDOWS)),
        agent_seconds=None if agent is None else int(agent),
        health=health,
    )


def _window(said: Said, element: Address) -> Window:
    return Window(
        schedule=str(said[f"{element}@schedule"]),
        seconds=int(said[f"{element}@duration"] or 0),
        zone=said.get(f"{element}@timeZone") or DEFAULT_ZONE,
    )


def doubts(found: Policy, document: Document) -> Iterator[Problem]:
    """Everything in a policy that cannot be meant."""
    ref = document.ref
    if found.restart is RestartPolicy.WINDOW and not found.windows:
        message = f"{ref}: restartPolicy window means nothing without restartWindows; add one"
        yield Problem("R205", message, document.place("spec", "restartPolicy"))
    for position, window in enumerate(found.windows):
        field, why = doubt(window)
        if why:
            where = document.place("spec", "restartWindows", position, field)
            yield Problem("R204", f"{ref}: restartWindows[{position}].{field}: {why}", where)
    if found.agent_seconds is not None and found.agent_seconds > found.shutdown_seconds:
        total = f"{found.shutdown_seconds}s, which is all the time that shutdown.timeout gives"
        message = f"{ref}: shutdown.agentTimeout is more than {total}"
        yield Problem("R204", message, document.place("spec", "shutdown", "agentTimeout"))
