"""The settings: what the command line gives, then the environment, then `reconciler.yaml`, then the defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.app.grants import may_grant, read_grants
from reconciler.app.settings import Settings
from reconciler.catalogue import Family
from reconciler.errors import FAMILIES, Problem, trouble
from reconciler.manifest.load import Loaded, load
from reconciler.model.quantities import parse_duration
from reconciler.model.secrets import Grants

NAME = "reconciler.yaml"
SYSTEM = Path("/etc/reconciler/config.yaml")
SYSTEM_STATE = Path("/var/lib/reconciler")
SYSTEM_CACHE = Path("/var/cache/reconciler")
PARALLELISM = 10
# What a desired state says of itself: it counts for another revision of it, too.
_OF_THE_STATE = ("base", "values")


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """One setting: how it is written, what it does, and the check that gives its value or raises ValueError."""

    name: str
    doc: str
    example: str
    default: str
    check: Callable[[object], object]


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("wants text")
    return value


def _path(value: object) -> str:
    try:
        return str(Path(_text(value)).expanduser())
    except RuntimeError as error:
        raise ValueError("names a user who has no home directory") from error


def _paths(value: object) -> object:
    """One path or a list of them; they count from the desired state's own directory, wherever it lies."""
    for each in value if isinstance(value, list) else [value]:
        if _text(each).startswith("/"):
            raise ValueError("wants a path from this directory, or a list of them")
    return value


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000:
        raise ValueError("wants a whole number from 1 to 1000")
    return value


def _duration(value: object) -> int:
    if value == 0:
        return 0
    if not isinstance(value, str):
        raise ValueError("wants a duration such as 30s or 5m")
    return parse_duration(value)


KEYS: tuple[Key, ...] = (
    Key(
        name="source",
        doc="Directory with the manifests, from the settings file's own directory. `-C` wins over it.",
        example="desired-state",
        default="the directory of the settings file",
        check=_path,
    ),
    Key(
        name="base",
        doc="Directories of the same repository whose documents and values this one takes over, the lowest first. "
        f"Only in the {NAME} of the desired state's own directory.",
        example="../../base",
        default="none",
        check=_paths,
    ),
    Key(
        name="values",
        doc="Values files for ${values.…}, the nearest last; values.yaml in the directory comes before them. "
        f"`--values` wins over them. Only in the {NAME} of the desired state's own directory.",
        example="values-prod.yaml",
        default="values.yaml, if it is there",
        check=_paths,
    ),
    Key(
        name="connect",
        doc="Host where no Host document says otherwise: a libvirt URI, or `embedded`. "
        "`--connect` and LIBVIRT_DEFAULT_URI win over it.",
        example="qemu:///system",
        default="libvirt's own default, as virsh picks it",
        check=_text,
    ),
    Key(
        name="stateDir",
        doc="Directory of the ledger, the embedded host and the locks. `--state-dir` wins over it.",
        example="/srv/reconciler",
        default="/var/lib/reconciler as root, else $XDG_STATE_HOME/reconciler",
        check=_path,
    ),
    Key(
        name="owner",
        doc="Name that marks the objects of this repository; two repositories on one host need different ones.",
        example="web-team",
        default="taken from the repository",
        check=_text,
    ),
    Key(
        name="parallelism",
        doc="Changes at once over all hosts. `--parallelism` wins over it.",
        example="20",
        default="10",
        check=_count,
    ),
    Key(
        name="lockTimeout",
        doc="How long to wait for another writer on a host. `--lock-timeout` wins over it.",
        example="30s",
        default="0s: fail at once and say who holds the lock",
        check=_duration,
    ),
    Key(
        name="secrets",
        doc="What manifests may name as the place of a secret value: `commands` (a program, or a list that a command "
        "line has to begin with), `files` (directories), `env` (names, with wildcards); and `ageKeyFile`, the keys "
        "that open SOPS and age files. Counts only in a settings file outside the desired state's tree (its git work "
        "tree), or in one that `--config` names: those who commit manifests cannot grant themselves anything.",
        example="{commands: [[pass, show]], files: [/run/keys], env: [RECONCILER_*], ageKeyFile: /etc/reconciler/age}",
        default="nothing may be named but encrypted files of the repository",
        check=read_grants,
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """The command line's part; None where it says nothing."""

    directory: str | None = None
    connect: str | None = None
    state_dir: str | None = None
    config: str | None = None
    parallelism: int | None = None
    lock_timeout: int | None = None
    values: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A settings file's values by key, and the file; its directory is the one from which its paths count."""

    values: Mapping[str, object] = field(default_factory=dict)
    file: Path | None = None

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        return None if value is None else str(value)

    def path(self, key: str) -> Path | None:
        text = self.text(key)
        return None if text is None or self.file is None else self.file.parent / text

    def number(self, key: str) -> int | None:
        value = self.values.get(key)
        return value if isinstance(value, int) else None


def resolve(given: Given, environment: Mapping[str, str], *, root: bool) -> Settings:
    """The settings of one run. Raises R802 where the settings file is wrong."""
    found = _find(given)
    directory = Path(given.directory) if given.directory else found.path("source") or Path()
    state_dir = Path(given.state_dir) if given.state_dir else found.path("stateDir")
    _refuse_elsewhere(found, directory)
    waiting = given.lock_timeout if given.lock_timeout is not None else found.number("lockTimeout")
    return Settings(
        directory=directory,
        state_dir=(state_dir or _state_dir(environment, root)).absolute(),
        cache_dir=_cache_dir(environment, root).absolute(),
        connect=given.connect or environment.get("LIBVIRT_DEFAULT_URI") or found.text("connect"),
        owner=found.text("owner") or "",
        parallelism=given.parallelism or found.number("parallelism") or PARALLELISM,
        lock_timeout=float(waiting or 0),
        values=tuple(map(Path, given.values)),
        grants=_grants(found, directory, named=bool(given.config)),
    )


def _refuse_elsewhere(found: Found, directory: Path) -> None:
    """Raise R802 for what a desired state says of itself in the settings file of another directory: nobody reads it."""
    stated = [key for key in _OF_THE_STATE if key in found.values]
    if stated and found.file is not None and found.file.parent.resolve() != directory.resolve():
        message = f"{stated[0]} belongs into {directory / NAME}, beside the documents; move it there"
        raise trouble("R802", message, str(found.file))


def _grants(found: Found, directory: Path, *, named: bool) -> Grants:
    """What the operator grants to manifests: in the settings file that counts for everything else, or the system's."""
    given = found.values.get("secrets")
    if found.file is None or may_grant(found.file, directory, named=named):
        return given if isinstance(given, Grants) else Grants()
    system = read(SYSTEM) if SYSTEM.is_file() and may_grant(SYSTEM, directory, named=False) else Found()
    granted = system.values.get("secrets")
    granted = granted if isinstance(granted, Grants) else Grants()
    return replace(granted, ignored=str(found.file)) if given is not None else granted


def _state_dir(environment: Mapping[str, str], root: bool) -> Path:
    return SYSTEM_STATE if root else _home(environment, "XDG_STATE_HOME", ".local/state") / "reconciler"


def _cache_dir(environment: Mapping[str, str], root: bool) -> Path:
    override = environment.get("RECONCILER_CACHE_DIR")
    if override:
        return Path(override)
    return SYSTEM_CACHE if root else _home(environment, "XDG_CACHE_HOME", ".cache") / "reconciler"


def _home(environment: Mapping[str, str], variable: str, otherwise: str) -> Path:
    """A directory of the XDG specification; a relative one is to be ignored, it says."""
    named = environment.get(variable, "")
    return Path(named) if named.startswith("/") else Path.home() / otherwise


def _find(given: Given) -> Found:
    """The first settings file that there is: the named one, one beside the desired state, the system's."""
    if given.config:
        return read(Path(given.config))
    beside = Path(given.directory or ".")
    if (beside / NAME).is_file():
        return read(beside / NAME)
    above = beside.resolve().parent
    if given.directory and (above / NAME).is_file():
        found = read(above / NAME)
        source = found.path("source")
        if source is not None and source.resolve() == beside.resolve():
            return found
    return read(SYSTEM) if SYSTEM.is_file() else Found()


def read(path: Path) -> Found:
    """The settings in a file. Raises R802 with everything that is wrong in it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise trouble("R802", f"the settings file cannot be read: {error.strerror}", str(path)) from error
    documents, problems = load(content, str(path))
    if not problems and documents:
        problems = list(_problems(documents, str(path)))
    if problems:
        raise FAMILIES[Family.USAGE](Problem("R802", problem.message, problem.where) for problem in problems)
    values = documents[0].value if documents else {}
    checks = {key.name: key.check for key in KEYS}
    known = values if isinstance(values, dict) else {}
    return Found({name: checks[name](value) for name, value in known.items()}, path)


def _problems(documents: list[Loaded], file: str) -> Iterator[Problem]:
    first = documents[0]
    if len(documents) > 1 or not isinstance(first.value, dict):
        yield Problem("R802", "the settings are one mapping of names to values", f"{file}:1:1")
        return
    for name, value in first.value.items():
        line, column = first.keys.get((name,), (1, 1))
        complaint = _complaint(str(name), value)
        if complaint:
            yield Problem("R802", complaint, f"{file}:{line}:{column}")


def _complaint(name: str, value: object) -> str:
    """What is wrong with one setting, "" if nothing."""
    names = [key.name for key in KEYS]
    if name not in names:
        from difflib import get_close_matches

        near = get_close_matches(name, names, 1)
        return f"there is no setting {name!r}" + (f"; did you mean {near[0]}?" if near else "")
    try:
        next(key for key in KEYS if key.name == name).check(value)
    except ValueError as error:
        return f"{name}: {error}"
    return ""
