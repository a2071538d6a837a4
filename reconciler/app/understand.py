"""From files to Specs, remembering on the way whatever a next run need not do again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from json import dumps

from reconciler import entries
from reconciler.app.composing import Composition, is_composed, remember
from reconciler.app.privacy import is_kept_secret, is_private
from reconciler.app.work import Work
from reconciler.engine.ignored import doubt
from reconciler.errors import ManifestError, trouble
from reconciler.kind import Context, Kind
from reconciler.manifest import images, link, rows
from reconciler.manifest.encrypted import no_key
from reconciler.manifest.link import Key
from reconciler.manifest.read import read
from reconciler.model.documents import Document, Mode, Spec
from reconciler.model.refs import Ref
from reconciler.model.secrets import is_reference
from reconciler.ports import SourceFile

DOCUMENTS, SPECS = "documents", "specs"
# Kinds whose names are those of no host.
_APART = ("Host", "Image", "Profile")


def understand(files: Iterable[SourceFile], work: Work) -> tuple[dict[Key, Spec], dict[str, Document]]:
    """The Specs and Host documents of these files; what is wrong goes to `work.problems`."""
    documents = work.documents = _documents(files, work)
    hosts = {each.ref.name: each for each in documents if each.ref.kind == "Host"}
    profiles = {each.ref.name: each for each in documents if each.ref.kind == "Profile"}
    work.declared += ((("", each.ref), each.place()) for each in documents if each.ref.kind in _APART)
    _judge_profiles(profiles, work)
    _judge_images(documents, work)
    specs = _specs(_placed(documents, hosts, work), profiles, work)
    specs = link.with_secrets(specs)
    _keep_images(specs, work)
    known = {(host, ref) for ref in work.known for host in (*hosts, work.default_host)}
    work.problems += link.duplicates(work.declared)
    work.problems += link.same_hosts(hosts.values())
    work.problems += link.unmet(specs, known, work.place_of)
    work.problems += link.cycles(specs, work.place_of)
    _remember(work)
    return specs, hosts


def _documents(files: Iterable[SourceFile], work: Work) -> list[Document]:
    """The documents of all files, in their order."""
    listed = list(files)
    composed = [each for each in listed if is_composed(each)]
    apart = {each.path for each in composed}
    found = _as_written((each for each in listed if each.path not in apart), work)
    if composed or work.values:
        work.composition = Composition(
            schemas=work.schemas,
            roots=_roots(work),
            cache=work.cache,
            about=work.build,
            default_host=work.default_host,
            files=listed,
            values=work.values,
        )
        found |= work.composition.run(composed, found)
        work.problems += work.composition.new_problems(work.problems)
        work.known |= work.composition.broken
        work.from_cache |= work.composition.from_cache
    return [document for each in listed for document in found.get(each.path, ())]


def _as_written(files: Iterable[SourceFile], work: Work) -> dict[str, tuple[Document, ...]]:
    """The documents of files that hold what they say, by path."""
    about = f"{work.build}\0"
    keyed = [(_file_key(about, each), each) for each in files]
    cached = work.cache.get(DOCUMENTS, [key for key, _ in keyed])
    work.from_cache |= bool(cached)
    roots = _roots(work)
    documents: dict[str, tuple[Document, ...]] = {}
    for key, each in keyed:
        row = cached.get(key)
        documents[each.path] = rows.read_documents(row, each.path) if row is not None else _read(key, each, roots, work)
    return documents


def _roots(work: Work) -> dict[str, str]:
    return {kind.root: name for name, kind in work.kinds.items() if kind.root}


def _file_key(about: str, file: SourceFile) -> str:
    return sha256(f"{about}{file.path}\0".encode() + file.content).hexdigest()


def _read(key: str, file: SourceFile, roots: Mapping[str, str], work: Work) -> tuple[Document, ...]:
    opened = work.vault.opened if work.vault else no_key
    found = read(file, work.schemas, roots, opened, partial(is_kept_secret, work.kinds))
    work.problems += found.problems
    work.known.update(found.broken)
    if found.private:
        work.private.update(each.digest for each in found.documents)
    if not found.problems:
        work.fresh[key] = found.documents
    return found.documents


def _placed(documents: Iterable[Document], hosts: Mapping[str, Document], work: Work) -> Iterator[tuple[str, Document]]:
    """Each document that describes an object, with its host. A Host is its own; a Profile or Image is no object."""
    for document in documents:
        if document.ref.kind not in work.kinds or document.ref.kind in ("Image", "Profile"):
            continue
        if document.ref.kind == "Host":
            yield document.ref.name, document
            continue
        try:
            yield link.host_of(document, hosts, work.default_host), document
        except ManifestError as error:
            work.blame(error, document.ref)


def _judge_profiles(profiles: Mapping[str, Document], work: Work) -> None:
    """Note what is wrong with the way Profiles stand on others, whether or not a document uses them."""
    for profile in profiles.values():
        if any(Ref("Profile", name) in work.known for name in profile.profiles):
            work.known.add(profile.ref)
            continue
        try:
            link.profiles_of(profile, profiles)
        except ManifestError as error:
            work.known.add(profile.ref)
            work.problems += (problem for problem in error.problems if problem not in work.problems)


def _judge_images(documents: Iterable[Document], work: Work) -> None:
    """Note the Images, and what is wrong with them."""
    for image in documents:
        if image.ref.kind == "Image":
            work.images[image.ref.name] = image
            if problems := list(images.image_problems(image)):
                work.blame(ManifestError(problems), image.ref)


def _keep_images(specs: dict[Key, Spec], work: Work) -> None:
    """The volumes that Images are kept as, where a volume needs them."""
    for host, document in images.kept_volumes(specs, work.images):
        work.origins.setdefault((host, document.ref), images.as_written(document))
        spec = _spec(host, document, work)
        specs.setdefault((host, spec.ref), spec)
        work.under.setdefault((host, spec.ref), (work.images[str(document.body["image"])],))
        work.declared.append(((host, spec.ref), spec.where))


@dataclass(frozen=True, slots=True)
class _Task:
    """One document on its way to Specs: all that they depend on, and the digest of it."""

    key: str
    host: str
    document: Document
    under: tuple[Document, ...]

    def is_private(self, private: Collection[str]) -> bool:
        """Whether anything that it is made of must not be kept."""
        return any(each.digest in private for each in (self.document, *self.under))


def _in_the_clear(spec: Spec, work: Work) -> bool:
    """Whether a secret's value stands in the document itself, and not only where it is kept."""
    found = entries.secrets(spec.claims, work.kinds[spec.ref.kind].table)
    return any(not is_reference(spec.claims[address]) for address in found)


def _specs(placed: Iterable[tuple[str, Document]], profiles: Mapping[str, Document], work: Work) -> dict[Key, Spec]:
    """The Specs of all documents."""
    tasks = list(_tasks(placed, profiles, work))
    cached = work.cache.get(SPECS, [task.key for task in tasks])
    work.from_cache |= bool(cached)
    specs: dict[Key, Spec] = {}
    fresh: dict[str, str] = {}
    for task in tasks:
        row = cached.get(task.key)
        found = rows.read_specs(row, task.host, task.document.place()) if row is not None else _made(task, fresh, work)
        for spec in found:
            key = (task.host, spec.ref)
            specs.setdefault(key, spec)
            if spec.ref.kind != "Host":
                work.declared.append((key, spec.where))
    work.cache.put(SPECS, fresh)
    return specs


def _tasks(placed: Iterable[tuple[str, Document]], profiles: Mapping[str, Document], work: Work) -> Iterator[_Task]:
    kept = "".join(image.digest for _, image in sorted(work.images.items()))
    about = f"{work.build}\0{work.owner}\0{kept}\0"
    for host, document in placed:
        if any(Ref("Profile", name) in work.known for name in document.profiles):
            # What is wrong with the Profile has been said.
            work.known.add(document.ref)
            continue
        try:
            under = link.profiles_of(document, profiles) if document.profiles else ()
        except ManifestError as error:
            work.blame(error, document.ref)
            continue
        taken = (work.composition.facts(),) if work.composition and any(each.template for each in under) else ()
        parts = "\0".join((host, document.digest, *(profile.digest for profile in under), *taken))
        yield _Task(sha256(f"{about}{parts}".encode()).hexdigest(), host, document, under)


def _made(task: _Task, fresh: dict[str, str], work: Work) -> tuple[Spec, ...]:
    """The Specs of one document, made now; `fresh` gets their row unless they hold a secret."""
    try:
        found = tuple(_lowered(task, work))
    except ManifestError as error:
        work.blame(error, task.document.ref)
        work.declared.append(((task.host, task.document.ref), task.document.place()))
        return ()
    if task.is_private(work.private) or any(_in_the_clear(spec, work) for spec in found):
        work.private.update(each.digest for each in (task.document, *task.under))
    else:
        fresh[task.key] = rows.write_specs(found)
    return found


def _lowered(task: _Task, work: Work) -> Iterator[Spec]:
    under = work.composition.filled(task.under, task.document, task.host) if work.composition else task.under
    mode: Mode | None = None
    for document in link.expand(task.document, under):
        whole = images.resolved(document, work.images, work.known) if document.ref.kind == "Volume" else document
        work.origins.setdefault((task.host, document.ref), document)
        spec = _spec(task.host, whole, work, mode)
        # What a document brings along (the volumes of its disks) binds no more than the document itself.
        mode = mode or spec.policy.mode
        work.under.setdefault((task.host, spec.ref), (task.document, *reversed(under)))
        yield spec


def _spec(host: str, document: Document, work: Work, mode: Mode | None = None) -> Spec:
    """What one document asks of one object, in its own mode unless another is given."""
    kind = work.kinds[document.ref.kind]
    spec = kind.parse(document, Context(host, work.owner))
    _check_ignored(kind, spec, document)
    spec = replace(spec, policy=replace(spec.policy, mode=mode or spec.policy.mode))
    if document.xml is not None:
        # A definition taken from a host refers to what that host has; nobody has to declare it.
        spec = replace(spec, needs=tuple(replace(need, external=True) for need in spec.needs))
    work.origins.setdefault((host, spec.ref), document)
    return replace(
        spec,
        where=document.place(),
        labels=document.labels,
        moved_from=document.moved_from,
        digest=digest_of(spec),
    )


def _check_ignored(kind: Kind, spec: Spec, document: Document) -> None:
    """Raises R203 for an entry of `ignoreFields` that can never match."""
    for place, pattern in enumerate(spec.policy.ignored):
        if why := doubt(kind.table, pattern):
            raise trouble("R203", f"{spec.ref}: {why}", document.place("spec", "ignoreFields", place))


def digest_of(spec: Spec) -> str:
    """Changes with everything that a Spec asks for, and with nothing else."""
    asked = [
        dict(spec.claims),
        sorted(spec.lists),
        dict(spec.hints),
        rows.policy_values(spec.policy),
        [(str(need.ref), need.external) for need in spec.needs],
    ]
    return sha256(dumps(asked, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _remember(work: Work) -> None:
    """Keep the new documents for the next run, but no file with a secret in it."""

    def private(document: Document) -> bool:
        return is_private(document, work.private, work.kinds)

    keep = {key: found for key, found in work.fresh.items() if not any(map(private, found))}
    work.cache.put(DOCUMENTS, {key: rows.write_documents(found) for key, found in keep.items()})
    if work.composition is not None and not work.problems:
        remember(work.cache, work.composition.fresh, private)
