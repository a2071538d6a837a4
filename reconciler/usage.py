"""Who uses what, as far as definitions tell: the machines on a network, the machines and volumes on a volume."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from reconciler import markup

# Names that are told before the rest is only counted.
NAMED = 5
# What libvirt reads a disk as where its format is not written.
RAW = "raw"
_SPECIAL = "&<>'\""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a volume is: its pool, its name there, and the paths that lead to it."""

    pool: str
    name: str
    paths: frozenset[str]


def place_of(name: str, definition: str) -> Place:
    """Where the volume `pool/name` of this definition is."""
    pool, _, volume = name.rpartition("/")
    root = markup.parse(definition)
    paths = (root.findtext(leaf) for leaf in ("key", "target/path"))
    return Place(pool, volume, frozenset(path for path in paths if path))


def uses(definition: str, place: Place) -> bool:
    """Whether a machine's definition names the volume anywhere.

    By pool and name, or by one of its paths: as a disk, a CD-ROM, a kernel, firmware settings, or, in the definition of
    a running machine, anywhere in the backing chain of a disk.
    """
    if not any(_mentions(definition, word) for word in (place.name, *place.paths)):
        return False
    return any(
        (element.get("pool"), element.get("volume")) == (place.pool, place.name)
        or not place.paths.isdisjoint(element.attrib.values())
        or (element.text or "").strip() in place.paths
        for element in markup.parse(definition).iter("*")
    )


def disks_on(definition: str, place: Place) -> list[tuple[str, str]]:
    """A machine's disks that are this volume itself: the target of each, and the format that its data is read in."""
    found = []
    for disk in markup.parse(definition).iterfind("devices/disk"):
        source, target, driver = disk.find("source"), disk.find("target"), disk.find("driver")
        if source is None or target is None:
            continue
        named = (source.get("pool"), source.get("volume")) == (place.pool, place.name)
        if named or not place.paths.isdisjoint((source.get("file", ""), source.get("dev", ""))):
            form = driver.get("type", RAW) if driver is not None else RAW
            found.append((target.get("dev", ""), form))
    return found


def uses_pool(definition: str, pool: str) -> bool:
    """Whether a machine's definition names volumes of this pool by its name."""
    if not _mentions(definition, pool):
        return False
    return any(source.get("pool") == pool for source in markup.parse(definition).iter("source"))


def stands_on(definition: str, place: Place) -> bool:
    """Whether the volume of this definition has the other one as its backing file."""
    if not any(_mentions(definition, path) for path in place.paths):
        return False
    return markup.parse(definition).findtext("backingStore/path") in place.paths


def on_network(running: str, network: str) -> bool:
    """Whether a running machine has an interface on a libvirt network."""
    if not _mentions(running, network):
        return False
    sources = markup.parse(running).iterfind("devices/interface/source")
    return any(source.get("network") == network for source in sources)


def _mentions(text: str, word: str) -> bool:
    """Whether a word may be in a definition; what XML spells otherwise is not looked for as it stands."""
    return word in text or any(letter in word for letter in _SPECIAL)


def named(users: Collection[str]) -> str:
    """`Domain/a, Domain/b and 3 more`."""
    listed = sorted(users)
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return ", ".join(listed[:NAMED]) + more
