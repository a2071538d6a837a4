"""Manifests that are written: whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.errors import trouble


def read(path: Path) -> str | None:
    """What stands in a file; None where there is none. Raises R805 where that cannot be told."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise trouble("R805", f"the file cannot be read: {error.strerror}", str(path)) from error


def put(path: Path, text: str) -> None:
    """Put a file in place, with the directories above it. Raises R805."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            descriptor = _create(beside)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = _create(beside)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise trouble("R805", f"the file cannot be written: {error.strerror}", str(path)) from error


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
