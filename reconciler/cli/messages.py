"""Problems as people and programs read them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from reconciler.catalogue import Family
from reconciler.cli.terminal import Terminal, one_line, tell
from reconciler.errors import Problem

if TYPE_CHECKING:
    from reconciler.model.plans import Plan

_PLACE = re.compile(r"^(?P<file>.*?)(?::(?P<line>\d+))?(?::(?P<column>\d+))?$", re.DOTALL)


def by_place(problems: Iterable[Problem]) -> list[Problem]:
    """The problems in the order of the files they are in, each once."""
    return sorted(dict.fromkeys(problems), key=_position)


def _position(problem: Problem) -> tuple[str, int, int, str, str]:
    found = _PLACE.match(problem.where)
    if found is None:
        return problem.where, 0, 0, problem.number, problem.message
    return found["file"], int(found["line"] or 0), int(found["column"] or 0), problem.number, problem.message


def problem_lines(problems: Iterable[Problem], terminal: Terminal) -> Iterator[str]:
    """One line for each problem; the cure stands once under those with the same number that follow each other."""
    listed = by_place(problems)
    for problem, following in zip(listed, [*listed[1:], None], strict=True):
        yield f"{terminal.error_style('error:', 'red', 'bold')} {one_line(str(problem))}"
        if following is None or following.number != problem.number:
            yield f"  {terminal.error_style('cure:', 'cyan')} {problem.entry.cure}"


def tell_failures(plan: Plan, terminal: Terminal) -> int:
    """Say on standard error which hosts could not be asked; gives the exit code."""
    problems = [problem for _, problem in plan.failures]
    if problems:
        tell("\n".join(problem_lines(problems, terminal)))
    return exit_code(problems)


def problem_json(problem: Problem) -> dict[str, object]:
    """One problem as plain JSON data."""
    return {
        "number": problem.number,
        "message": problem.message,
        "where": problem.where or None,
        "cure": problem.entry.cure,
        "family": problem.entry.family.name.lower(),
    }


def problems_json(problems: Iterable[Problem]) -> dict[str, object]:
    """The document that takes the place of an answer."""
    return {"problems": [problem_json(problem) for problem in by_place(problems)]}


def exit_code(problems: Sequence[Problem]) -> int:
    """The family's code where all problems are of one family, 1 where they are not, 0 where there are none."""
    families = {problem.entry.family for problem in problems}
    if not families:
        return 0
    return families.pop().value if len(families) == 1 else Family.FAILED.value
