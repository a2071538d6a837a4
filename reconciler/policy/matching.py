"""Whether a value is like a pattern, and a path below one: the only sign with a meaning is `*`, any text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache


@lru_cache(maxsize=4096)
def _like(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.DOTALL)


@lru_cache(maxsize=4096)
def _below(root: str) -> re.Pattern[str]:
    names = "[^/]*".join(re.escape(part) for part in root.rstrip("/").split("*"))
    return re.compile(f"{names}(/.*)?", re.DOTALL)


def like(value: str, pattern: str) -> bool:
    """Whether the whole value is like the pattern."""
    return _like(pattern).fullmatch(value) is not None


def like_any(value: str, patterns: Iterable[str]) -> bool:
    """Whether the value is like one of the patterns."""
    return any(like(value, pattern) for pattern in patterns)


def below(path: str, root: str) -> bool:
    """Whether a plain path (see `plain`) is a root or below it. A `*` in a root stands for a part of one name."""
    return _below(root).fullmatch(path) is not None


def plain(path: str) -> str:
    """A path in its one spelling: from the root, where QEMU stands, without empty parts and dots.

    `..` stays: where it leads depends on the host's links, and so nothing permits it.
    """
    parts = [part for part in path.strip().split("/") if part not in ("", ".")]
    return "/" + "/".join(parts)


def climbs(path: str) -> bool:
    """Whether there is a `..` in a path."""
    return ".." in path.strip().split("/")


@lru_cache(maxsize=1024)
def _authority(pattern: str) -> re.Pattern[str]:
    return re.compile("[^/@?#\\\\]*".join(re.escape(part) for part in pattern.split("*")), re.IGNORECASE)


_URL = re.compile(r"(?P<head>[A-Za-z][A-Za-z0-9+.*-]*://[^/?#]*)(?P<rest>.*)", re.DOTALL)


def like_url(value: str, pattern: str) -> bool:
    """Whether a URL is like a pattern. A `*` before the path does not reach into it, nor over a user's name.

    A pattern without a path permits any path; a path that climbs is like none.
    """
    found, wanted = _URL.fullmatch(value.strip()), _URL.fullmatch(pattern)
    if found is None or wanted is None or climbs(found["rest"].lower().replace("%2e", ".").replace("\\", "/")):
        return False
    head = _authority(wanted["head"]).fullmatch(found["head"]) is not None
    return head and (wanted["rest"] == "" or like(found["rest"], wanted["rest"]))
