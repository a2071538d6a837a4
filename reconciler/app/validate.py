"""`validate`: everything that is wrong with the manifests, without asking any host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from os.path import normpath
from pathlib import Path

from reconciler.adapters.build import fingerprint
from reconciler.adapters.files import DirectorySource, read_file
from reconciler.adapters.git import WorkTree
from reconciler.app import wiring
from reconciler.app.settings import Settings
from reconciler.app.sources import SETTINGS, Gathered, collect, in_order
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

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def top(self) -> Path | None:
        return WorkTree(self._directory).top()

    def at(self, directory: Path) -> _Nobody:
        return _Nobody(directory)

    def revision(self) -> str | None:
        return None

    def owners(self) -> Sequence[str]:
        return ()


@dataclass(slots=True)
class _Chosen:
    """The files to judge by the names that the user knows them by, and their values, the nearest last."""

    files: dict[str, SourceFile] = field(default_factory=dict)
    values: list[SourceFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def validate(paths: Sequence[Path], settings: Settings) -> Validated:
    """What is wrong in these files and directories; in the whole desired state where none is named.

    What lies in the desired state is read together with the rest of it, which it may refer to; the rest is not judged.
    """
    chosen = _Chosen()
    for path in paths or (settings.directory,):
        _choose(path, chosen, settings, relative=not paths)
    around = _around(paths, chosen, settings)
    # What is chosen comes last: of two documents with one name it is the one to blame.
    files = [*around.files.values(), *chosen.files.values()]
    values = [*around.values, *chosen.values, *(read_file(path) for path in settings.values)]
    cache = wiring.cache(settings)
    key = _key(files, values, len(chosen.files), settings)
    found = cache.get(VALID, (key,)).get(key)
    if found is not None:
        return Validated(count=int(found), problems=tuple(chosen.problems))
    validated = _judge(files, values, frozenset(around.files), cache, settings)
    if not validated.problems:
        cache.put(VALID, {key: str(validated.count)})
    return replace(validated, problems=tuple(in_order((*chosen.problems, *validated.problems))))


def _key(files: Sequence[SourceFile], values: Sequence[SourceFile], chosen: int, settings: Settings) -> str:
    """The digest of all that the answer depends on."""
    policies = ",".join(policy.digest for policy in settings.policies)
    digest = sha256(f"{fingerprint()}\0{settings.owner}\0{policies}\0{chosen}\0{len(values)}\0".encode())
    for file in (*values, *files):
        digest.update(f"{file.path}\0{len(file.content)}\0".encode())
        digest.update(file.content)
    return digest.hexdigest()


def _judge(
    files: list[SourceFile], values: list[SourceFile], around: frozenset[str], cache: Cache, settings: Settings
) -> Validated:
    """The answer for all files but those around. What knows about kinds is imported here, for it takes 80 ms."""
    from reconciler.app import conforming, policing
    from reconciler.app.desired import Places, held_to_policies, understood, work_with

    root = settings.directory
    vault = wiring.vault(settings, DirectorySource(root, _Nobody(root), settings.apart))
    work, specs, hosts = understood(
        files, work_with(wiring.kinds(), cache, UNKNOWN_HOST, settings.owner, vault, values)
    )
    work.problems += policing.host_problems(settings, hosts)
    work.problems += conforming.problems(files, work, specs)
    if not work.problems:
        work.problems += policing.problems(
            held_to_policies(Places(files, work, specs), work, specs, hosts, settings).values()
        )
    return Validated(
        count=sum(_file_of(document.place()) not in around for document in work.documents),
        problems=tuple(problem for problem in work.problems if _file_of(problem.where) not in around),
    )


def _file_of(where: str) -> str:
    return where.rsplit(":", 2)[0]


def _choose(path: Path, chosen: _Chosen, settings: Settings, *, relative: bool = False) -> None:
    """Take in the manifests at a path, called as the user called it, or by their place in it."""
    if not path.is_dir():
        try:
            file = read_file(path)
            chosen.files[file.path] = file
        except ManifestError as error:
            chosen.problems += error.problems
        return
    source = DirectorySource(path, _Nobody(path), settings.apart)
    values: Sequence[SourceFile] = ()
    if relative or _is_state(path, settings):
        gathered = Gathered(source)
        values, (files, problems) = gathered.values, collect(gathered)
    else:
        files, problems = collect(source)
    base = None if relative else path
    chosen.files |= {file.path: file for file in (_called(each, base) for each in files)}
    chosen.values += (_called(each, base) for each in values)
    chosen.problems += (problem if base is None else _moved(problem, base) for problem in problems)


def _is_state(path: Path, settings: Settings) -> bool:
    """Whether a directory is no mere part of the one of the settings."""
    here, root = path.absolute(), settings.directory.absolute()
    return here == root or not here.is_relative_to(root) or (path / SETTINGS).is_file()


def _called(file: SourceFile, base: Path | None) -> SourceFile:
    return file if base is None else replace(file, path=normpath(f"{base}/{file.path}"))


def _moved(problem: Problem, base: Path) -> Problem:
    return replace(problem, where=normpath(f"{base}/{problem.where}"))


def _around(paths: Sequence[Path], chosen: _Chosen, settings: Settings) -> _Chosen:
    """The rest of the desired state where the chosen paths are a part of it; called by absolute paths."""
    root = settings.directory.absolute()
    inside = [path.absolute() for path in paths if path.absolute().is_relative_to(root)]
    around = _Chosen()
    if not any(path == root or not _is_state(path, settings) for path in inside):
        return around
    _choose(root, around, settings)
    known = {normpath(Path(name).absolute()) for name in chosen.files}
    parts = [*map(str, inside), *known]
    held = {each.path for each in around.values}
    chosen.files = {name: file for name, file in chosen.files.items() if normpath(Path(name).absolute()) not in held}
    around.files = {
        name: file
        for name, file in around.files.items()
        if not any(name == part or name.startswith(f"{part}/") for part in parts)
    }
    # What is chosen as a whole has brought its values along.
    if root in inside:
        around.values = []
    return around
