"""`render --as yaml`: what a document says when all is merged and filled in, and where each value was written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from reconciler import entries
from reconciler.app import wiring
from reconciler.app.composing import is_encrypted
from reconciler.app.desired import NoCache, understood, work_with
from reconciler.app.plan import selected
from reconciler.app.settings import Selection, Settings
from reconciler.app.sources import collect, in_order
from reconciler.app.work import Work
from reconciler.errors import ManifestError, trouble
from reconciler.fields import Field, Group, Node
from reconciler.kind import Kind
from reconciler.manifest.check import label
from reconciler.manifest.link import Key
from reconciler.manifest.load import Path, load
from reconciler.manifest.write import resource, write_document
from reconciler.model.documents import Document, Spec
from reconciler.model.refs import Ref
from reconciler.model.secrets import HIDDEN, is_reference

DEFAULT = "default"
# Origins stand in one column, unless a line is longer than this.
WIDEST = 64


@dataclass(frozen=True, kw_only=True)
class Written:
    """One resource as it is asked for. `origins` has the place of each value by its path (`spec.disks[0].size`)."""

    ref: Ref
    host: str
    where: str
    document: Mapping[str, object]
    origins: Mapping[str, str]


def written(settings: Settings, selection: Selection) -> tuple[Written, ...]:
    """The selected resources, secrets hidden; no host is asked. Raises ManifestError, and R305 for an unknown one."""
    source = wiring.gathered(settings, selection)
    files, unreadable = collect(source)
    kinds, default = wiring.kinds(), wiring.host_name(settings.connect)
    vault = wiring.vault(settings, source)
    # From the cache come no places.
    work, specs, _ = understood(files, work_with(kinds, NoCache(), default, settings.owner, vault, source.values))
    if unreadable or work.problems:
        raise ManifestError(in_order((*unreadable, *work.problems)))
    for ref in selection.refs:
        if ref not in {known for _, known in specs}:
            raise trouble("R305", f"nothing declares {ref}")
    closed = frozenset(file.path for file in (*files, *source.values) if is_encrypted(file))
    wanted = selected(selection)
    return tuple(_written(key, work, specs[key], closed) for key in sorted(specs) if wanted(key[1]))


def _written(key: Key, work: Work, spec: Spec, closed: frozenset[str]) -> Written:
    host, ref = key
    document = work.origins[key]
    whole = resource(ref.kind, _metadata(document, host), _public(document, work.kinds[ref.kind], spec))
    shown = _without(whole, (), document, closed)
    origins = {label(path): _origin(document, path) for path in _leaves(shown, ())}
    return Written(ref=ref, host=host, where=document.place(), document=shown, origins=origins)


def _metadata(document: Document, host: str) -> dict[str, object]:
    name = document.ref.name.rpartition("/")[2] if document.ref.kind == "Volume" else document.ref.name
    said = {"host": host if document.ref.kind != "Host" else "", "labels": dict(document.labels)}
    said["movedFrom"] = document.moved_from
    return {"name": name, **{key: value for key, value in said.items() if value}}


def _public(document: Document, kind: Kind, spec: Spec) -> dict[str, object]:
    """The body without the values of secrets; libvirt's own words are left out whole where they hold one."""
    if document.xml is not None:
        body: dict[str, object] = {"xml": document.xml}
    else:
        body = _masked(kind.fields, document.body)
    secrets = entries.secrets(spec.claims, kind.table)
    open_ones = [text for text in (spec.claims[address] for address in secrets) if text and not is_reference(text)]
    if "xml" in body and open_ones and not _all_typed(kind.fields, document.body, open_ones):
        body["xml"] = HIDDEN
    return body


def _all_typed(nodes: Iterable[Node], body: Mapping[str, object], texts: list[str]) -> bool:
    """Whether every secret comes from a field of its own, and none from libvirt's own words."""
    return set(texts) <= {str(value) for value in _secrets(nodes, body)}


def _secrets(nodes: Iterable[Node], body: Mapping[str, object]) -> Iterator[object]:
    for node in nodes:
        value = body.get(node.name)
        if isinstance(node, Field):
            if node.secret and value is not None:
                yield value
        else:
            for entry in value if isinstance(value, list) else [value]:
                if isinstance(entry, Mapping):
                    yield from _secrets(node.fields, entry)


def _masked(nodes: Iterable[Node], body: Mapping[str, object]) -> dict[str, object]:
    """A body with `(hidden)` for each secret that is not merely referred to."""
    known = {node.name: node for node in nodes}
    return {name: _mask(known[name], value) if name in known else value for name, value in body.items()}


def _mask(node: Node, value: object) -> object:
    if isinstance(node, Field):
        return HIDDEN if node.secret and not isinstance(value, Mapping) else value
    if isinstance(value, list):
        return [_mask(node, entry) for entry in value]
    if isinstance(value, Mapping):
        return _masked(node.fields, value)
    short = node.short if isinstance(node, Group) else (node.short,)
    hidden = any(isinstance(each, Field) and each.secret and each.name in short for each in node.fields)
    return HIDDEN if hidden else value


def _without(value: object, path: Path, document: Document, closed: frozenset[str]) -> dict[str, object]:
    """The document with `(hidden)` for whatever stands in an encrypted file; names and labels are no secret."""
    found = _opened(value, path, document, closed)
    assert isinstance(found, dict)
    return found


def _opened(value: object, path: Path, document: Document, closed: frozenset[str]) -> object:
    if isinstance(value, Mapping):
        return {name: _opened(inner, (*path, name), document, closed) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_opened(inner, (*path, step), document, closed) for step, inner in enumerate(value)]
    place = document.places.get(path) or document.places[()]
    return HIDDEN if path[:1] == ("spec",) and place.file in closed else value


def _leaves(value: object, path: Path) -> Iterator[Path]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, list) and value:
        for step, inner in enumerate(value):
            yield from _leaves(inner, (*path, step))
    else:
        yield path


def _origin(document: Document, path: Path) -> str:
    """`web.yaml:7`, with what the document has it from in brackets; `default` for what nobody wrote."""
    place = document.places.get(path)
    made = ("metadata", "name") not in document.places
    if place is None and (
        document.xml is not None or path[0] in ("apiVersion", "kind") or (made and path[0] != "spec")
    ):
        # A document that another one made, or a file of libvirt's XML, has one place for what it is.
        place = document.places[()]
    if place is None:
        return DEFAULT
    return f"{place.file}:{place.line}" + (f" ({place.by})" if place.by else "")


def as_yaml(resources: Iterable[Written], *, origins: bool) -> str:
    """The documents as YAML, with the origin of each value beside it where that is wanted."""
    texts = (write_document(each.document) for each in resources) if not origins else map(_commented, resources)
    return "---\n".join(texts)


def _commented(each: Written) -> str:
    text = write_document(each.document)
    lines = text.split("\n")
    ((loaded,), _) = load(text.encode(), str(each.ref))
    marked = {spot[0] - 1: each.origins.get(label(path), "") for path, spot in loaded.places.items()}
    width = min(WIDEST, max(len(lines[number]) for number, origin in marked.items() if origin))
    for number, origin in marked.items():
        if origin:
            lines[number] = f"{lines[number]:<{width}}  # {origin}"
    return "\n".join(lines)
