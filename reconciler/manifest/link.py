"""Documents together: which host each goes to, what its Profiles add, and whether what it stands on is there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.errors import Problem, trouble
from reconciler.manifest.load import Path
from reconciler.manifest.merge import merged, on_pieces, settled
from reconciler.manifest.read import sealed
from reconciler.manifest.tree import EMPTY, Node, grown, places, plain
from reconciler.model.documents import Document, Need, Spec
from reconciler.model.refs import Ref
from reconciler.naming import DEFAULT_POOL, GIVEN_FILTERS

Key = tuple[str, Ref]
Way = tuple[str, ...]
SPEC: Path = ("spec",)
# Nobody can follow a longer way from Profile to Profile.
DEEPEST = 32
# A disk that has one of these needs no volume made.
_SOURCES = ("volume", "file", "block", "dir", "network", "nvme", "vhostUser")

# What a disk says of the volume that is made for it, and what the volume calls it.
_OF_VOLUME = {"size": "capacity", "image": "image", "clone": "clone", "imagePolicy": "imagePolicy"}

PlaceOf = Callable[[Spec, Need], str]

# Every libvirt installation has these by convention, whoever made them.
CONVENTIONAL = frozenset(
    {Ref("Network", "default"), Ref("Pool", "default"), *(Ref("NwFilter", name) for name in GIVEN_FILTERS)}
)


def host_of(document: Document, hosts: Mapping[str, Document], default_host: str) -> str:
    """The host a document goes to; `default_host` is "" where it is not known.

    Raises R302 for a host that nothing declares, R304 where none can be chosen.
    """
    if document.host is not None:
        if document.host in hosts or (not hosts and default_host in ("", document.host)):
            return document.host
        message = f"{document.ref} goes to host {document.host}, which no Host document declares; add one"
        raise trouble("R302", message, document.place("metadata", "host"))
    if not hosts:
        return default_host
    chosen = list(hosts) if len(hosts) == 1 else [name for name, host in hosts.items() if host.body.get("default")]
    if len(chosen) == 1:
        return chosen[0]
    choice = " or ".join(sorted(hosts))
    message = f"{document.ref} names no host; set metadata.host to {choice}, or mark one Host with default: true"
    raise trouble("R304", message, document.place("metadata"))


def duplicates(places: Iterable[tuple[Key, str]]) -> Iterator[Problem]:
    """A problem for each name that an earlier place has already."""
    first: dict[Key, str] = {}
    for key, where in places:
        if key in first:
            yield Problem("R301", f"{key[1]} is declared in {first[key]} already; rename or remove one of them", where)
        else:
            first[key] = where


def same_hosts(hosts: Iterable[Document]) -> Iterator[Problem]:
    """A problem for each Host document with an earlier one's URI: two names would mean two writers and two ledgers.

    Every connection of libvirt's test driver is a host of its own, whatever its URI.
    """
    first: dict[str, Document] = {}
    for host in hosts:
        uri = str(host.body.get("uri", ""))
        if uri and first.setdefault(uri, host) is not host and not uri.startswith("test:"):
            message = f"{host.ref} has the URI of {first[uri].ref} ({uri}); keep one of the two"
            yield Problem("R306", message, host.place("spec", "uri"))


def profiles_of(document: Document, profiles: Mapping[str, Document]) -> tuple[Document, ...]:
    """The Profiles underneath a document, the lowest first, each once: a Profile may stand on others.

    Raises R302 for a missing one, R307 where they stand on each other.
    """
    found: dict[str, Document] = {}
    _stack(document, profiles, found, (document.ref.name,) if document.ref.kind == "Profile" else ())
    return tuple(found.values())


def _stack(document: Document, profiles: Mapping[str, Document], found: dict[str, Document], way: Way) -> None:
    """Put what a document stands on into `found`, lowest first; `way` are the Profiles that led here."""
    for name in document.profiles:
        where = document.place("spec", "profile")
        if name in way:
            circle = " -> ".join(f"Profile/{each}" for each in (*way[way.index(name) :], name))
            raise trouble("R307", f"{circle} stand on each other; break the circle", where)
        if name not in profiles:
            raise trouble("R302", f"{document.ref} needs Profile/{name}, which nothing declares; add it", where)
        if len(way) >= DEEPEST:
            raise trouble("R307", f"more than {DEEPEST} Profiles stand on one another; merge some of them", where)
        if name not in found:
            _stack(profiles[name], profiles, found, (*way, name))
            found[name] = profiles[name]


def expand(document: Document, profiles: Sequence[Document]) -> tuple[Document, ...]:
    """The document with its Profiles merged underneath, and the volumes that its disks ask for."""
    if profiles:
        document = stacked(document, profiles)
    return _with_volumes(document) if document.ref.kind == "Domain" and document.xml is None else (document,)


def stacked(document: Document, profiles: Sequence[Document]) -> Document:
    """The document with its Profiles merged underneath, the lowest first, and every value at its own place."""
    whole = EMPTY
    for layer in (*(_body(profile, by=str(profile.ref)) for profile in profiles), _body(document)):
        whole = merged(whole, on_pieces(whole, layer))
    whole = settled(whole)
    around = {path: place for path, place in document.places.items() if path[:1] != SPEC or path == SPEC}
    return sealed(replace(document, body=plain(whole), profiles=(), places={**around, **places(whole, SPEC)}))


def _body(document: Document, by: str = "") -> Node:
    if not by:
        return grown(document.body, SPEC, document.places, {})
    known = {path: replace(each, by=f"{each.by}, {by}" if each.by else by) for path, each in document.places.items()}
    return grown(document.body, SPEC, known, {})


def _with_volumes(document: Document) -> tuple[Document, ...]:
    """A disk with a size or an image refers to a volume of its own, which gets a document. Raises R207."""
    disks: Any = document.body.get("disks", [])
    volumes: list[Document] = []
    rewritten: list[object] = []
    for position, disk in enumerate(disks):
        if isinstance(disk, Mapping) and ("size" in disk or "image" in disk):
            volumes.append(_volume_of(document, disk, position))
            rewritten.append(_referring(disk, volumes[-1]))
        else:
            rewritten.append(disk)
    if not volumes:
        return (document,)
    return (sealed(replace(document, body={**document.body, "disks": rewritten})), *volumes)


def _volume_of(document: Document, disk: Mapping[str, Any], position: int) -> Document:
    other = [source for source in _SOURCES if source in disk]
    asked = "size" if "size" in disk else "image"
    if other:
        message = f"{document.ref}: disk {disk['name']} has {asked} and {other[0]}; keep one of the two"
        raise trouble("R207", message, document.place("spec", "disks", position, asked))
    pool = disk.get("pool", DEFAULT_POOL)
    if document.moved_from:
        former = f"{document.moved_from}-{disk['name']}"
        message = f"{document.ref}: the volume of disk {disk['name']} keeps the name {former}"
        cure = f"declare Volume/{pool}/{former} and write volume: {former} instead of {asked}"
        raise trouble("R207", f"{message}; {cure}", document.place("spec", "disks", position, asked))
    name = f"{pool}/{document.ref.name}-{disk['name']}"
    place = document.places.get(("spec", "disks", position)) or document.places[()]
    body = {"pool": pool, "format": disk.get("format", "qcow2")}
    body |= {_OF_VOLUME[field]: disk[field] for field in _OF_VOLUME if field in disk}
    at = ("spec", "disks", position)
    inner = ((path[3:], found) for path, found in document.places.items() if path[:3] == at and path != at)
    spots = {("spec", _OF_VOLUME.get(str(path[0]), path[0]), *path[1:]): found for path, found in inner}
    spots[()] = place
    return sealed(
        Document(ref=Ref("Volume", name), host=document.host, labels=document.labels, body=body, places=spots)
    )


def _referring(disk: Mapping[str, Any], volume: Document) -> dict[str, Any]:
    """The disk with its volume in place of the size and image. What it says of pool and format is the same anyway."""
    pool, _, name = volume.ref.name.partition("/")
    rest = {key: value for key, value in disk.items() if key not in _OF_VOLUME}
    return {**rest, "volume": name, "pool": pool, "format": volume.body["format"]}


def with_secrets(specs: Mapping[Key, Spec]) -> dict[Key, Spec]:
    """The Specs, with the Ref of the document in place of each secret that is called by its UUID."""
    calling = {key for key, spec in specs.items() if any(need.ref.name.startswith("uuid/") for need in spec.needs)}
    if not calling:
        return dict(specs)
    known = {
        (host, f"uuid/{spec.claims.get('uuid')}"): ref for (host, ref), spec in specs.items() if ref.kind == "Secret"
    }
    return {key: _called(spec, known) if key in calling else spec for key, spec in specs.items()}


def _called(spec: Spec, known: Mapping[tuple[str, str], Ref]) -> Spec:
    needs = (replace(need, ref=known.get((spec.host, need.ref.name), need.ref)) for need in spec.needs)
    return replace(spec, needs=tuple(needs))


def unmet(specs: Mapping[Key, Spec], known: Collection[Key], place_of: PlaceOf) -> Iterator[Problem]:
    """References to what neither a document declares nor the user calls external. `known` are declared but wrong."""
    for (host, _), spec in specs.items():
        for need in spec.needs:
            key = (host, need.ref)
            if need.external or key in specs or key in known or need.ref in CONVENTIONAL:
                continue
            elsewhere = sorted(other for other, ref in specs if ref == need.ref)
            why = f"which is declared for host {elsewhere[0]} only" if elsewhere else "which nothing declares"
            cure = "add it, or set external: true beside the reference"
            yield Problem("R302", f"{spec.ref} needs {need.ref}, {why}; {cure}", place_of(spec, need))


def cycles(specs: Mapping[Key, Spec], place_of: PlaceOf) -> Iterator[Problem]:
    """Each circle of references once, at one of its references."""
    # What needs nothing ends every walk, so only references between the others can form a circle.
    inner = {key for key, spec in specs.items() if spec.needs}
    edges: dict[Key, dict[Key, Need]] = {}
    for key in inner:
        for need in specs[key].needs:
            if (key[0], need.ref) in inner:
                edges.setdefault(key, {})[key[0], need.ref] = need
    for circle in _circles(dict(sorted(edges.items()))):
        names = " -> ".join(str(ref) for _, ref in (*circle, circle[0]))
        following = circle[1] if len(circle) > 1 else circle[0]
        where = place_of(specs[circle[0]], edges[circle[0]][following])
        yield Problem("R303", f"{names} need each other; break the circle", where)


def _circles(edges: Mapping[Key, Mapping[Key, Need]]) -> Iterator[list[Key]]:
    """Circles found by walking down from each node in turn, without recursion: chains may be long."""
    done: set[Key] = set()
    for start in edges:
        path: dict[Key, None] = {}
        walks: list[Iterator[Key]] = [iter((start,))]
        while walks:
            node = next(walks[-1], None)
            if node is None:
                walks.pop()
                if path:
                    done.add(path.popitem()[0])
            elif node in path:
                above = list(path)
                yield above[above.index(node) :]
            elif node not in done and node in edges:
                path[node] = None
                walks.append(iter(edges[node]))
