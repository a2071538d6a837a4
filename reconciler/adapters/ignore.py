"""Which files of a desired state are manifests: by suffix, and by `.reconcilerignore` with git's own rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from reconciler.errors import trouble

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_NAME = ".reconcilerignore"
SETTINGS_NAME = "reconciler.yaml"
SUFFIXES = (".yaml", ".yml", ".xml")

# What `.reconcilerignore` says of a path; None where no line speaks of it.
Verdict = bool | None


class Ignore:
    """What is read and what is left out, for paths from the root of the desired state with "/".

    `texts` maps a directory ("" for the root) to the text of its `.reconcilerignore`. A walk that finds such a file
    on its way down calls `add` before it asks about anything inside that directory.
    """

    def __init__(self, texts: Mapping[str, str] | None = None) -> None:
        self._rules: dict[str, GitIgnoreSpec] = {}
        self._directories: dict[str, bool] = {"": True}
        for directory, text in (texts or {}).items():
            self.add(directory, text)

    def add(self, directory: str, text: str) -> None:
        """Take in the `.reconcilerignore` of one directory. Raises R112 where a line is no pattern."""
        # Importing pathspec takes 15 ms, and most repositories ignore nothing.
        from pathspec import GitIgnoreSpec

        where = f"{directory}/{IGNORE_NAME}" if directory else IGNORE_NAME
        try:
            self._rules[directory] = GitIgnoreSpec.from_lines(text.splitlines())
        except ValueError as error:
            raise trouble("R112", f"a line is no pattern as in .gitignore: {error}", where) from error

    def wanted(self, path: str) -> bool:
        """Whether the file is a manifest to read."""
        directory, _, name = path.rpartition("/")
        if path == SETTINGS_NAME or name.startswith(".") or not name.endswith(SUFFIXES):
            return False
        return self.enters(directory) and not self._verdict(path)

    def enters(self, directory: str) -> bool:
        """Whether a directory is looked into: it is neither hidden nor ignored, and nor is any above it."""
        # A loop from the top: a hostile tree is deeper than Python's stack.
        unknown = []
        while directory not in self._directories:
            unknown.append(directory)
            directory = directory.rpartition("/")[0]
        admitted = self._directories[directory]
        for below in reversed(unknown):
            hidden = below.rpartition("/")[2].startswith(".")
            admitted = admitted and not hidden and not self._verdict(f"{below}/")
            self._directories[below] = admitted
        return admitted

    def _verdict(self, path: str) -> Verdict:
        """What the nearest `.reconcilerignore` that speaks of the path says (gitignore(5), order of precedence)."""
        directory = path.rstrip("/")
        while self._rules and directory:
            directory = directory.rpartition("/")[0]
            rules = self._rules.get(directory)
            verdict = rules.check_file(path.removeprefix(f"{directory}/")).include if rules else None
            if verdict is not None:
                return verdict
        return None
