"""Results of pure functions in an SQLite file. Losing it costs time only, so no error of it ever stops a run."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from sqlite3 import Connection

FILE_NAME = "cache.sqlite"
KEEP_DAYS = 30
# Reading waits this long for another process that writes; after that it is as if nothing were cached.
PATIENCE_SECONDS = 2.0
# SQLite takes at least 999 values in one statement (SQLITE_MAX_VARIABLE_NUMBER before 3.32).
BATCH = 900

_LAYOUT = """
CREATE TABLE IF NOT EXISTS results (
    "table" TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, used INTEGER NOT NULL, PRIMARY KEY ("table", key)
)
"""
_GET = 'SELECT key, value, used FROM results WHERE "table" = ? AND key IN ({})'
_PUT = "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?)"
_TOUCH = 'UPDATE results SET used = ? WHERE "table" = ? AND key = ?'
_EXPIRE = "DELETE FROM results WHERE used < ?"

Result = TypeVar("Result")


class SqliteCache:
    """`ports.Cache` in one file below `directory`, shared by all processes of a user."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._connection: Connection | None = None
        self._usable = True
        self._lock = Lock()
        self._today = datetime.now(UTC).toordinal()

    def get(self, table: str, keys: Iterable[str]) -> dict[str, str]:
        """The rows that are there, by key."""
        wanted = list(keys)
        return self._attempt(lambda connection: self._get(connection, table, wanted), {}) if wanted else {}

    def put(self, table: str, rows: Mapping[str, str]) -> None:
        """Keep rows for the next run."""
        if rows:
            self._attempt(lambda connection: self._put(connection, table, rows), None)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _attempt(self, work: Callable[[Connection], Result], otherwise: Result) -> Result:
        """The result of some work on the file, or what an empty cache would give."""
        import sqlite3  # 8 ms that --help and the like need not pay.

        with self._lock:
            if not self._usable:
                return otherwise
            try:
                if self._connection is None:
                    self._connection = self._open()
                return work(self._connection)
            except sqlite3.OperationalError:
                # Locked for too long, a full disk, a read-only file: the next run may have more luck.
                self._give_up()
            except sqlite3.DatabaseError:
                self._give_up()
                self._discard()
            except OSError:
                self._give_up()
            return otherwise

    def _give_up(self) -> None:
        self._usable = False
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _discard(self) -> None:
        """Remove a file that is no database (any more), so that the next run starts afresh."""
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                (self._directory / f"{FILE_NAME}{suffix}").unlink(missing_ok=True)

    def _open(self) -> Connection:
        import sqlite3

        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_private(self._directory)
        connection = sqlite3.connect(
            self._directory / FILE_NAME, timeout=PATIENCE_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # A crash of the machine may lose the last rows but not the file (sqlite.org/pragma.html).
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA mmap_size = 268435456")
            connection.execute(_LAYOUT)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _get(self, connection: Connection, table: str, keys: list[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        stale: list[str] = []
        for start in range(0, len(keys), BATCH):
            batch = keys[start : start + BATCH]
            rows = connection.execute(_GET.format(",".join("?" * len(batch))), (table, *batch))
            for key, value, used in rows:
                found[key] = value
                if used < self._today:
                    stale.append(key)
        if stale:
            self._touch(connection, table, stale)
        return found

    def _touch(self, connection: Connection, table: str, keys: list[str]) -> None:
        """Once a day and row: it was needed today. What nobody has needed for long goes at the same time."""
        with _transaction(connection):
            connection.executemany(_TOUCH, ((self._today, table, key) for key in keys))
            connection.execute(_EXPIRE, (self._today - KEEP_DAYS,))

    def _put(self, connection: Connection, table: str, rows: Mapping[str, str]) -> None:
        with _transaction(connection):
            connection.executemany(_PUT, ((table, key, value, self._today) for key, value in rows.items()))


@contextlib.contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    """One write of many rows; begun as one, since a read that turns into a write cannot wait for others."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _check_private(directory: Path) -> None:
    """Raise OSError where others could write what we would then believe."""
    found = directory.stat()
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o022:
        raise PermissionError(f"{directory} is not ours alone")
