"""Status, history and the doctor's findings as text and as JSON data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from reconciler.cli.render_json import condition_json
from reconciler.cli.terminal import Terminal, printable
from reconciler.model.refs import Ref

if TYPE_CHECKING:
    from reconciler.app.doctor import Check
    from reconciler.app.history import HistoryEntry
    from reconciler.app.status import Status
    from reconciler.app.suspend import Suspended

COLOURS = {"Ready": "green", "Drifted": "yellow", "RestartPending": "yellow", "Stalled": "red", "CrashLoop": "red"}
LEVELS = {"ok": "green", "warn": "yellow", "fail": "red"}
COMMIT_SHOWN = 12
FIELDS_SHOWN = 4


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows with every column but the last as wide as its widest cell."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def status_text(found: Sequence[Status], terminal: Terminal) -> str:
    """A line for each resource, and under it what is worth knowing."""
    if not found:
        return "Nothing is declared."
    rows = [("RESOURCE", "HOST", "STATE", "CONDITION")] + [
        (printable(str(each.ref)), printable(each.host), printable(each.state), _conditions(each)) for each in found
    ]
    head, *lines = table(rows)
    said = [terminal.style(head, "bold")]
    for each, line in zip(found, lines, strict=True):
        said += [_coloured(line, each, terminal), *(f"  {text}" for text in _remarks(each))]
    revision = next((each.revision for each in found if each.revision), None)
    return "\n".join([*said, *([f"\nRevision {revision}"] if revision else [])])


def _conditions(each: Status) -> str:
    return ", ".join(condition.type for condition in each.conditions)


def _coloured(line: str, each: Status, terminal: Terminal) -> str:
    worst = each.conditions[-1].type if each.conditions else ""
    start = len(line) - len(_conditions(each))
    return line[:start] + terminal.style(line[start:], COLOURS.get(worst, "bold")) if worst else line


def _remarks(each: Status) -> Iterator[str]:
    for condition in each.conditions:
        if condition.type != "Ready":
            fields = f" ({', '.join(condition.fields)})" if condition.fields else ""
            yield printable(f"{condition.type}: {condition.message}{fields}")
    if each.drift:
        yield printable(f"differs: {', '.join(each.drift)}")
    if each.details:
        yield printable(", ".join(f"{name} {value}" for name, value in sorted(each.details.items())))


def status_json(found: Sequence[Status]) -> dict[str, object]:
    """All of it as plain JSON data."""
    return {
        "resources": [
            {
                "ref": str(each.ref),
                "host": each.host,
                "state": each.state,
                "conditions": [condition_json(condition) for condition in each.conditions],
                "drift": list(each.drift),
                "revision": each.revision,
                "lastBackup": each.last_backup,
                "details": dict(each.details),
            }
            for each in found
        ]
    }


def suspended_text(found: Sequence[Suspended]) -> str:
    """A line for each resource: left alone or not."""
    return "\n".join(printable(f"{each.ref} on {each.host}: {_alone(each)}") for each in found)


def _alone(each: Suspended) -> str:
    if each.suspension is None:
        return "taken care of"
    return f"left alone until {each.suspension.until or 'it is resumed'}"


def suspended_json(found: Sequence[Suspended]) -> dict[str, object]:
    """The same as plain JSON data; `suspension` is null where there is none."""
    return {
        "resources": [
            {
                "ref": str(each.ref),
                "host": each.host,
                "suspension": None if each.suspension is None else asdict(each.suspension),
            }
            for each in found
        ]
    }


def history_text(found: Sequence[HistoryEntry], terminal: Terminal, verbose: bool) -> str:
    """Newest first: commit, time and subject, then the fields that changed."""
    lines: list[str] = []
    several = len({entry.host for entry in found}) > 1
    for entry in found:
        commit = terminal.style(entry.commit[:COMMIT_SHOWN], "yellow")
        where = f"{entry.host}  " if several else ""
        lines.append(f"{commit}  {entry.when}  {where}{printable(entry.subject)}")
        shown = entry.fields if verbose else entry.fields[:FIELDS_SHOWN]
        lines += [printable(f"    {field.path}: {_told(field.before)} -> {_told(field.after)}") for field in shown]
        if len(shown) < len(entry.fields):
            lines.append(f"    and {len(entry.fields) - len(shown)} more (-v lists them)")
    return "\n".join(lines)


def _told(value: str | None) -> str:
    """A value, or whether what has none is there."""
    return "absent" if value is None else value or "present"


def history_json(ref: Ref, found: Sequence[HistoryEntry]) -> dict[str, object]:
    """The versions as plain JSON data."""
    return {
        "ref": str(ref),
        "versions": [
            {
                "host": entry.host,
                "commit": entry.commit,
                "when": entry.when,
                "subject": entry.subject,
                "fields": [
                    {"path": field.path, "before": field.before, "after": field.after} for field in entry.fields
                ],
            }
            for entry in found
        ],
    }


def checks_text(found: Sequence[Check], terminal: Terminal) -> str:
    """A line for each check, and under what is not well its cure."""
    lines: list[str] = []
    for check in found:
        word = terminal.style(check.level.ljust(4), LEVELS[check.level])
        lines.append(f"{word}  {printable(check.name)}: {printable(check.message)}")
        if check.level != "ok" and check.cure:
            lines.append(f"      {printable(check.cure)}")
    return "\n".join(lines)


def checks_json(found: Sequence[Check]) -> dict[str, object]:
    """The checks as plain JSON data."""
    return {
        "checks": [
            {"name": check.name, "level": check.level, "message": check.message, "cure": check.cure or None}
            for check in found
        ]
    }
