"""The settings: what the command line gives, then the environment, then `reconciler.yaml`, then the defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.app.grants import may_grant
from reconciler.app.image_settings import ImageSettings
from reconciler.app.settings import Settings
from reconciler.app.settings_keys import KEYS, NAME
from reconciler.catalogue import Family
from reconciler.errors import FAMILIES, Problem, trouble
from reconciler.manifest.load import Loaded, load
from reconciler.model.documents import Mode
from reconciler.model.secrets import Grants

if TYPE_CHECKING:
    from reconciler.policy.policies import Policy

SYSTEM = Path("/etc/reconciler/config.yaml")
SYSTEM_STATE = Path("/var/lib/reconciler")
SYSTEM_CACHE = Path("/var/cache/reconciler")
PARALLELISM = 10
# What a desired state says of itself: it counts for another revision of it, too.
_OF_THE_STATE = ("base", "values")


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
    """A settings file's values by key, and the file; its directory is the one from which its paths count.

    `spots` are the lines and columns of the keys.
    """

    values: Mapping[str, object] = field(default_factory=dict)
    file: Path | None = None
    spots: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def place(self, key: str) -> str:
        """Where a key is written: `reconciler.yaml:3:1`."""
        line, column = self.spots.get(key, (1, 1))
        return f"{self.file}:{line}:{column}"

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
    policies = _policies(found, named=bool(given.config))
    if policies and not (found.file is None or may_grant(found.file, directory, named=bool(given.config))):
        _refuse_foreign(found, policies, given, environment)
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
        policies=policies,
        images=_images(found, directory, named=bool(given.config)),
        mode=Mode(found.text("mode") or Mode.ENFORCE.value),
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


def _images(found: Found, directory: Path, *, named: bool) -> ImageSettings:
    """How images are fetched. Raises R802 where those who commit manifests would say whom a password is shown to."""
    given = found.values.get("images")
    if found.file is None or may_grant(found.file, directory, named=named):
        return given if isinstance(given, ImageSettings) else ImageSettings()
    if given is not None:
        message = (
            f"images is not for a file of the repository to say; move it to {SYSTEM}, or name the file by --config"
        )
        raise trouble("R802", message, found.place("images"))
    system = read(SYSTEM).values.get("images") if SYSTEM.is_file() else None
    return system if isinstance(system, ImageSettings) else ImageSettings()


def _policies(found: Found, *, named: bool) -> tuple[Policy, ...]:
    """The system's policy, and the one of the file that counts for everything else; a named file stands alone."""
    system = read(SYSTEM) if not named and found.file != SYSTEM and SYSTEM.is_file() else Found()
    written = [each for each in (system, found) if each.values.get("policy") is not None]
    if not written:
        return ()
    from reconciler.policy.policies import parse

    return tuple(parse(each.values["policy"], f"the policy in {each.file}") for each in written)


def _refuse_foreign(found: Found, policies: Sequence[Policy], given: Given, environment: Mapping[str, str]) -> None:
    """Raise R209 for what the desired state's own file says though the machine's policy leaves it to others."""
    binding = [policy for policy in policies if policy.origin != f"the policy in {found.file}"]
    if binding and found.text("stateDir") and not given.state_dir:
        message = (
            f"stateDir is not for this file to say; {binding[0].origin} leaves it to the machine; take it out here"
        )
        raise trouble("R209", message, found.place("stateDir"))
    uri = found.text("connect")
    if uri and not (given.connect or environment.get("LIBVIRT_DEFAULT_URI")):
        from reconciler.policy.connections import refusal

        for policy in policies:
            if message := refusal(policy, "connect", uri):
                raise trouble("R209", message, found.place("connect"))


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
    spots = {str(name): documents[0].keys.get((name,), (1, 1)) for name in known}
    return Found({name: checks[name](value) for name, value in known.items()}, path, spots)


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
        yield from _inner_problems(str(name), value, first, file)


def _inner_problems(name: str, value: object, loaded: Loaded, file: str) -> Iterator[Problem]:
    """What is wrong inside a setting that has parts, each at its own place."""
    inner = next((key.inner for key in KEYS if key.name == name), None)
    for path, complaint in inner(value) if inner else ():
        line, column = loaded.keys.get((name, *path)) or loaded.places.get((name, *path)) or loaded.keys[(name,)]
        yield Problem("R802", f"{name}: {complaint}", f"{file}:{line}:{column}")


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
