"""All files of a source, and all that is wrong with the others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from reconciler.errors import ManifestError, Problem, trouble
from reconciler.manifest.load import load
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


def parsed(content: bytes, file: str) -> list[object]:
    """The documents in YAML or JSON, as plain values. Raises ManifestError."""
    if file.endswith(".json"):
        try:
            return [json.loads(content)]
        except ValueError:
            raise trouble("R101", "this is no JSON", file) from None
    documents, problems = load(content, file)
    if problems:
        raise ManifestError(problems)
    return [each.value for each in documents]


class Gathered:
    """A source whose files have been read already; it gives them, and complains of the others, as often as asked."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found, self._problems = collect(source)

    def files(self) -> Iterator[SourceFile]:
        """The files as they were. Raises ManifestError after the last one for all that could not be read."""
        yield from self._found
        if self._problems:
            raise ManifestError(self._problems)

    def content(self, path: str) -> bytes:
        return self._source.content(path)

    def revision(self) -> str | None:
        return self._source.revision()

    def owners(self) -> Sequence[str]:
        return self._source.owners()

    def mentions(self, word: bytes) -> bool:
        """Whether the word stands in any of the files."""
        return any(word in file.content for file in self._found)
