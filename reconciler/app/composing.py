"""The documents of files that generate, have placeholders or are patched; from the cache while nothing differs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from hashlib import sha256
from json import dumps, loads

from reconciler.errors import ManifestError, Problem
from reconciler.manifest import rows
from reconciler.manifest.check import Schemas, closest
from reconciler.manifest.compose import Around, Composed, compose, filled_profile
from reconciler.manifest.load import load
from reconciler.manifest.patches import Patch, by_target, is_patch, patch_of
from reconciler.manifest.tree import Node, planted
from reconciler.manifest.values import values_of
from reconciler.model.documents import Document
from reconciler.model.refs import Ref
from reconciler.ports import Cache, SourceFile

COMPOSED, PATCHES, VALUES = "composed", "patches", "values"
# A file without any of these words is what it says.
_WORDS = (b"${", b"generate", b"patch")
# The block that SOPS adds to a document, in YAML or in JSON's way of writing it.
_SOPS = re.compile(rb"""^["']?sops["']?:|["']sops["']\s*:""", re.MULTILINE)


def is_composed(file: SourceFile) -> bool:
    """Whether a file may hold more than it says. What is encrypted is taken as it stands."""
    if file.path.endswith(".xml") or is_encrypted(file):
        return False
    return any(word in file.content for word in _WORDS)


def is_encrypted(file: SourceFile) -> bool:
    """Whether SOPS has encrypted values in a file."""
    return b"ENC[" in file.content and _SOPS.search(file.content) is not None


@dataclass(frozen=True, slots=True)
class Row:
    """What the cache may keep of one file, unless one of its documents holds a secret."""

    documents: tuple[Document, ...]
    removed: tuple[Ref, ...]


@dataclass(kw_only=True)
class Composition:
    """One composing of a desired state. `about` names the program's build; the nearest of the `values` come last.

    `problems`, `broken`, `removed` and `fresh` (rows by key, for the cache) are found on the way.
    """

    schemas: Schemas
    roots: Mapping[str, str]
    cache: Cache
    about: str
    default_host: str
    files: Sequence[SourceFile]
    values: Sequence[SourceFile] = ()
    problems: list[Problem] = field(default_factory=list)
    broken: set[Ref] = field(default_factory=set)
    removed: set[Ref] = field(default_factory=set)
    fresh: dict[str, Row] = field(default_factory=dict)
    from_cache: bool = False
    hosts: dict[str, Document] = field(default_factory=dict)
    _around: Around | None = None
    _holders: Sequence[SourceFile] = ()
    _patches: Sequence[Patch] | None = None
    _texts: dict[str, bytes] = field(default_factory=dict)
    _lines: dict[str, Sequence[str]] = field(default_factory=dict)

    def run(
        self, composed: list[SourceFile], plain: Mapping[str, tuple[Document, ...]]
    ) -> dict[str, tuple[Document, ...]]:
        """The documents of these files, and of `plain` ones that are patched, by path."""
        self._check_values()
        wrong_values = list(self.problems)
        targets = self._targets(composed)
        patched = {
            path for path, held in plain.items() if any(each.ref in targets and each.xml is None for each in held)
        }
        patched -= self._refused(targets, plain)
        composed = [*composed, *(file for file in self.files if file.path in patched)]
        untouched = (each for path, held in plain.items() if path not in patched for each in held)
        self.hosts = {each.ref.name: each for each in untouched if each.ref.kind == "Host"}
        found = self._documents([file for file in composed if b"Host" in file.content], hosts=True)
        self.hosts |= {each.ref.name: each for held in found.values() for each in held}
        for path, held in self._documents(composed, hosts=False).items():
            found[path] = (*found.get(path, ()), *held)
        self._miss(targets, {each.ref for held in (*plain.values(), *found.values()) for each in held})
        if wrong_values:
            # What cannot be filled in may well be what cannot be read.
            self.problems = [problem for problem in self.problems if problem.number != "R116"]
        return found

    def filled(self, profiles: tuple[Document, ...], document: Document, host: str) -> tuple[Document, ...]:
        """Profiles with the placeholders in them filled in for a document that stands on them. Raises ManifestError."""
        if not any(profile.template for profile in profiles):
            return profiles
        around = self.around()
        return tuple(
            filled_profile(profile, document, host, around) if profile.template else profile for profile in profiles
        )

    def new_problems(self, said: Sequence[Problem]) -> list[Problem]:
        """What is wrong, but for what has been said: a file that is patched has been read before."""
        return [problem for problem in dict.fromkeys(self.problems) if problem not in said]

    def _refused(self, targets: Mapping[Ref, str], plain: Mapping[str, tuple[Document, ...]]) -> set[str]:
        """The files that no patch changes although one is meant to; that is noted."""
        closed = {file.path for file in self.files if is_encrypted(file)}
        found: set[str] = set()
        for path, held in plain.items():
            for each in held:
                if each.ref in targets and (each.xml is not None or path in closed):
                    what = "plain libvirt XML" if each.xml is not None else "encrypted"
                    message = f"{each.ref} in {each.place()} is {what}, which no patch changes; change it there"
                    self.problems.append(Problem("R308", message, targets[each.ref]))
                    found.add(path)
        return found

    def _miss(self, targets: Mapping[Ref, str], known: Set[Ref]) -> None:
        """Note the patches of documents that there are none of."""
        missing = [ref for ref in targets if ref not in known and ref not in self.removed | self.broken]
        for ref in missing:
            near = closest(str(ref), [str(each) for each in known])
            advice = f"did you mean {near}?" if near else "take patch out if it is a document of its own"
            self.problems.append(
                Problem("R308", f"nothing declares {ref}, so it cannot be patched; {advice}", targets[ref])
            )

    def _targets(self, composed: Sequence[SourceFile]) -> dict[Ref, str]:
        """The documents that patches change, each with the place of its first patch."""
        self._holders = [file for file in composed if b"patch" in file.content]
        if not self._holders:
            return {}
        key = self._digest("patches", *map(_digest_of, self._holders))
        row = self.cache.get(PATCHES, (key,)).get(key)
        if row is not None:
            self.from_cache = True
            return {Ref(kind, name): where for kind, name, where in loads(row)}
        found: dict[Ref, str] = {}
        for patch in self._read_patches():
            found.setdefault(patch.ref, patch.where)
        if not self.problems:
            self.cache.put(PATCHES, {key: dumps([(ref.kind, ref.name, where) for ref, where in found.items()])})
        return found

    def _check_values(self) -> None:
        """Note what is wrong with the values, whether or not anything uses them."""
        if not self.values:
            return
        key = self._digest("values")
        if not self.cache.get(VALUES, (key,)):
            self.around()
            if not self.problems:
                self.cache.put(VALUES, {key: "valid"})

    def _documents(self, composed: Sequence[SourceFile], *, hosts: bool) -> dict[str, tuple[Document, ...]]:
        """The Host documents of these files, or all their others (for which `hosts` have to be known), by path."""
        facts = "hosts" if hosts else self.facts()
        resting = self._digest("composed", facts, *map(_digest_of, self._holders))
        keys = {file.path: sha256(f"{resting}\0{_digest_of(file)}".encode()).hexdigest() for file in composed}
        cached = self.cache.get(COMPOSED, list(keys.values()))
        self.from_cache |= bool(cached)
        return {file.path: self._of_file(file, keys[file.path], cached, hosts=hosts) for file in composed}

    def facts(self) -> str:
        """The digest of all that documents may take from their surroundings."""
        known = [(name, dict(host.labels), host.body.get("default")) for name, host in self.hosts.items()]
        return self._digest("facts", self.default_host, dumps(known, sort_keys=True))

    def around(self) -> Around:
        """What the documents take in, read when it is first needed."""
        if self._around is None:
            values, problems = values_of(self.values, self.lines)
            self.problems += problems
            self._around = Around(schemas=self.schemas, roots=self.roots, lines=self.lines, values=values)
        return replace(self._around, hosts=self.hosts, default_host=self.default_host)

    def lines(self, path: str) -> Sequence[str]:
        """The text of a file, for messages that point into it."""
        if not self._texts:
            self._texts = {file.path: file.content for file in (*self.files, *self.values)}
        if path not in self._lines:
            self._lines[path] = self._texts.get(path, b"").decode(errors="replace").split("\n")
        return self._lines[path]

    def _of_file(self, file: SourceFile, key: str, cached: Mapping[str, str], *, hosts: bool) -> tuple[Document, ...]:
        row = cached.get(key)
        if row is not None:
            removed, _, rest = row.partition("\n")
            self.removed |= {Ref(kind, name) for kind, name in loads(removed)}
            return rows.read_documents(rest, file.path)
        found = self._composed(file, hosts=hosts)
        if not found.problems and not self.problems:
            self.fresh[key] = Row(tuple(found.documents), tuple(found.removed))
        self.problems += found.problems
        self.broken |= set(found.broken)
        self.removed |= set(found.removed)
        return tuple(found.documents)

    def _composed(self, file: SourceFile, *, hosts: bool) -> Composed:
        around = replace(self.around(), patches=by_target(self._read_patches()))
        return compose(file, around, hosts=hosts)

    def _read_patches(self) -> Sequence[Patch]:
        if self._patches is None:
            self._patches = list(self._each_patch())
        return self._patches

    def _each_patch(self) -> Iterator[Patch]:
        around = self.around()
        for file in self._holders:
            for node in _nodes(file):
                if is_patch(node):
                    try:
                        yield patch_of(node, around.filling({}))
                    except ManifestError as error:
                        self.problems += error.problems

    def _digest(self, *parts: str) -> str:
        values = (_digest_of(file) for file in self.values)
        return sha256("\0".join((self.about, *values, *parts)).encode()).hexdigest()


def _nodes(file: SourceFile) -> Iterator[Node]:
    loaded, _ = load(file.content, file.path)
    yield from (planted(each, file.path) for each in loaded)


def _digest_of(file: SourceFile) -> str:
    return sha256(f"{file.path}\0".encode() + file.content).hexdigest()


def written(row: Row) -> str:
    """The row as text."""
    return f"{dumps([(ref.kind, ref.name) for ref in row.removed])}\n{rows.write_documents(row.documents)}"


Private = Callable[[Document], bool]


def remember(cache: Cache, fresh: Mapping[str, Row], private: Private) -> None:
    """Keep what was composed for the next run, but nothing that holds a secret."""
    cache.put(COMPOSED, {key: written(row) for key, row in fresh.items() if not any(map(private, row.documents))})
