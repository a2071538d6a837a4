"""Which build of the program this is, so that the cache of one is not taken for another's; and its JSON Schemas."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from reconciler import __version__

PACKAGE = Path(__file__).parent.parent
# Read by path: importlib.resources takes 10 ms to import, and a wheel puts the two side by side as a checkout does.
SCHEMAS = PACKAGE.parent / "schemas"


def fingerprint() -> str:
    """Changes with the version, and with every edit of a checkout that the program runs from."""
    states = sorted((*_states(PACKAGE, ".py"), *_states(SCHEMAS, ".json")))
    return sha256("\n".join((__version__, *states)).encode()).hexdigest()


def _states(directory: Path | str, suffix: str) -> Iterator[str]:
    """Size and time of each file below a directory that the program consists of."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(suffix):
                state = entry.stat()
                yield f"{entry.path}:{state.st_size}:{state.st_mtime_ns}"
            elif entry.is_dir() and entry.name != "__pycache__":
                yield from _states(entry.path, suffix)


def schema_kinds() -> list[str]:
    """The kinds that have a schema."""
    return sorted(path.stem for path in SCHEMAS.iterdir() if path.suffix == ".json")


def schema_text(kind: str) -> str:
    """The JSON Schema of one kind."""
    return (SCHEMAS / f"{kind}.json").read_text(encoding="utf-8")
