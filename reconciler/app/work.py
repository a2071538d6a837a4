"""One reading of the desired state, from its files to what they ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.app.composing import Composition
from reconciler.errors import ManifestError, Problem
from reconciler.kind import Kind
from reconciler.manifest.check import Schemas
from reconciler.manifest.link import Key
from reconciler.model.documents import Document, Need, Spec
from reconciler.model.refs import Ref
from reconciler.ports import Cache, SourceFile, Vault


@dataclass(kw_only=True)
class Work:
    """One reading of the desired state: what it is done with, and what is found on the way.

    `build` names the program's build, `owner` whose mark the objects get; `vault` opens encrypted files. `known` are
    resources that are declared but wrong; `declared` is every name with its place. `documents` are all that were read,
    `origins` what each Spec was made of, `under` the document as it is written and the Profiles below it; `fresh` those
    that the cache did not have, by its key; `private` the digests of those it must not get. `images` are the Images by
    name. `values` are the values files, the nearest last; `composition` is how documents came about that others take
    part in.
    """

    kinds: Mapping[str, Kind]
    schemas: Schemas
    default_host: str
    owner: str
    build: str
    cache: Cache
    vault: Vault | None = None
    problems: list[Problem] = field(default_factory=list)
    known: set[Ref] = field(default_factory=set)
    declared: list[tuple[Key, str]] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    origins: dict[Key, Document] = field(default_factory=dict)
    under: dict[Key, tuple[Document, ...]] = field(default_factory=dict)
    fresh: dict[str, tuple[Document, ...]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    images: dict[str, Document] = field(default_factory=dict)
    from_cache: bool = False
    values: Sequence[SourceFile] = ()
    composition: Composition | None = None

    def afresh(self, cache: Cache) -> Work:
        """The same work, to be done again with another cache."""
        return Work(
            kinds=self.kinds,
            schemas=self.schemas,
            default_host=self.default_host,
            owner=self.owner,
            build=self.build,
            cache=cache,
            vault=self.vault,
            values=self.values,
        )

    def blame(self, error: ManifestError, ref: Ref) -> None:
        """Note what is wrong with a resource; others may refer to it without being wrong for that."""
        self.problems += error.problems
        self.known.add(ref)

    def place_of(self, spec: Spec, need: Need) -> str:
        """Where a reference is written."""
        document = self.origins.get((spec.host, spec.ref))
        return document.place(*need.path) if document else spec.where
