"""All files of a source with what it is based on, its values, and all that is wrong with the others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from posixpath import normpath
from typing import Protocol

from reconciler.errors import ManifestError, Problem, trouble
from reconciler.manifest.load import load
from reconciler.manifest.tree import Node, planted
from reconciler.ports import Source, SourceFile

SETTINGS = "reconciler.yaml"
VALUES = "values.yaml"
_DIRTY = "-dirty"


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """The problems as a reader meets them, file by file."""
    return sorted(problems, key=_position)


def _position(problem: Problem) -> tuple[str, int, int, str]:
    file, *spot = problem.where.rsplit(":", 2)
    if len(spot) == 2 and all(part.isdecimal() for part in spot):
        return file, int(spot[0]), int(spot[1]), problem.number
    return problem.where, 0, 0, problem.number


class Giver(Protocol):
    """What has files to give."""

    def files(self) -> Iterator[SourceFile]: ...


def collect(source: Giver) -> tuple[list[SourceFile], list[Problem]]:
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


@dataclass(slots=True)
class _Layers:
    """The directories of a desired state as they are found: what one is based on comes before it."""

    files: list[SourceFile] = field(default_factory=list)
    values: list[SourceFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)

    def add(self, source: Source, prefix: str) -> None:
        """Take in a directory, called by its path from the desired state's own."""
        if prefix in self.sources:
            return
        self.sources[prefix] = source
        settings = self._read(source, SETTINGS, prefix)
        stated = _stated(settings) if settings is not None else None
        for name in _words(stated, "base", self.problems):
            self._add_base(source, name, prefix)
        files, problems = collect(source)
        own = self._own_values(source, _words(stated, "values", self.problems), prefix)
        apart = {file.path for file in own}
        self.files += (file for file in (_called(each, prefix) for each in files) if file.path not in apart)
        self.values += own
        self.problems += (replace(each, where=_path(prefix, each.where)) for each in problems)

    def _add_base(self, source: Source, name: Node, prefix: str) -> None:
        try:
            below = source.at(name.value)
        except ManifestError as error:
            self.problems += (replace(each, where=str(name.place)) for each in error.problems)
        else:
            self.add(below, _path(prefix, name.value))

    def _own_values(self, source: Source, named: Sequence[Node], prefix: str) -> list[SourceFile]:
        """The values of one directory: `values.yaml` in it, then the files that its settings name."""
        usual = self._read(source, VALUES, prefix)
        found = [usual] if usual is not None else []
        for name in named:
            file = self._read(source, name.value, prefix, str(name.place))
            if file is None:
                self.problems.append(
                    Problem("R118", f"there is no file {name.value}; correct the path", str(name.place))
                )
            elif file.path not in [each.path for each in found]:
                found.append(file)
        return found

    def _read(self, source: Source, path: str, prefix: str, where: str = "") -> SourceFile | None:
        try:
            file = source.text(path)
        except ManifestError as error:
            self.problems += (replace(each, where=where or _path(prefix, each.where)) for each in error.problems)
            return SourceFile(_path(prefix, path), b"")
        return _called(file, prefix) if file is not None else None


def _called(file: SourceFile, prefix: str) -> SourceFile:
    return SourceFile(_path(prefix, file.path), file.content)


def _path(prefix: str, path: str) -> str:
    """A path below a directory; what leads to and fro on the way is taken out."""
    whole = f"{prefix}/{path}" if prefix else path
    return normpath(whole) if prefix or "./" in path else path


def _stated(settings: SourceFile) -> Node | None:
    """The settings file of a directory; the settings say for themselves what is wrong with it."""
    if b"base" not in settings.content and b"values" not in settings.content:
        return None
    loaded, problems = load(settings.content, settings.path)
    return planted(loaded[0], settings.path) if loaded and not problems else None


def _words(stated: Node | None, key: str, problems: list[Problem]) -> list[Node]:
    """The paths that one setting names: a text or a list of them."""
    said = stated.at(key) if stated is not None else None
    if said is None:
        return []
    words = said.value if isinstance(said.value, list) else [said]
    wrong = [word for word in words if not isinstance(word.value, str) or not word.value or word.value.startswith("/")]
    number = "R117" if key == "base" else "R118"
    message = f"{key} wants a path from this directory, or a list of them"
    problems += (Problem(number, message, str(word.place)) for word in wrong)
    return [word for word in words if word not in wrong]


class Gathered:
    """A source that has been read already, with what it is based on; it gives its files as often as asked.

    `values` are the values files, those of the base first; `given` ones, which no source has, come last.
    """

    def __init__(self, source: Source, given: Iterable[SourceFile] = ()) -> None:
        self._source = source
        layers = _Layers()
        layers.add(source, "")
        self._layers = layers
        self.values: tuple[SourceFile, ...] = (*layers.values, *given)
        self.based = len(layers.sources) > 1

    def files(self) -> Iterator[SourceFile]:
        """The files as they were. Raises ManifestError after the last one for all that could not be read."""
        yield from self._layers.files
        if self._layers.problems:
            raise ManifestError(self._layers.problems)

    def content(self, path: str) -> bytes:
        return self._source.content(path)

    def text(self, path: str) -> SourceFile | None:
        return self._source.text(path)

    def at(self, path: str) -> Source:
        return self._source.at(path)

    def revision(self) -> str | None:
        """The revision; "-dirty" where what it is based on differs from the commit."""
        own = self._source.revision()
        others = (each.revision() for each in self._layers.sources.values() if each is not self._source)
        if own is not None and not own.endswith(_DIRTY) and any((other or _DIRTY).endswith(_DIRTY) for other in others):
            return f"{own}{_DIRTY}"
        return own

    def owners(self) -> Sequence[str]:
        return self._source.owners()

    def mentions(self, word: bytes) -> bool:
        """Whether the word stands in any of the files."""
        return any(word in file.content for file in self._layers.files)
