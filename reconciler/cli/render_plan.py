"""A plan as people read it: a block for each change, in the order in which it would be carried out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reconciler.cli.render_json import summary
from reconciler.cli.terminal import Terminal, one_line, printable
from reconciler.model.plans import Action, Capacity, Change, Condition, Disruption, FieldChange, Plan
from reconciler.model.quantities import format_size
from reconciler.model.secrets import HIDDEN

DIGEST_SHOWN = 12
# From this many changes on, those that are alike share a block, as long as none of them hurts.
GROUP_FROM = 30
NAMES_SHOWN = 5
HEAD_WIDTH = 72
# Least and most: blocks line up with each other, and one long value does not push the others aside.
PATH_WIDTHS = (20, 34)
VALUES_WIDTHS = (20, 36)
LONGEST_VALUE = 72
KEEPS = "running guest keeps the old value until then"

COLOURS = {
    Action.CREATE: "green",
    Action.ADOPT: "cyan",
    Action.UPDATE: "yellow",
    Action.REPLACE: "red",
    Action.DELETE: "red",
    Action.FORGET: "cyan",
}
SIGNS = {"+": "green", "-": "red", "~": "yellow"}


@dataclass(frozen=True, slots=True)
class Style:
    """How much is said, and with what."""

    terminal: Terminal
    verbose: bool = False


def plan_text(plan: Plan, style: Style) -> str:
    """The whole plan."""
    changes = [line for members in _grouped(plan, style) for line in _block(members, style)]
    sections = (changes, list(_notes(plan, style)), list(_closing(plan, style)))
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def _grouped(plan: Plan, style: Style) -> list[list[Change]]:
    """The changes in blocks: one each, or in a long plan one for those that say the same of the same host and kind."""
    if style.verbose or len(plan.changes) < GROUP_FROM:
        return [[change] for change in plan.changes]
    groups: dict[object, list[Change]] = {}
    for change in plan.changes:
        groups.setdefault(_likeness(change), []).append(change)
    return list(groups.values())


def _likeness(change: Change) -> object:
    """What changes of one block share; whatever deletes, replaces, restarts or is blocked stands alone."""
    harmless = change.disruption < Disruption.RESTART or change.waits
    if change.action in (Action.DELETE, Action.REPLACE) or change.blocked or not harmless:
        return change.key
    said = None if change.action is Action.CREATE else (change.fields, change.opens)
    return change.host, change.ref.kind, change.action, said


def _block(members: Sequence[Change], style: Style) -> Iterator[str]:
    first = members[0]
    many = len(members) > 1
    title = f"{len(members)} x {first.ref.kind} on {first.host}" if many else f"{first.ref} on {first.host}"
    word = style.terminal.style(first.action.value, COLOURS[first.action])
    yield f"{style.terminal.style(printable(title).ljust(HEAD_WIDTH), 'bold')}  {word}"
    if many:
        yield _names(members, style)
    if not (many and first.action is Action.CREATE):
        yield from _field_lines(first, style)
    if first.blocked:
        permit = f"; --allow {first.blocked.allow.value} permits it" if first.blocked.allow else ""
        sentence = printable(f"  blocked: {first.blocked.reason}{permit} [{first.blocked.number}]")
        yield style.terminal.style(sentence, "yellow")


def _names(members: Sequence[Change], style: Style) -> str:
    names = ", ".join(printable(change.ref.name) for change in members[:NAMES_SHOWN])
    more = len(members) - NAMES_SHOWN
    return f"    {names}" + (f" and {more} more (-v lists them)" if more > 0 else "")


def _field_lines(change: Change, style: Style) -> Iterator[str]:
    """One line for each field: sign, path, before and after, cost; columns as wide as this change needs."""
    rows = [
        (_sign(field), printable(field.path), _values(field, style), _cost(field, change)) for field in change.fields
    ]
    if not rows:
        return
    paths = _width([path for _, path, _, _ in rows], *PATH_WIDTHS)
    values = _width([value for _, _, value, _ in rows], *VALUES_WIDTHS)
    for sign, path, value, cost in rows:
        line = f"{path.ljust(paths)}  {value.ljust(values)}  {cost}".rstrip()
        yield f"  {style.terminal.style(sign, SIGNS[sign])} {line}"


def _width(cells: Sequence[str], least: int, most: int) -> int:
    return max(least, min(most, max(map(len, cells))))


def _sign(field: FieldChange) -> str:
    if field.before is None:
        return "+"
    return "-" if field.after is None else "~"


def _values(field: FieldChange, style: Style) -> str:
    if field.before == field.after == HIDDEN:
        return "(changed)"
    before, after = (_short(value, style) for value in (field.before, field.after))
    if field.before is None or field.after is None:
        return after or before
    return f"{before} -> {after}"


def _short(value: str | None, style: Style) -> str:
    """A value on one line; a long one keeps its ends unless everything is asked for."""
    if value is None:
        return ""
    line = printable(value.replace("\n", "\\n").replace("\t", "\\t")) or '""'
    if style.verbose or len(line) <= LONGEST_VALUE:
        return line
    half = LONGEST_VALUE // 2 - 2
    return f"{line[:half]} {style.terminal.ellipsis} {line[-half:]}"


def _cost(field: FieldChange, change: Change) -> str:
    """What the field costs, in words. A new object has nothing to lose, so nothing is said."""
    if change.action in (Action.CREATE, Action.DELETE, Action.FORGET):
        return ""
    match field.disruption:
        case Disruption.NONE:
            return "live"
        case Disruption.NEXT_BOOT:
            return "next boot"
        case Disruption.RESTART:
            return f"restart ({_restart(change, field)})"
        case Disruption.REPLACE:
            return "replace (data is lost)"
        case Disruption.REFUSED:
            return f"refused: {printable(field.why)}"


def _restart(change: Change, field: FieldChange) -> str:
    """What a restart means: for a network, whose link it takes."""
    if change.ref.kind == "Network":
        return printable(field.why)
    if not change.waits:
        return "of the guest, now"
    window = f"in the window that opens at {change.opens}; " if change.opens else ""
    return window + printable(field.why or KEEPS)


def _notes(plan: Plan, style: Style) -> Iterator[str]:
    """What is true beside the changes."""
    yield from _conditions(plan.conditions, style)
    for host, problem in plan.failures:
        said = one_line(f"{host}: {str(problem).removeprefix(f'{host}: ')}")
        yield f"{style.terminal.style('Not asked', 'red')}  {said}"
    for capacity in plan.capacity:
        yield from _capacity_lines(capacity, style)
    yield from _unmanaged(plan, style)


def _conditions(conditions: Sequence[Condition], style: Style) -> Iterator[str]:
    """A line for each condition, or where there are many, for those that say the same of one host."""
    groups: dict[object, list[Condition]] = {}
    for condition in conditions:
        alone = style.verbose or len(conditions) <= NAMES_SHOWN
        likeness = (
            condition.host,
            condition.type,
            condition.message,
            condition.fields,
            condition.ref if alone else None,
        )
        groups.setdefault(likeness, []).append(condition)
    for members in groups.values():
        first, more = members[0], len(members) - 1
        fields = f" ({', '.join(first.fields)})" if first.fields else ""
        others = f" and {more} more" if more else ""
        said = printable(f"{first.ref}{others} on {first.host}: {first.message}{fields}")
        yield f"{style.terminal.style(first.type, 'yellow')}  {said}"


def _capacity_lines(capacity: Capacity, style: Style) -> Iterator[str]:
    if not (capacity.warnings or style.verbose):
        return
    yield (
        f"Capacity of {printable(capacity.host)}: {capacity.vcpus} vCPUs on {capacity.cpus} CPUs, "
        f"{_gib(capacity.committed)} of {_gib(capacity.memory)} memory promised"
    )
    yield from (f"  {style.terminal.style('!', 'yellow')} {printable(warning)}" for warning in capacity.warnings)


def _gib(count: int) -> str:
    """A size short enough for a sentence: exact where it is even, else GiB with one decimal."""
    exact = format_size(count)
    return exact if len(exact) <= 6 or count < 1 << 30 else f"{count / (1 << 30):.1f}GiB"


def _unmanaged(plan: Plan, style: Style) -> Iterator[str]:
    count = len(plan.unmanaged)
    if not count:
        return
    yield f"{_counted(count, 'object')} on the hosts {'is' if count == 1 else 'are'} not managed" + (
        ":" if style.verbose else " (-v lists them)"
    )
    if style.verbose:
        yield from (f"  {printable(str(ref))} on {printable(host)}" for host, ref in plan.unmanaged)


def _closing(plan: Plan, style: Style) -> Iterator[str]:
    digest = f"digest {plan.digest[:DIGEST_SHOWN]}{style.terminal.ellipsis}"
    if not plan.changes:
        whole = "The hosts match" if plan.complete else "The hosts that could be asked match"
        yield f"{style.terminal.style('No changes.', 'bold', 'green')} {whole} the desired state.  {digest}"
        return
    yield "  ".join([style.terminal.style(_counts(plan), "bold"), *_remarks(plan), digest])


def _counts(plan: Plan) -> str:
    count = summary(plan)
    parts = [f"{count['add']} to add", f"{count['change']} to change", f"{count['destroy']} to destroy"]
    parts += [f"{count[word]} to {word}" for word in ("adopt", "forget") if count[word]]
    return f"Plan: {', '.join(parts)}."


def _remarks(plan: Plan) -> Iterator[str]:
    count = summary(plan)
    if count["blocked"]:
        yield f"{_counted(count['blocked'], 'change')} {'is' if count['blocked'] == 1 else 'are'} blocked."
    if count["waiting"]:
        yield f"{_counted(count['waiting'], 'change')} {'waits' if count['waiting'] == 1 else 'wait'} for a restart."


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
