"""From one file to its documents where it generates some, has placeholders, or is changed by patches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from reconciler.errors import ManifestError, Problem
from reconciler.manifest.check import Schemas
from reconciler.manifest.generate import GENERATE, Made, made
from reconciler.manifest.link import host_of
from reconciler.manifest.load import Loaded, load
from reconciler.manifest.merge import settled
from reconciler.manifest.overlays import PATH, block_column, one_by_one, overlay_problems
from reconciler.manifest.patches import Patch, is_patch, patched
from reconciler.manifest.placeholders import OPENS, Filling, Lines, holds
from reconciler.manifest.read import checked, document_of, named, ref_of, sealed, stands_on_profiles, with_block
from reconciler.manifest.tree import EMPTY, Node, grown, lifted, plain, planted, walk
from reconciler.model.documents import Document, Place
from reconciler.model.refs import Ref
from reconciler.ports import SourceFile

# How a host is called where nobody knows which it will be (`validate` without a Host document).
SOME_HOST = "host"


@dataclass(frozen=True, kw_only=True)
class Around:
    """What a document may take in: the values, the Host documents by name, and the patches by what they change."""

    schemas: Schemas
    roots: Mapping[str, str]
    lines: Lines
    values: Node = EMPTY
    hosts: Mapping[str, Document] = field(default_factory=dict)
    default_host: str = ""
    patches: Mapping[Ref, tuple[Patch, ...]] = field(default_factory=dict)

    def filling(self, known: Mapping[str, Node]) -> Filling:
        """What fills placeholders in, with these names and the values."""
        return Filling({"values": self.values, **known}, self.lines)


@dataclass(slots=True)
class Composed:
    """What a file holds. `broken` are resources that cannot be used, `removed` those that a patch takes away.

    At the places in `traps` something has been found wrong already.
    """

    documents: list[Document] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    broken: list[Ref] = field(default_factory=list)
    removed: list[Ref] = field(default_factory=list)
    traps: frozenset[str] = frozenset()

    def note(self, problems: list[Problem] | tuple[Problem, ...]) -> None:
        """Keep what is new of these: a generator makes one mistake many times, and a trap is said once."""
        fresh = (problem for problem in dict.fromkeys(problems) if problem.where not in self.traps)
        self.problems += (problem for problem in fresh if problem not in self.problems)


def compose(source: SourceFile, around: Around, *, hosts: bool) -> Composed:
    """The Host documents of a file, or all its others; what is wrong with the file itself is said with the others."""
    loaded, problems = load(source.content, source.path)
    found = Composed(problems=[] if hosts else problems, traps=frozenset(problem.where for problem in problems))
    for each in loaded:
        node = planted(each, source.path)
        if is_patch(node) or _is_host(node) != hosts:
            continue
        try:
            _generated(node, around, found)
        except ManifestError as error:
            found.note(error.problems)
            found.broken += (ref for ref in (named(each),) if ref is not None)
    return found


def _is_host(node: Node) -> bool:
    kind = node.at("kind")
    return kind is not None and kind.value == "Host"


def _generated(node: Node, around: Around, found: Composed) -> None:
    """Every document of one that may be a generator."""
    seen: set[tuple[str | None, Ref]] = set()
    for each in made(node, around.filling({}), around.hosts):
        one = _One(each, around)
        document = one.document(found)
        if document is None:
            continue
        key = (document.host, document.ref)
        if key in seen:
            found.note((_twice(node, document),))
            found.broken.append(document.ref)
            continue
        seen.add(key)
        found.documents.append(document)


def _twice(node: Node, document: Document) -> Problem:
    generator = node.value[GENERATE]
    name = node.at("metadata", "name")
    where = name.place if name is not None else node.place
    line = generator.key.line if generator.key is not None else ""
    message = f"{document.ref} is made twice by the generator in line {line}"
    return Problem(
        "R301", f"{message}; put ${{index}}, or what tells its entries apart, into metadata.name", str(where)
    )


class _One:
    """One document on its way: its name, its patches, its host, and then everything else."""

    def __init__(self, origin: Made, around: Around) -> None:
        self._node = origin.node
        self._known = dict(origin.known)
        self._around = around
        self._ref: Ref | None = None
        # Whether its XML is a list because patches have pieces of it too, and not because somebody wrote one.
        self._stacked = False

    def document(self, found: Composed) -> Document | None:
        """The document; None where it is wrong or removed, which goes to `found`."""
        try:
            self._name()
            if self._removed():
                found.removed += (self._ref,) if self._ref is not None else ()
                return None
            self._fill()
        except ManifestError as error:
            found.note(error.problems)
        else:
            layers = one_by_one(self._node) if self._stacked else [self._node]
            problems = list(dict.fromkeys(problem for each in layers for problem in self._problems(lifted(each))))
            if not problems:
                return self._made(layers)
            found.note(problems)
        ref = self._ref or named(lifted(self._node))
        found.broken += (ref,) if ref is not None else ()
        return None

    def _put(self, name: str, node: Node) -> None:
        self._node = replace(self._node, value={**self._node.value, name: node})

    def _filled(self, node: Node, path: tuple[str, ...] = ()) -> Node:
        """The part of the document at a path with its placeholders filled in. Raises ManifestError R116."""
        filling = self._around.filling(self._known)
        if "host" not in self._known and path and not _is_host(self._node):
            filling.silent = {"host": "host is not known here: the name and the host of a document do not depend on it"}
        whole = filling.fill(node, path)
        if filling.problems:
            raise ManifestError(filling.problems)
        return whole

    def _name(self) -> None:
        """Settle how the document is called, and lay its patches over it."""
        self._fill_name()
        kind, name, pool = (self._node.at(*path) for path in (("kind",), ("metadata", "name"), ("spec", "pool")))
        if kind is None or name is None or not isinstance(name.value, str) or not isinstance(kind.value, str):
            return
        said = self._filled(pool).value if pool is not None and kind.value == "Volume" else None
        self._ref = ref_of(kind.value, name.value, {"pool": said} if said is not None else {})
        over = [patch for patch in self._around.patches.get(self._ref, ()) if not patch.remove]
        if over:
            self._node = patched(self._node, over)
            xml = self._node.at(*PATH)
            self._stacked = xml is not None and isinstance(xml.value, list)
            self._fill_name()

    def _fill_name(self) -> None:
        metadata = self._node.at("metadata")
        if metadata is None or not isinstance(metadata.value, dict):
            return
        filled = {
            name: node if name == "labels" else self._filled(node, ("metadata", name))
            for name, node in metadata.value.items()
        }
        self._put("metadata", replace(metadata, value=filled))

    def _removed(self) -> bool:
        patches = self._around.patches.get(self._ref, ()) if self._ref is not None else ()
        return any(patch.remove for patch in patches)

    def _fill(self) -> None:
        """Fill in the labels, then the spec; that of a Profile is filled in for each document that stands on it."""
        metadata, spec = self._node.at("metadata"), self._node.at("spec")
        if self._ref is None or metadata is None:
            return
        if holds(self._node) and not _is_host(self._node):
            self._known["host"] = facts_of(self._around, self._host(metadata))
        labels = metadata.at("labels")
        self._known["metadata"] = replace(metadata, value={k: v for k, v in metadata.value.items() if k != "labels"})
        if labels is not None:
            metadata = replace(metadata, value={**metadata.value, "labels": self._filled(labels)})
            self._put("metadata", metadata)
            self._known["metadata"] = metadata
        if spec is not None and self._ref.kind != "Profile":
            spec = self._filled(spec, ("spec",))
            self._put("spec", spec)
        if spec is not None and self._ref in self._around.patches and not stands_on_profiles(plain(self._node)):
            self._put("spec", settled(spec))

    def _host(self, metadata: Node) -> str:
        """The host that the document goes to. Raises R302, R304."""
        assert self._ref is not None
        if self._ref.kind == "Profile":
            return ""
        named_host = metadata.at("host")
        places = {("metadata",): metadata.place, ("metadata", "host"): named_host.place if named_host else None}
        document = Document(
            ref=self._ref,
            host=str(named_host.value) if named_host is not None else None,
            labels={},
            body={},
            places={path: place for path, place in places.items() if place is not None},
        )
        return host_of(document, self._around.hosts, self._around.default_host)

    def _problems(self, loaded: Loaded) -> list[Problem]:
        """What is wrong with the outcome, each at the place where the user wrote it."""
        root = self._node.place
        file = root.file if root is not None else ""
        found = checked(loaded, self._around.schemas, file)
        if self._is_template():
            open_places = {str(node.place) for _, node in walk(self._node) if _is_open(node)}
            found = [problem for problem in found if problem.where not in open_places]
        else:
            found = found or _overlaid(loaded, self._around, file)
        sources = {str(node.place): node.place.by for _, node in walk(self._node) if node.place and node.place.by}
        return [_sourced(problem, sources.get(problem.where, "")) for problem in found]

    def _is_template(self) -> bool:
        spec = self._node.at("spec")
        return self._ref is not None and self._ref.kind == "Profile" and spec is not None and holds(spec)

    def _made(self, layers: list[Node]) -> Document:
        root = self._node.place
        document = document_of(lifted(self._node), root.file if root is not None else "")
        for number, each in enumerate(layers):
            loaded = lifted(each)
            text = loaded.origins.get(PATH)
            if text is not None:
                path = (*PATH, number) if len(layers) > 1 else PATH
                document = with_block(document, block_column(loaded, self._around.lines(text.file)), path)
        return sealed(replace(document, template=True)) if self._is_template() else document


def _is_open(node: Node) -> bool:
    return isinstance(node.value, str) and OPENS in node.value


def _sourced(problem: Problem, source: str) -> Problem:
    return replace(problem, message=f"{problem.message} (from {source})") if source else problem


def _overlaid(loaded: Loaded, around: Around, file: str) -> list[Problem]:
    place = loaded.origins.get(PATH)
    if place is None:
        return []
    return list(overlay_problems(loaded, around.lines(place.file), place.file, around.roots))


def facts_of(around: Around, host: str) -> Node:
    """What documents may know of the host that they go to."""
    document = around.hosts.get(host)
    if document is None:
        return Node({"name": Node(host or SOME_HOST), "labels": EMPTY})
    labels = grown(dict(document.labels), ("metadata", "labels"), document.places, {})
    name = Node(document.ref.name, document.places.get(("metadata", "name"), document.places.get(())))
    return Node({"name": name, "labels": labels})


def filled_profile(profile: Document, document: Document, host: str, around: Around) -> Document:
    """A Profile with placeholders, for one document that stands on it. Raises ManifestError for what then is wrong."""
    spots = document.places
    about: dict[str, object] = {"name": document.ref.name, "labels": dict(document.labels)}
    known = {"host": facts_of(around, host), "metadata": grown(about, ("metadata",), spots, {})}
    filling = around.filling(known)
    body = filling.fill(grown(profile.body, ("spec",), profile.places, {}), ("spec",))
    problems = filling.problems or _judged(profile, body, around)
    if problems:
        raise ManifestError([replace(each, message=f"{each.message} (for {document.ref})") for each in problems])
    places: dict[tuple[str | int, ...], Place] = {
        path: node.place for path, node in walk(body, ("spec",)) if node.place
    }
    return replace(profile, body=plain(body), places={**profile.places, **places}, template=False)


def _judged(profile: Document, body: Node, around: Around) -> list[Problem]:
    """What is wrong with a Profile that has been filled in."""
    around_it = {"apiVersion": Node("reconciler/v1"), "kind": Node("Profile"), "spec": body}
    name = Node({"name": Node(profile.ref.name)})
    root = Node({**around_it, "metadata": name}, profile.places.get(()))
    file = profile.places[()].file
    layers = map(lifted, one_by_one(root))
    found = (
        problem for each in layers for problem in checked(each, around.schemas, file) or _overlaid(each, around, file)
    )
    return list(dict.fromkeys(found))
