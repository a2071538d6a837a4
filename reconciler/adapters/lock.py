"""One writer for each host at a time, for as long as its process lives."""

from __future__ import annotations

import getpass
import json
import os
import platform
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from reconciler.errors import BusyError, trouble
from reconciler.model.records import encode_name
from reconciler.ports import Clock

if TYPE_CHECKING:
    from filelock import FileLock

# Pauses between two tries grow from the first to the longest, in seconds.
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """Who holds a lock: `who` is user@machine, `since` RFC 3339 in UTC, `id` tells two holders apart."""

    id: str
    pid: int
    who: str
    operation: str
    since: str

    def __str__(self) -> str:
        return f"{self.who} ({self.operation}, process {self.pid}) since {self.since}, lock {self.id}"


def machine_wide() -> Path | None:
    """Where this user's locks count on the whole machine and vanish with a reboot; None if there is no place."""
    place = Path("/run") if os.geteuid() == 0 else Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    return place / "reconciler" if place.is_absolute() and os.access(place, os.W_OK) else None


class HostLock:
    """The right to change one host, as a context manager; entering raises R507 when it is not had within `timeout` s.

    The kernel gives it back when the process ends, however it ends. Reading never needs it. Who needs several hosts
    takes them in the order of their names, so that two such never wait for each other.
    """

    def __init__(self, state_dir: Path, host: str, operation: str, clock: Clock, timeout: float = 0.0) -> None:
        stem = state_dir / "locks" / encode_name(host)
        self._path = stem.with_name(f"{stem.name}.lock")
        self._note = stem.with_name(f"{stem.name}.json")
        self._host = host
        self._operation = operation
        self._clock = clock
        self._timeout = timeout
        self._lock: FileLock | None = None

    def __enter__(self) -> Self:
        try:
            self._note.parent.mkdir(parents=True, exist_ok=True)
            self._lock = self._acquired()
            self._introduce()
        except OSError as error:
            self._give_back()
            raise trouble("R701", f"the lock of {self._host} cannot be taken: {error}", str(self._path)) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._note.unlink(missing_ok=True)
        self._give_back()

    def holder(self) -> Holder | None:
        """Who has the lock, or had it when its process was killed; None where nobody is known."""
        try:
            return Holder(**json.loads(self._note.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def _acquired(self) -> FileLock:
        # Importing filelock takes 20 ms, which a run that only reads need not pay.
        from filelock import FileLock, Timeout

        lock = FileLock(self._path)
        deadline = self._clock.now() + self._timeout
        pause = FIRST_PAUSE
        while True:
            try:
                lock.acquire(timeout=0)
                return lock
            except Timeout as error:
                remaining = deadline - self._clock.now()
                if remaining <= 0:
                    raise self._busy() from error
            self._clock.sleep(min(pause, remaining))
            pause = min(2 * pause, LONGEST_PAUSE)

    def _give_back(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _busy(self) -> BusyError:
        holder = self.holder()
        message = f"{self._host} is being changed by {holder or 'another process'}"
        raise trouble("R507", f"{message}; wait for it, or pass --lock-timeout", self._host)

    def _introduce(self) -> None:
        """Write down who holds the lock, whole or not at all."""
        holder = Holder(
            id=secrets.token_hex(4),
            pid=os.getpid(),
            who=f"{_user()}@{platform.node()}",
            operation=self._operation,
            since=self._clock.today(),
        )
        new = self._note.with_suffix(".new")
        new.write_text(json.dumps(asdict(holder)) + "\n")
        new.replace(self._note)


def _user() -> str:
    """The name of the user, or the number of one that has no name (in a container)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
