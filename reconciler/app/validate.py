"""`validate`: everything that is wrong with the manifests, without asking any host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from reconciler.adapters.build import fingerprint
from reconciler.adapters.files import DirectorySource, read_file
from reconciler.app import wiring
from reconciler.app.settings import Settings
from reconciler.app.sources import collect, in_order
from reconciler.errors import ManifestError, Problem
from reconciler.ports import Cache, SourceFile

# Which host the manifests will be for is not known, and makes no difference to them.
UNKNOWN_HOST = ""
# The cache's table of what was found valid as a whole.
VALID = "valid"


@dataclass(frozen=True, kw_only=True)
class Validated:
    """How many resources were looked at, and what is wrong with them."""

    count: int
    problems: tuple[Problem, ...]


class _Nobody:
    """The identity of files that are not going to be applied."""

    def revision(self) -> str | None:
        return None

    def owners(self) -> Sequence[str]:
        return ()


def validate(paths: Sequence[Path], settings: Settings) -> Validated:
    """What is wrong in these files and directories; in the whole desired state where none is named.

    What lies in the desired state is read together with the rest of it, which it may refer to; the rest is not judged.
    """
    unreadable: list[Problem] = []
    chosen: dict[str, SourceFile] = {}
    for path in paths or (settings.directory,):
        chosen |= {file.path: file for file in _files(path, unreadable, settings, relative=not paths)}
    # What is chosen comes last: of two documents with one name it is the one to blame.
    files = [*_around(paths, settings), *chosen.values()]
    cache = wiring.cache(settings)
    key = _key(files, len(chosen), settings)
    found = cache.get(VALID, (key,)).get(key)
    if found is not None:
        return Validated(count=int(found), problems=tuple(unreadable))
    validated = _judge(files, frozenset(file.path for file in files) - chosen.keys(), cache, settings)
    if not validated.problems:
        cache.put(VALID, {key: str(validated.count)})
    return replace(validated, problems=tuple(in_order((*unreadable, *validated.problems))))


def _key(files: Sequence[SourceFile], chosen: int, settings: Settings) -> str:
    """The digest of all that the answer depends on."""
    digest = sha256(f"{fingerprint()}\0{settings.owner}\0{chosen}\0".encode())
    for file in files:
        digest.update(f"{file.path}\0{len(file.content)}\0".encode())
        digest.update(file.content)
    return digest.hexdigest()


def _judge(files: list[SourceFile], around: frozenset[str], cache: Cache, settings: Settings) -> Validated:
    """The answer for all files but those around. What knows about kinds is imported here, for it takes 80 ms."""
    from reconciler.app.desired import understood, work_with

    vault = wiring.vault(settings, DirectorySource(settings.directory, _Nobody(), settings.apart))
    work, _, _ = understood(files, work_with(wiring.kinds(), cache, UNKNOWN_HOST, settings.owner, vault))
    return Validated(
        count=sum(_file_of(document.place()) not in around for document in work.documents),
        problems=tuple(problem for problem in work.problems if _file_of(problem.where) not in around),
    )


def _file_of(where: str) -> str:
    return where.rsplit(":", 2)[0]


def _files(
    path: Path, unreadable: list[Problem], settings: Settings, *, relative: bool = False
) -> Iterator[SourceFile]:
    """The manifests at a path, called as the user called it, or by their place in it."""
    if path.is_dir():
        found, problems = collect(DirectorySource(path, _Nobody(), settings.apart))
        if relative:
            unreadable += problems
            yield from found
            return
        unreadable += (replace(problem, where=str(path / problem.where)) for problem in problems)
        yield from (replace(file, path=str(path / file.path)) for file in found)
        return
    try:
        yield read_file(path)
    except ManifestError as error:
        unreadable += error.problems


def _around(paths: Sequence[Path], settings: Settings) -> list[SourceFile]:
    """The rest of the desired state where the chosen paths are a part of it; called by absolute paths."""
    root = settings.directory.absolute()
    inside = [path.absolute() for path in paths if path.absolute().is_relative_to(root)]
    if not inside:
        return []
    rest = _files(root, [], settings)
    return [file for file in rest if not any(Path(file.path).is_relative_to(path) for path in inside)]
