"""All files of a source, and all that is wrong with the others."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.errors import ManifestError, Problem
from reconciler.ports import Source, SourceFile


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """The problems as a reader meets them, file by file."""
    return sorted(problems, key=_position)


def _position(problem: Problem) -> tuple[str, int, int, str]:
    file, *spot = problem.where.rsplit(":", 2)
    if len(spot) == 2 and all(part.isdecimal() for part in spot):
        return file, int(spot[0]), int(spot[1]), problem.number
    return problem.where, 0, 0, problem.number


def collect(source: Source) -> tuple[list[SourceFile], list[Problem]]:
    """All files that can be read, and why the others cannot."""
    files: list[SourceFile] = []
    try:
        # A source gives all that it can before it complains; a comprehension would lose that.
        for file in source.files():
            files.append(file)
    except ManifestError as error:
        return files, list(error.problems)
    return files, []
