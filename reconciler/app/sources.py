"""All files of a source, and all that is wrong with the others."""

from __future__ import annotations

from reconciler.errors import ManifestError, Problem
from reconciler.ports import Source, SourceFile


def collect(source: Source) -> tuple[list[SourceFile], list[Problem]]:
    """All files that can be read, and why the others cannot."""
    files: list[SourceFile] = []
    try:
        # A source gives all that it can before it complains; a comprehension would lose that.
        for file in source.files():
            files.append(file)
    except ManifestError as error:
        return files, list(error.problems)
    return files, []
