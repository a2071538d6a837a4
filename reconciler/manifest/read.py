"""From one file to its documents: YAML resources, or a plain libvirt XML file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from json import dumps
from typing import TYPE_CHECKING, Any

from reconciler.errors import Problem, ReconcilerError
from reconciler.manifest.check import Schemas
from reconciler.manifest.encrypted import BLOCK, Opened, Secretive, in_the_clear, no_key, nothing_secret
from reconciler.manifest.load import Loaded, Path, decode, load
from reconciler.manifest.merge import settled
from reconciler.manifest.overlays import PATH, block_column, overlay_problems
from reconciler.manifest.tree import lifted, planted, walk
from reconciler.model.documents import Document, Place
from reconciler.model.refs import Ref
from reconciler.naming import defined_name, needed_name, written_name
from reconciler.ports import LIMIT_XML, SourceFile

if TYPE_CHECKING:
    from reconciler.markup import Element

# libvirt itself takes more in a name than a manifest does, but a slash or a control character in none
# (virXMLCheckIllegalChars), and a name has to fit into a file name of the ledger.
_XML_NAME = re.compile(r"(?!\.+\Z)[^/\x00-\x1f\x7f]{1,200}")
_ENCODING = re.compile(r"\s*<\?xml[^>]*\bencoding\s*=\s*[\"']([^\"']*)[\"']")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file holds. `broken` are the resources that it names but that cannot be used."""

    documents: tuple[Document, ...] = ()
    problems: tuple[Problem, ...] = ()
    broken: tuple[Ref, ...] = ()
    private: bool = False


def read(
    source: SourceFile,
    schemas: Schemas,
    roots: Mapping[str, str],
    opened: Opened = no_key,
    secretive: Secretive = nothing_secret,
) -> Reading:
    """The documents of a file; `roots` maps the root elements of libvirt's XML to kinds.

    A file that SOPS has encrypted is opened; one that holds no resources is left to those who refer to it. What is
    encrypted has to be `secretive` (R122): from then on, only that keeps it secret.
    """
    if source.path.endswith(".xml"):
        return read_definition(source, roots)
    loaded, problems = load(source.content, source.path)
    private = any(isinstance(each.value, Mapping) and BLOCK in each.value for each in loaded)
    if private and not problems:
        if not any("apiVersion" in each.value for each in loaded if isinstance(each.value, Mapping)):
            return Reading()
        try:
            loaded = in_the_clear(loaded, source.path, opened, secretive)
        except ReconcilerError as error:
            refs = (named(each) for each in loaded)
            return Reading(problems=error.problems, broken=tuple(ref for ref in refs if ref is not None))
    lines = source.content.decode(errors="replace").split("\n")
    documents: list[Document] = []
    broken: list[Ref] = []
    for each in loaded:
        found = checked(each, schemas, source.path)
        problems += _unsaid(found, problems)
        overlaid = () if found else tuple(overlay_problems(each, lines, source.path, roots))
        problems += overlaid
        if not found and not overlaid:
            documents.append(with_block(document_of(each, source.path), block_column(each, lines)))
        elif (ref := named(each)) is not None:
            broken.append(ref)
    return Reading(tuple(documents), tuple(problems), tuple(broken), private)


def with_block(document: Document, column: int, path: Path = PATH) -> Document:
    """The document, with where the lines of its XML at a path begin."""
    if not column:
        return document
    return replace(document, places={**document.places, path: replace(document.places[path], block=column)})


def checked(loaded: Loaded, schemas: Schemas, file: str) -> list[Problem]:
    """What is wrong with a document; where it stands on Profiles, it may also take away what they give."""
    found = schemas.check(loaded, file)
    if not found or not stands_on_profiles(loaded.value):
        return found
    whole = planted(loaded, file)
    kept = replace(whole, value={**whole.value, "spec": settled(whole.value["spec"])})
    gone = {str(node.key) for _, node in walk(whole) if node.value is None and node.key is not None}
    unknown = [problem for problem in found if problem.number == "R203" and problem.where in gone]
    return [*unknown, *schemas.check(lifted(kept), file)]


def stands_on_profiles(value: object) -> bool:
    spec = value.get("spec") if isinstance(value, dict) else None
    return isinstance(value, dict) and isinstance(spec, dict) and (value.get("kind") == "Profile" or "profile" in spec)


def _unsaid(found: list[Problem], said: list[Problem]) -> list[Problem]:
    """The problems at places where nothing has been said yet: a trap is one mistake, not two."""
    places = {problem.where for problem in said}
    return [problem for problem in found if problem.where not in places]


def named(loaded: Loaded) -> Ref | None:
    """The Ref of a document that may be wrong, as far as it can be told."""
    value = loaded.value
    metadata = value.get("metadata") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(metadata, dict):
        return None
    spec, kind, name = value.get("spec"), value.get("kind"), metadata.get("name")
    if not isinstance(kind, str) or not isinstance(name, str):
        return None
    return ref_of(kind, name, spec if isinstance(spec, dict) else {})


def ref_of(kind: str, name: str, body: Mapping[str, object]) -> Ref:
    """How a document is called."""
    return Ref(kind, written_name(kind, name, body))


def document_of(loaded: Loaded, file: str) -> Document:
    """The document that a valid value is."""
    value: Any = loaded.value
    metadata: dict[str, Any] = value["metadata"]
    body: dict[str, object] = value.get("spec") or {}
    profile: Any = body.get("profile", [])
    return sealed(
        Document(
            ref=ref_of(value["kind"], metadata["name"], body),
            host=metadata.get("host"),
            labels=metadata.get("labels") or {},
            moved_from=metadata.get("movedFrom", ""),
            body={name: inner for name, inner in body.items() if name != "profile"},
            profiles=(profile,) if isinstance(profile, str) else tuple(profile),
            places=loaded.origins or {path: Place(file, *spot) for path, spot in loaded.places.items()},
        )
    )


def sealed(document: Document) -> Document:
    """The document with the digest of all that it says."""
    said = [
        document.ref.kind,
        document.ref.name,
        document.host,
        dict(document.labels),
        document.moved_from,
        document.body,
        document.xml,
        document.profiles,
        # What is written literally is not what is to be filled in.
        *(("template",) if document.template else ()),
    ]
    text = dumps(said, sort_keys=True, separators=(",", ":"))
    return replace(document, digest=sha256(text.encode()).hexdigest())


def read_definition(source: SourceFile, roots: Mapping[str, str]) -> Reading:
    """The resource that a file of libvirt's XML defines, whatever the file is called."""
    file = source.path
    if len(source.content) > LIMIT_XML:
        return Reading(problems=(Problem("R103", "the file is larger than 4 MiB; split it", f"{file}:1:1"),))
    text, problems = decode(source.content, file)
    named = _ENCODING.match(text)
    if named is not None and named[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        problems = [Problem("R102", f"the XML says it is {named[1]}; save it as UTF-8", f"{file}:1:1")]
    if problems:
        return Reading(problems=tuple(problems))
    from reconciler import markup  # lxml takes 15 ms, and most repositories hold no XML files.

    try:
        root = markup.parse(text, file)
    except ReconcilerError as error:
        return Reading(problems=error.problems)
    return _xml_resource(root, text, file, roots)


def _xml_resource(root: Element, text: str, file: str, roots: Mapping[str, str]) -> Reading:
    place = Place(file, root.sourceline or 1, 1)
    tag = str(root.tag)
    kind = roots.get(tag)
    if kind is None:
        known = ", ".join(f"<{name}>" for name in sorted(roots))
        return Reading(problems=(Problem("R111", f"<{tag}> is no resource; known are {known}", str(place)),))
    holder, name = root.find("name"), defined_name(root)
    if not name:
        return Reading(problems=(Problem("R205", f"<{tag}> lacks {needed_name(root)}; add it", str(place)),))
    if tag != "secret" and _XML_NAME.fullmatch(name) is None:
        where = f"{file}:{holder.sourceline if holder is not None else 1}:1"
        return Reading(problems=(Problem("R206", f"the name {name[:60]!r} is not usable; choose another", where),))
    ref = Ref(kind, name) if kind == "Secret" else ref_of(kind, name, {})
    document = Document(ref=ref, host=None, labels={}, body={}, xml=text, places={(): place})
    return Reading((sealed(document),))
