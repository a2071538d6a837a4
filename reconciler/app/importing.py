"""From one object, on a host or in a file, to the manifest that would claim it."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from reconciler.errors import ManifestError, Problem, ReconcilerError, trouble
from reconciler.kind import Context, Kind
from reconciler.manifest.check import Schemas
from reconciler.manifest.load import Loaded
from reconciler.manifest.placeholders import escaped
from reconciler.manifest.read import document_of, read_definition
from reconciler.manifest.write import resource, write_document
from reconciler.model.addresses import pattern_of
from reconciler.model.documents import Texts
from reconciler.model.refs import Ref

# libvirt keeps a link to each definition that starts with its host in a directory of this name.
AUTOSTART = "autostart"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One object to import: its definition, and what no definition holds as far as it is known.

    `host` is what the manifest says of it, "" for nothing; `where` is where it was found, for messages.
    """

    ref: Ref
    host: str
    where: str
    xml: str
    facts: Texts = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A manifest. `rest` names the elements that stand in `xml:`, without their keys: `devices/shmem/size`."""

    ref: Ref
    host: str
    text: str
    rest: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """What files define. `passed` are those below a directory that define nothing known here."""

    found: tuple[Found, ...]
    problems: tuple[Problem, ...]
    passed: tuple[Path, ...]


def draft(found: Found, kind: Kind, schemas: Schemas) -> Draft:
    """The manifest of one object. Raises R806 whatever it is that goes wrong: the others are not to suffer from it."""
    try:
        return _draft(found, kind, schemas)
    except ReconcilerError as error:
        raise trouble("R806", f"{found.ref} cannot be imported: {error.problems[0].message}", found.where) from error
    except Exception as error:
        # The bug is told with the place in our code that it is at.
        at = traceback.extract_tb(error.__traceback__)[-1]
        told = f"{type(error).__name__}: {error} ({Path(at.filename).name}:{at.lineno})"
        raise trouble("R806", f"{found.ref} cannot be imported, by a bug in reconciler: {told}", found.where) from error


def _draft(found: Found, kind: Kind, schemas: Schemas) -> Draft:
    metadata: dict[str, object] = {"name": found.ref.name.rpartition("/")[2]}
    if found.host:
        metadata["host"] = found.host
    body = kind.dumped(found.xml, found.facts) if kind.dumped else kind.dump({**kind.read(found.xml), **found.facts})
    document = resource(kind.name, metadata, body)
    _prove(Loaded(document, {(): (1, 1)}), kind, schemas)
    # Whatever stands in a definition is no placeholder.
    meant = resource(kind.name, metadata, {name: escaped(value) for name, value in body.items()})
    rest = _elements(str(body["xml"])) if "xml" in body else ()
    return Draft(ref=found.ref, host=found.host, text=write_document(meant), rest=rest)


def _prove(loaded: Loaded, kind: Kind, schemas: Schemas) -> None:
    """Raise ManifestError where the next plan would not take this document; one would spoil all the others for it."""
    problems = schemas.check(loaded, "")
    if problems:
        raise ManifestError(problems)
    if not kind.proven:
        kind.parse(document_of(loaded, ""), Context(""))


@lru_cache(maxsize=1024)  # Machines that are alike have the same rest.
def _elements(xml: str) -> tuple[str, ...]:
    """The elements of a piece of XML that say something, by their names, each once."""
    from reconciler import markup

    spoken = (
        address
        for address, element in markup.walk(markup.parse(xml), {})
        if element.attrib or (element.text or "").strip() or not len(element)
    )
    return tuple(sorted({unquote(pattern_of(address).replace("[]", "")) for address in spoken}))


def from_files(paths: Iterable[Path], kinds: Mapping[str, Kind]) -> Gathered:
    """What these files define, and those below these directories, each object once.

    A problem is R301 for an object that two files define differently, R111 for a file that was named and defines
    nothing; what is wrong with a single file is told and keeps none of the others.
    """
    problems: list[Problem] = []
    passed: list[Path] = []
    found: dict[Ref, Found] = {}
    started: set[Ref] = set()
    for path, named in _listed(paths):
        try:
            each = _defined(path, kinds)
        except ReconcilerError as error:
            if named or {problem.number for problem in error.problems} != {"R111"}:
                problems += error.problems
            else:
                passed.append(path)
            continue
        if path.parent.name == AUTOSTART:
            started.add(each.ref)
        first = found.setdefault(each.ref, each)
        if first.xml != each.xml:
            message = f"{each.ref} is defined otherwise in {first.where}; import one of them only"
            problems.append(Problem("R301", message, each.where))
    listed = tuple(_with_facts(found, started, kinds))
    return Gathered(found=listed, problems=tuple(problems), passed=tuple(passed))


def _listed(paths: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """Every file, and whether it was named; of a directory those that end in .xml, links to definitions last."""
    for path in paths:
        if path.is_dir():
            inside = sorted(path.rglob("*.xml"), key=lambda each: (each.parent.name == AUTOSTART, each))
            yield from ((each, False) for each in inside if each.is_file())
        else:
            yield path, True


def _defined(path: Path, kinds: Mapping[str, Kind]) -> Found:
    """What one file defines. Raises ManifestError."""
    from reconciler.adapters.files import read_file

    roots = {kind.root: name for name, kind in kinds.items() if kind.root}
    reading = read_definition(read_file(path), roots)
    if reading.problems:
        raise ManifestError(reading.problems)
    (document,) = reading.documents
    return Found(ref=document.ref, host="", where=str(path), xml=document.xml or "")


def _with_facts(found: Mapping[Ref, Found], started: set[Ref], kinds: Mapping[str, Kind]) -> Iterator[Found]:
    """The objects in the order of their Refs, with what can be told of them from the other files."""
    pools = {_directory(each, kinds): ref.name for ref, each in found.items() if ref.kind == "Pool"}
    for ref, each in sorted(found.items()):
        if ref.kind == "Volume":
            yield _in_pool(each, pools, kinds)
        else:
            yield replace(each, facts={"!autostart": "yes"}) if ref in started else each


def _directory(pool: Found, kinds: Mapping[str, Kind]) -> str:
    return kinds["Pool"].read(pool.xml).get("target/path", "")


def _in_pool(volume: Found, pools: Mapping[str, str], kinds: Mapping[str, Kind]) -> Found:
    """The volume with the pool whose directory it is in; its definition does not name it."""
    from reconciler import markup

    path = (markup.parse(volume.xml).findtext("target/path") or "").strip()
    pool = pools.get(path.rpartition("/")[0], volume.ref.name.partition("/")[0])
    name = volume.ref.name.partition("/")[2]
    return replace(volume, ref=Ref("Volume", f"{pool}/{name}"), facts={"!pool": pool})
