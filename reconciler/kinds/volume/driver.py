"""Volumes on a host: look at all of them, and carry out one step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from reconciler import definitions, markup
from reconciler.errors import trouble
from reconciler.kinds.volume.handles import Connection, Domain, Pool, Volume
from reconciler.kinds.volume.upload import check, fill
from reconciler.kinds.volume.xml import BACKING, details, tidy
from reconciler.markup import Element
from reconciler.model.documents import UNKNOWN, Address, Observed
from reconciler.model.plans import KindStep, Step, Undefine
from reconciler.model.refs import Ref
from reconciler.ports import Clock, Handle

# libvirt's numbers (libvirt-storage.h, libvirt-domain.h).
POOLS_INACTIVE = 1
POOLS_ACTIVE = 2
DOMAINS_ACTIVE = 1
DOMAIN_XML_INACTIVE = 2
BLOCK_RESIZE_BYTES = 1
# virterror.h: VIR_ERR_NO_STORAGE_VOL.
NO_VOLUME = 50
# Pools whose volumes are files, which can have any format.
FILES = ("dir", "fs", "netfs", "gluster", "vstorage")


def observe(handle: Handle) -> Iterator[Observed]:
    """Every volume of the active pools, by pool and name. Of inactive pools nothing is known, see `unseen`."""
    connection = cast(Connection, handle)
    listed = _listed(connection)
    keys = {volume.key(): name for name, volume in listed.items()}
    for name in sorted(listed):
        text = _described(listed[name])
        if text is not None:
            yield _seen(name, text, keys)


def unseen(handle: Handle) -> frozenset[str]:
    """How the names of volumes begin that cannot be seen now, because their pools are inactive: `images/`."""
    connection = cast(Connection, handle)
    return frozenset(f"{pool.name()}/" for pool in connection.listAllStoragePools(POOLS_INACTIVE))


def look(handle: Handle, ref: Ref) -> Observed | None:
    """One volume; None if no active pool has it."""
    listed = _listed(cast(Connection, handle))
    text = _described(listed[ref.name]) if ref.name in listed else None
    if text is None:
        return None
    return _seen(ref.name, text, {volume.key(): name for name, volume in listed.items()})


def _described(volume: Volume) -> str | None:
    """Its definition; None where the file has gone and its pool has not noticed, as it does at a refresh."""
    try:
        return volume.XMLDesc(0)
    except Exception as error:
        if getattr(error, "get_error_code", lambda: None)() != NO_VOLUME:
            raise
        return None


def _listed(connection: Connection) -> dict[str, Volume]:
    """All volumes by `pool/name`: one call per active pool."""
    return {
        f"{pool.name()}/{volume.name()}": volume
        for pool in connection.listAllStoragePools(POOLS_ACTIVE)
        for volume in pool.listAllVolumes(0)
    }


def _seen(name: str, text: str, keys: Mapping[str, str]) -> Observed:
    xml = tidy(text)
    facts: dict[Address, str] = {"!pool": name.rpartition("/")[0], "!source": UNKNOWN, "!source.digest": UNKNOWN}
    backing = markup.parse(xml).findtext("backingStore/path")
    if backing:
        facts[BACKING] = keys.get(backing, backing)
    return definitions.witness(Ref("Volume", name), uuid="", xml=xml, live=None, facts=facts, details=details(text))


def perform(handle: Handle, ref: Ref, step: Step, clock: Clock) -> None:
    """Carry out one step. Raises what libvirt raises, R403 for a volume in use, R506 for one that is there already."""
    connection = cast(Connection, handle)
    name = ref.name.rpartition("/")[2]
    pool = connection.storagePoolLookupByName(ref.name.rpartition("/")[0])
    match step:
        case KindStep("create", arguments):
            _create(connection, pool, ref, arguments)
        case KindStep("check", arguments):
            check(arguments["source"], arguments["sha256"])
        case KindStep("resize", arguments):
            _resize(connection, pool, pool.storageVolLookupByName(name), int(arguments["capacity"]))
        case Undefine():
            volume = pool.storageVolLookupByName(name)
            _must_be_unused(connection, pool, volume, ref)
            volume.delete(0)
        case _:
            raise AssertionError(f"volumes have no step {step}")


def _create(connection: Connection, pool: Pool, ref: Ref, arguments: Mapping[str, str]) -> None:
    root = markup.parse(arguments["xml"])
    name = root.findtext("name") or ""
    if _lists(pool, name):
        pool.refresh(0)
    if _lists(pool, name):
        message = f"{ref} is there already, though the plan did not see it; plan again"
        raise trouble("R506", message)
    if "backing" in arguments:
        _write_backing(connection, root, arguments["backing"])
    if root.find("target/format") is None and _holds_files(pool):
        markup.graft(root, [("target/format@type", "qcow2")], {})
    if "source" in arguments:
        fill(connection, pool, root, arguments["source"], arguments.get("sha256", ""))
    else:
        pool.createXML(markup.serialise(root), 0)


def _lists(pool: Pool, name: str) -> bool:
    return any(volume.name() == name for volume in pool.listAllVolumes(0))


def _holds_files(pool: Pool) -> bool:
    return markup.parse(pool.XMLDesc(0)).get("type") in FILES


def _write_backing(connection: Connection, root: Element, backing: str) -> None:
    """Put the path of a `pool/volume` into the definition, and its format unless the document has given one."""
    pool, _, name = backing.rpartition("/")
    found = markup.parse(connection.storagePoolLookupByName(pool).storageVolLookupByName(name).XMLDesc(0))
    values = [("backingStore/path", found.findtext("target/path"))]
    form = found.find("target/format")
    if form is not None and root.find("backingStore/format") is None:
        values.append(("backingStore/format@type", form.get("type")))
    markup.graft(root, values, {})


def _resize(connection: Connection, pool: Pool, volume: Volume, capacity: int) -> None:
    """Grow it through the running guest where one has it open, so that the guest sees it; else in the pool."""
    for domain in connection.listAllDomains(DOMAINS_ACTIVE):
        for target in _targets(domain.XMLDesc(0), pool.name(), volume):
            domain.blockResize(target, capacity, BLOCK_RESIZE_BYTES)
            return
    volume.resize(capacity, 0)


def _targets(xml: str, pool: str, volume: Volume) -> list[str]:
    """The devices of a machine that are this volume."""
    path, name = volume.path(), volume.name()
    if path not in xml and name not in xml:
        return []
    found = []
    for disk in markup.parse(xml).iterfind("devices/disk"):
        source, target = disk.find("source"), disk.find("target")
        if source is None or target is None:
            continue
        named = (source.get("pool"), source.get("volume")) == (pool, name)
        if named or path in (source.get("file"), source.get("dev")):
            found.append(target.get("dev", ""))
    return found


def _must_be_unused(connection: Connection, pool: Pool, volume: Volume, ref: Ref) -> None:
    """Raises R403 while a machine has the volume among its disks or another volume stands on it."""
    users = [f"Domain/{domain.name()}" for domain in connection.listAllDomains(0) if _uses(domain, pool, volume)]
    path = volume.path()
    for name, other in _listed(connection).items():
        text = _described(other) if name != ref.name else None
        if text and markup.parse(text).findtext("backingStore/path") == path:
            users.append(f"Volume/{name}")
    if users:
        raise trouble("R403", f"{ref} is used by {', '.join(sorted(users))}; take it away there first")


def _uses(domain: Domain, pool: Pool, volume: Volume) -> bool:
    definitions_of = [domain.XMLDesc(DOMAIN_XML_INACTIVE)]
    if domain.isActive():
        definitions_of.append(domain.XMLDesc(0))
    return any(_targets(xml, pool.name(), volume) or _chained(xml, volume.path()) for xml in definitions_of)


def _chained(xml: str, path: str) -> bool:
    """Whether a machine's running disk stands on this file."""
    if path not in xml:
        return False
    return any(source.get("file") == path for source in markup.parse(xml).iterfind("devices/disk//backingStore/source"))
