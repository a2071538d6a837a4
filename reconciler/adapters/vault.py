"""Where secret values are kept: files, the environment, programs, and encrypted files of the repository."""

from __future__ import annotations

import base64
import binascii
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from threading import Lock

from reconciler.adapters import vault_age, vault_sops
from reconciler.errors import ReconcilerError, trouble
from reconciler.model.secrets import Grants, Reference, Secret

# libvirt takes 64 KiB for a secret's value (remote_protocol.x, REMOTE_SECRET_VALUE_MAX).
LARGEST = 64 << 10
SECONDS = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Tree:
    """The files of the desired state: one's bytes by its path, and the documents in such bytes of YAML or JSON."""

    content: Callable[[str], bytes]
    parsed: Callable[[bytes, str], Sequence[object]]


class OutsideVault:
    """`ports.Vault`: `tree` is the desired state with its files, `environment` is the caller's."""

    def __init__(self, grants: Grants, tree: Tree, environment: Mapping[str, str], seconds: float = SECONDS) -> None:
        self._grants = grants
        self._tree = tree
        self._environment = environment
        self._seconds = seconds
        self._known: dict[Reference, Secret] = {}
        self._guard = Lock()

    def value(self, reference: Reference) -> Secret:
        """The value behind a reference, read once. Raises R404, R615, R120, R121."""
        with self._guard:
            known = self._known.get(reference)
        if known is None:
            known = self._read(reference)
            with self._guard:
                self._known[reference] = known
        return known

    def opened(self, documents: Sequence[object], file: str) -> Sequence[object]:
        """The documents of a file that SOPS has encrypted. Raises R120, R121."""
        return vault_sops.decrypt(documents, file, self._identities)

    def _read(self, reference: Reference) -> Secret:
        match reference.source:
            case "file":
                content = _without_end(self._file(reference))
            case "env":
                content = self._variable(reference)
            case "command":
                content = _without_end(self._output(reference))
            case "age":
                name = reference.at[0]
                content = _without_end(vault_age.decrypt(self._committed(reference), name, self._identities()))
            case _:
                content = self._inside(reference)
        return Secret(_checked(_decoded(content, reference), reference))

    def _identities(self) -> Sequence[object]:
        return vault_age.identities(self._grants.age_key_file, self._environment)

    def _refused(self, reference: Reference, setting: str) -> ReconcilerError:
        ignored = self._grants.ignored
        more = f"; what {ignored} grants does not count, since those who commit can write it" if ignored else ""
        return trouble("R404", f"{reference}: the settings do not grant it (secrets.{setting}){more}")

    def _file(self, reference: Reference) -> bytes:
        """The content of a file below a granted directory, links followed first."""
        named = reference.at[0]
        path = os.path.realpath(named)
        roots = [os.path.realpath(root) for root in self._grants.files]
        if not named.startswith("/") or not any(os.path.commonpath((root, path)) == root for root in roots):
            raise self._refused(reference, "files")
        try:
            return _regular(path)
        except OSError as error:
            raise trouble("R615", f"{reference}: {error.strerror}") from error

    def _variable(self, reference: Reference) -> bytes:
        name = reference.at[0]
        if not any(fnmatchcase(name, pattern) for pattern in self._grants.env):
            raise self._refused(reference, "env")
        if name not in self._environment:
            raise trouble("R615", f"{reference}: there is no such variable in the environment of reconciler")
        return os.fsencode(self._environment[name])

    def _output(self, reference: Reference) -> bytes:
        """What a granted program prints. Its complaints are never read: they may hold the value."""
        if not any(reference.at[: len(begin)] == begin for begin in self._grants.commands):
            raise self._refused(reference, "commands")
        program = shutil.which(reference.at[0], path=_absolute(self._environment.get("PATH", os.defpath)))
        if program is None or not program.startswith("/"):
            raise trouble("R615", f"{reference}: there is no such program in PATH")
        return _run(program, reference, self._environment, self._seconds)

    def _committed(self, reference: Reference) -> bytes:
        """A file of the desired state itself, which nothing needs to grant."""
        try:
            return self._tree.content(reference.at[0])
        except ReconcilerError as error:
            raise trouble("R615", f"{reference}: {error.problems[0].message}") from error

    def _inside(self, reference: Reference) -> bytes:
        """One value of a SOPS file."""
        name = reference.at[0]
        documents = self._tree.parsed(self._committed(reference), name)
        found: object = vault_sops.decrypt(documents, name, self._identities)[0]
        for part in reference.key.split("."):
            if isinstance(found, list) and part.isdecimal() and int(part) < len(found):
                found = found[int(part)]
            elif isinstance(found, Mapping) and part in found:
                found = found[part]
            else:
                raise trouble("R615", f"{reference}: the file has no such key")
        if isinstance(found, list | Mapping) or found is None:
            raise trouble("R615", f"{reference}: that is no single value")
        return vault_sops.spelled(found)


def _absolute(path: str) -> str:
    """A search path without what depends on the directory where we were started."""
    return os.pathsep.join(part for part in path.split(os.pathsep) if part.startswith("/"))


def _regular(path: str) -> bytes:
    """The content of a regular file that is no link by now."""
    opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    with os.fdopen(opened, "rb") as file:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise OSError(0, "this is no regular file")
        return file.read(LARGEST + 1)


def _run(program: str, reference: Reference, environment: Mapping[str, str], seconds: float) -> bytes:
    """The standard output of a program, which is ended with all its children when the time is over."""
    arguments = (program, *reference.at[1:])
    try:
        child = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            start_new_session=True,
        )
    except OSError as error:
        raise trouble("R615", f"{reference}: it cannot be started: {error.strerror}") from error
    with child:
        said = _said(child, reference, seconds)
    if child.returncode:
        cure = "run it by hand to see why; what it complained of is not shown, for it may hold the value"
        raise trouble("R615", f"{reference}: it ended with status {child.returncode}; {cure}")
    return said


def _said(child: subprocess.Popen[bytes], reference: Reference, seconds: float) -> bytes:
    try:
        return child.communicate(timeout=seconds)[0]
    except BaseException as error:
        # It is not waited for yet, so its number still means it and its children.
        os.killpg(child.pid, signal.SIGKILL)
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        raise trouble("R615", f"{reference}: it has not ended after {seconds:.0f} seconds") from None


def _without_end(content: bytes) -> bytes:
    """What editors and programs put behind the last line is no part of a value."""
    return content.removesuffix(b"\n").removesuffix(b"\r")


def _decoded(content: bytes, reference: Reference) -> bytes:
    if not reference.encoding:
        return content
    try:
        return base64.b64decode(b"".join(content.split()), validate=True)
    except binascii.Error:
        raise trouble("R615", f"{reference}: it is not base64, as its encoding says") from None


def _checked(content: bytes, reference: Reference) -> bytes:
    if not content:
        raise trouble("R615", f"{reference}: it is empty")
    if len(content) > LARGEST:
        raise trouble("R615", f"{reference}: it has more than {LARGEST >> 10} KiB")
    return content
