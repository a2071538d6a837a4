"""Kinds small enough to read at a glance, their schemas, and a desired state made of strings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler import codecs, entries, fields, markup, shapes
from reconciler.codecs import MEMORY, NAME, NAMES, TEXT, YES_NO, integer
from reconciler.errors import ManifestError, Problem, trouble
from reconciler.fields import Field, Group, Items, Node
from reconciler.kind import Context, Kind
from reconciler.manifest.check import Schemas
from reconciler.model.documents import Document, Need, Spec
from reconciler.model.refs import Ref
from reconciler.ports import SourceFile

DOMAIN: tuple[Node, ...] = (
    Field(name="profile", at="!profile", codec=NAMES, doc="The Profile underneath.", example="small", noted=True),
    Group(
        name="memory",
        doc="The memory.",
        fields=(
            Field(name="max", at="memory", codec=MEMORY, doc="The most.", example="2GiB"),
            Field(name="current", at="currentMemory", codec=MEMORY, doc="As much as now.", example="1GiB"),
        ),
        short=("max", "current"),
    ),
    Field(name="vcpus", at="vcpu", codec=integer(1, 64), doc="How many CPUs.", example=2),
    Field(name="title", at="title", codec=TEXT, doc="A title.", example="The web server"),
    Field(name="kind", at="@type", codec=codecs.choice("kvm", "qemu"), doc="What runs it.", example="kvm"),
    Field(name="password", at="graphics@passwd", codec=TEXT, doc="The password.", example="x", secret=True),
    Field(name="xml", at="!xml", codec=TEXT, doc="More.", example="<domain/>", noted=True),
    Items(
        name="disks",
        at="devices/disk",
        doc="The disks.",
        key="name",
        alias=True,
        fields=(
            Field(name="name", at="alias@name", codec=NAME, doc="Its name.", example="root", must=True),
            Field(name="size", at="!size", codec=codecs.VOLUME_SIZE, doc="Its size.", example="20GiB", noted=True),
            Field(name="volume", at="source@volume", codec=NAME, doc="Its volume.", example="web-root"),
            Field(name="pool", at="source@pool", codec=NAME, doc="The volume's pool.", example="default"),
            Field(name="format", at="driver@type", codec=NAME, doc="Its format.", example="qcow2"),
            Field(name="readonly", at="readonly", codec=codecs.PRESENT, doc="Whether read only.", example=True),
            Field(name="file", at="source@file", codec=codecs.PATH, doc="A file.", example="/srv/a"),
        ),
    ),
    Items(
        name="interfaces",
        at="devices/interface",
        doc="The interfaces.",
        short="network",
        fields=(
            Field(name="network", at="source@network", codec=NAME, doc="Its network.", example="lan"),
            Field(name="mac", at="mac@address", codec=codecs.MAC, doc="Its MAC.", example="52:54:00:00:00:01"),
            Field(name="external", at="!external", codec=YES_NO, doc="Not ours.", example=True, noted=True),
        ),
    ),
)
PLAIN: tuple[Node, ...] = (
    Field(name="default", at="!default", codec=YES_NO, doc="The default one.", example=True, noted=True),
    Field(name="uri", at="!uri", codec=TEXT, doc="Where it is.", example="qemu:///system", noted=True),
    Field(name="pool", at="!pool", codec=NAME, doc="The pool.", example="default", noted=True),
    Field(name="capacity", at="capacity", codec=codecs.VOLUME_SIZE, doc="Its size.", example="20GiB"),
    Field(name="format", at="target/format@type", codec=NAME, doc="Its format.", example="qcow2"),
    Field(name="backing", at="!backing", codec=NAME, doc="The volume below.", example="base", noted=True),
)


def _parse(nodes: tuple[Node, ...], needs: Callable[[Mapping[str, object]], Sequence[Need]]) -> Callable[..., Spec]:
    def parse(document: Document, context: Context) -> Spec:
        if document.body.get("title") == "wrong":
            raise trouble("R207", "a title cannot be wrong; choose another", document.place("spec", "title"))
        lowered = fields.lower(nodes, document.body)
        claims = dict(lowered.claims)
        if document.xml:
            claims |= markup.flatten(markup.parse(document.xml), {}, unit=1024, default_unit=1024)
        return Spec(
            ref=document.ref,
            host=context.host,
            claims=claims,
            lists=frozenset(lowered.lists),
            hints=lowered.hints,
            needs=tuple(needs(document.body)),
        )

    return parse


def _domain_needs(body: Mapping[str, object]) -> Iterator[Need]:
    for position, disk in enumerate(body.get("disks", [])):
        if "volume" in disk:
            ref = Ref("Volume", f"{disk.get('pool', 'default')}/{disk['volume']}")
            yield Need(ref, False, ("spec", "disks", position, "volume"))
    for position, interface in enumerate(body.get("interfaces", [])):
        entry = interface if isinstance(interface, Mapping) else {"network": interface}
        yield Need(Ref("Network", entry["network"]), entry.get("external", False), ("spec", "interfaces", position))


def _volume_needs(body: Mapping[str, object]) -> Iterator[Need]:
    if "backing" in body:
        yield Need(Ref("Volume", f"default/{body['backing']}"), False, ("spec", "backing"))


def _never(*arguments: object) -> object:
    raise AssertionError("reading manifests asks no host")


def _kind(name: str, root: str, nodes: tuple[Node, ...], needs: Callable[..., Sequence[Need]]) -> Kind:
    return Kind(
        name=name,
        folder=f"{name.lower()}s",
        root=root,
        rank=0,
        fields=nodes,
        table=entries.index(nodes),
        identities={},
        parse=_parse(nodes, needs),
        read=_never,
        dump=_never,
        rules=(),
        create=_never,
        update=_never,
        delete=_never,
        render=_never,
        observe=_never,
        perform=_never,
    )


KINDS: dict[str, Kind] = {
    "Domain": _kind("Domain", "domain", DOMAIN, _domain_needs),
    "Network": _kind("Network", "network", PLAIN, lambda body: ()),
    "Volume": _kind("Volume", "volume", PLAIN, _volume_needs),
    "Host": _kind("Host", "", PLAIN, lambda body: ()),
    "Profile": _kind("Profile", "", DOMAIN, lambda body: ()),
}


def _schema(kind: Kind) -> str:
    name = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._+-]*$"}
    metadata = {
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "properties": {"name": name, "host": name, "labels": {"type": "object"}},
    }
    return json.dumps(
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["apiVersion", "kind", "metadata", "spec"],
            "properties": {
                "apiVersion": {"const": "reconciler/v1"},
                "kind": {"const": kind.name},
                "metadata": metadata,
                "spec": shapes.schema(kind.fields),
            },
        }
    )


def schemas() -> Schemas:
    """The schemas of these kinds."""
    return Schemas(KINDS, lambda name: _schema(KINDS[name]))


def document(kind: str, name: str, spec: str = "{}", more: str = "") -> str:
    """The text of one document."""
    return f"apiVersion: reconciler/v1\nkind: {kind}\nmetadata: {{name: {name}{more}}}\nspec: {spec}\n"


@dataclass
class Texts:
    """`ports.Source` of texts by path."""

    texts: Mapping[str, str]
    problems: Sequence[Problem] = ()

    def files(self) -> Iterator[SourceFile]:
        for path, text in sorted(self.texts.items()):
            yield SourceFile(path, text.encode())
        if self.problems:
            raise ManifestError(self.problems)

    def text(self, path: str) -> SourceFile | None:
        found = self.texts.get(path)
        return SourceFile(path, found.encode()) if found is not None else None

    def at(self, path: str) -> Texts:
        raise trouble("R117", f"there is no directory {path}")

    def revision(self) -> str | None:
        return "abc"

    def owners(self) -> Sequence[str]:
        return ("git:abc",)


@dataclass
class Memory:
    """`ports.Cache` in a dictionary."""

    tables: dict[str, dict[str, str]] = field(default_factory=dict)

    def get(self, table: str, keys: Sequence[str]) -> dict[str, str]:
        rows = self.tables.get(table, {})
        return {key: rows[key] for key in keys if key in rows}

    def put(self, table: str, rows: Mapping[str, str]) -> None:
        self.tables.setdefault(table, {}).update(rows)
