"""Which build of the program this is, so that the cache of one is not taken for another's."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from reconciler import __version__


def fingerprint() -> str:
    """Changes with the version, and with every edit of a checkout that the program runs from."""
    package = Path(__file__).parent.parent
    files = sorted(package.glob("**/*.py"))
    seen = [f"{path}:{stat.st_size}:{stat.st_mtime_ns}" for path in files if (stat := path.stat())]
    return sha256("\n".join((__version__, *seen)).encode()).hexdigest()
