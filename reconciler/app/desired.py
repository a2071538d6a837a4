"""The desired state: every manifest of a source, understood; from the cache where nothing has changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.adapters.build import fingerprint
from reconciler.app.settings import Settings
from reconciler.app.understand import Work, understand
from reconciler.errors import ManifestError, Problem
from reconciler.kind import Kind
from reconciler.manifest.check import shipped
from reconciler.manifest.link import Key
from reconciler.model.documents import Document, Spec
from reconciler.ports import Cache, Source, SourceFile


@dataclass(frozen=True, kw_only=True)
class Desired:
    """What a source asks for: Specs by host and Ref, its Host documents by name, and which revision and whose it is."""

    specs: Mapping[Key, Spec]
    hosts: Mapping[str, Document]
    revision: str | None
    owners: tuple[str, ...]


class NoCache:
    """A cache that remembers nothing."""

    def get(self, table: str, keys: Iterable[str]) -> dict[str, str]:
        return {}

    def put(self, table: str, rows: Mapping[str, str]) -> None:
        return None


def read_desired(
    source: Source, cache: Cache, kinds: Mapping[str, Kind], default_host: str, settings: Settings
) -> Desired:
    """The whole desired state. Raises ManifestError with every problem of every file."""
    files, unreadable = collect(source)
    owners = tuple(dict.fromkeys(name for name in (settings.owner, *source.owners()) if name)) or ("",)
    work = Work(
        kinds=kinds,
        schemas=shipped(),
        default_host=default_host,
        owner=owners[0],
        build=fingerprint(),
        cache=cache,
    )
    work, specs, hosts = understood(files, work)
    if unreadable or work.problems:
        raise ManifestError((*unreadable, *work.problems))
    return Desired(specs=specs, hosts=hosts, revision=source.revision(), owners=owners)


def understood(files: list[SourceFile], work: Work) -> tuple[Work, dict[Key, Spec], dict[str, Document]]:
    """The Specs and Host documents, and the work as it was done, with every problem at its own place."""
    specs, hosts = understand(files, work)
    if work.problems and work.from_cache:
        # The cache keeps no places inside documents, and a message should lead to the very value.
        work = work.afresh(NoCache())
        specs, hosts = understand(files, work)
    return work, specs, hosts


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
