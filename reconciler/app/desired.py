"""The desired state: every manifest of a source, understood; from the cache where nothing has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.adapters.build import fingerprint, schema_kinds, schema_text
from reconciler.app import policing
from reconciler.app.policing import Refusal
from reconciler.app.positions import Written, texts_of
from reconciler.app.settings import Settings
from reconciler.app.sources import Gathered, collect, in_order
from reconciler.app.understand import understand
from reconciler.app.work import Work
from reconciler.errors import ManifestError
from reconciler.kind import Kind
from reconciler.manifest.check import Schemas
from reconciler.manifest.link import Key
from reconciler.model.documents import Address, Document, Spec
from reconciler.ports import Cache, SourceFile, Vault


@dataclass(frozen=True, kw_only=True)
class Desired:
    """What a source asks for, at which revision, and whose it is: Specs by host and Ref, Hosts and Images by name.

    `refused` is what the policies do not permit of it. `places` finds where a claim is written.
    """

    specs: Mapping[Key, Spec]
    hosts: Mapping[str, Document]
    revision: str | None
    owners: tuple[str, ...]
    refused: Mapping[Key, tuple[Refusal, ...]] = field(default_factory=dict)
    images: Mapping[str, Document] = field(default_factory=dict)
    places: Callable[[Key, Address], str] = field(default=lambda key, address: "", compare=False)

    def place(self, key: Key, address: Address) -> str:
        """Where a claim of a Spec is written: `web.yaml:12:7`; "" where that cannot be told."""
        return self.places(key, address)

    def policy(self, host: str) -> Mapping[str, object]:
        """The `policy` of a Host document; empty where there is none."""
        document = self.hosts.get(host)
        found = document.body.get("policy", {}) if document else {}
        return found if isinstance(found, Mapping) else {}


class NoCache:
    """A cache that remembers nothing."""

    def get(self, table: str, keys: Iterable[str]) -> dict[str, str]:
        return {}

    def put(self, table: str, rows: Mapping[str, str]) -> None:
        return None


def read_desired(
    source: Gathered,
    cache: Cache,
    kinds: Mapping[str, Kind],
    default_host: str,
    settings: Settings,
    vault: Vault | None = None,
) -> Desired:
    """The whole desired state; `vault` opens encrypted files. Raises ManifestError with every problem of every file.

    A Host document that leads where the policies do not permit it is such a problem; what else they refuse is told.
    """
    files, unreadable = collect(source)
    owners = tuple(dict.fromkeys(name for name in (settings.owner, *source.owners()) if name)) or ("",)
    work, specs, hosts = understood(files, work_with(kinds, cache, default_host, owners[0], vault, source.values))
    work.problems += policing.host_problems(settings, hosts)
    if unreadable or work.problems:
        raise ManifestError(in_order((*unreadable, *work.problems)))
    places = Places(files, work, specs)
    refused = held_to_policies(places, work, specs, hosts, settings)
    return Desired(
        specs=specs,
        hosts=hosts,
        revision=source.revision(),
        owners=owners,
        refused=refused,
        images=work.images,
        places=places.find,
    )


class Places:
    """Where the claims of a desired state are written. The documents are read again for it, once somebody asks."""

    def __init__(self, files: list[SourceFile], work: Work, specs: Mapping[Key, Spec]) -> None:
        self._files, self._work, self._specs = files, work, specs
        self._texts: dict[str, str] | None = None

    def find(self, key: Key, address: Address) -> str:
        """The place of a claim, the document's where that is all that can be told."""
        spec = self._specs.get(key)
        if spec is None or not address:
            return spec.where if spec else ""
        if self._texts is None:
            self._texts = texts_of(self._files)
            if self._work.from_cache:
                self._work = self._work.afresh(NoCache())
                understand(self._files, self._work)
        written = Written(self._work.under.get(key, ()), self._texts)
        return written.place(self._work.kinds[spec.ref.kind], address, spec.claims.get(address) or "") or spec.where


def held_to_policies(
    places: Places, work: Work, specs: Mapping[Key, Spec], hosts: Mapping[str, Document], settings: Settings
) -> dict[Key, tuple[Refusal, ...]]:
    """What the policies have against each Spec, each thing with its place."""
    found = policing.judged(settings, specs, hosts, work.kinds, work.cache)
    return {key: tuple(Refusal(each, places.find(key, each.address)) for each in found[key]) for key in found}


def work_with(
    kinds: Mapping[str, Kind],
    cache: Cache,
    default_host: str,
    owner: str,
    vault: Vault | None = None,
    values: Sequence[SourceFile] = (),
) -> Work:
    """What is needed to understand files, with the program's own schemas."""
    return Work(
        kinds=kinds,
        schemas=own_schemas(),
        default_host=default_host,
        owner=owner,
        build=fingerprint(),
        cache=cache,
        vault=vault,
        values=values,
    )


def own_schemas() -> Schemas:
    """The program's own schemas, of all kinds."""
    return Schemas(schema_kinds(), schema_text)


def understood(files: list[SourceFile], work: Work) -> tuple[Work, dict[Key, Spec], dict[str, Document]]:
    """The Specs and Host documents, and the work as it was done, with every problem at its own place."""
    specs, hosts = understand(files, work)
    if work.problems and work.from_cache:
        # The cache keeps no places inside documents, and a message should lead to the very value.
        work = work.afresh(NoCache())
        specs, hosts = understand(files, work)
    return work, specs, hosts
