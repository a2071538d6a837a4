"""Which build of the program this is, so that the cache of one is not taken for another's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from reconciler import __version__


def fingerprint() -> str:
    """Changes with the version, and with every edit of a checkout that the program runs from."""
    package = str(Path(__file__).parent.parent)
    return sha256("\n".join((__version__, *sorted(_states(package)))).encode()).hexdigest()


def _states(directory: str) -> Iterator[str]:
    """Size and time of each module below a directory."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                state = entry.stat()
                yield f"{entry.path}:{state.st_size}:{state.st_mtime_ns}"
            elif entry.is_dir() and entry.name != "__pycache__":
                yield from _states(entry.path)
