"""The key of seals, kept in the state directory."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock

from reconciler.errors import trouble


class SealKey:
    """The key of seals: 32 random bytes in a file of the state directory that only its owner may read.

    It is made when it is first needed. Where nothing can be written it lives as long as the run.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._key = b""
        self._guard = Lock()

    def __call__(self) -> bytes:
        with self._guard:
            self._key = self._key or self._stored() or os.urandom(32)
        return self._key

    def _stored(self) -> bytes:
        try:
            return self._path.read_bytes() or self._made()
        except (FileNotFoundError, NotADirectoryError):
            return self._made()
        except OSError as error:
            raise trouble("R701", f"the key of seals cannot be read: {error.strerror}", str(self._path)) from error

    def _made(self) -> bytes:
        """Write a new key beside its place and link it there: of two runs one wins, and both read what is there."""
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(opened, "wb") as file:
                file.write(os.urandom(32))
        except OSError:
            return b""
        try:
            os.link(beside, self._path)
        except FileExistsError:
            pass
        finally:
            beside.unlink()
        return self._path.read_bytes()
