"""Volumes on a host: look at all of them, and carry out one step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from reconciler import definitions, markup, usage
from reconciler.errors import trouble
from reconciler.kinds.volume import upload
from reconciler.kinds.volume.handles import Connection, Domain, Pool, Volume
from reconciler.kinds.volume.seeding import is_seed, sow
from reconciler.kinds.volume.table import HISTORY
from reconciler.kinds.volume.xml import BACKING, details, tidy
from reconciler.markup import Element
from reconciler.model.documents import UNKNOWN, Address, Observed
from reconciler.model.plans import KindStep, Step, Undefine
from reconciler.model.quantities import format_size
from reconciler.model.refs import Ref
from reconciler.ports import Clock, Content, Handle, error_code

# libvirt's numbers (libvirt-storage.h, libvirt-domain.h).
POOLS_INACTIVE = 1
POOLS_ACTIVE = 2
DOMAINS_ACTIVE = 1
DOMAINS_SAVED = 256
DOMAIN_XML_INACTIVE = 2
BLOCK_RESIZE_BYTES = 1
# virterror.h: VIR_ERR_NO_STORAGE_VOL.
NO_VOLUME = 50
# Formats that have a size of their own inside.
IMAGES = ("qcow2", "qcow", "qed", "vmdk", "vdi", "vpc")


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
        if error_code(error) != NO_VOLUME:
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
    facts: dict[Address, str] = {"!pool": name.rpartition("/")[0], **dict.fromkeys(HISTORY, UNKNOWN)}
    backing = markup.parse(xml).findtext("backingStore/path")
    if backing:
        facts[BACKING] = keys.get(backing, backing)
    return definitions.witness(Ref("Volume", name), uuid="", xml=xml, live=None, facts=facts, details=details(text))


def perform(handle: Handle, ref: Ref, step: Step, clock: Clock) -> None:
    """Carry out one step. Raises what libvirt raises, R403 for a volume in use, R506 for one that is there already."""
    connection = cast(Connection, handle)
    name = ref.name.rpartition("/")[2]
    if isinstance(step, KindStep) and step.name == "discard":
        _discard(connection, ref, step.arguments["machine"])
        return
    pool = connection.storagePoolLookupByName(ref.name.rpartition("/")[0])
    match step:
        case KindStep("create", arguments):
            _create(connection, pool, ref, arguments)
        case KindStep("remove", arguments):
            volume = pool.storageVolLookupByName(name)
            _must_be_unused(connection, volume, ref, arguments["machine"])
            volume.delete(0)
        case KindStep("sow", arguments):
            sow(connection, pool, name, arguments)
        case KindStep("resize", arguments):
            _resize(connection, ref, pool.storageVolLookupByName(name), int(arguments["capacity"]))
        case Undefine():
            volume = pool.storageVolLookupByName(name)
            _must_be_unused(connection, volume, ref)
            volume.delete(0)
        case _:
            raise AssertionError(f"volumes have no step {step}")


def fill(handle: Handle, ref: Ref, step: KindStep, content: Content) -> None:
    """Make a volume of content from outside. Raises what libvirt raises, and R405, R506, R622 and R623."""
    connection = cast(Connection, handle)
    pool = connection.storagePoolLookupByName(ref.name.rpartition("/")[0])
    upload.fill(connection, pool, _begun(pool, ref, step.arguments), content)


def _create(connection: Connection, pool: Pool, ref: Ref, arguments: Mapping[str, str]) -> None:
    root = _begun(pool, ref, arguments)
    if "volume" in arguments:
        above, _, name = arguments["volume"].rpartition("/")
        upload.copy(pool, root, connection.storagePoolLookupByName(above).storageVolLookupByName(name))
        return
    if "backing" in arguments:
        below = _write_backing(connection, root, arguments["backing"])
        if "image" in arguments:
            _must_hold(pool, root, below, ref)
    pool.createXML(markup.serialise(root), 0)


def _begun(pool: Pool, ref: Ref, arguments: Mapping[str, str]) -> Element:
    """The definition of a new volume, in the pool's usual format unless it has one. Raises R506 if it is there."""
    root = markup.parse(arguments["xml"])
    name = root.findtext("name") or ""
    if _lists(pool, name):
        pool.refresh(0)
    if _lists(pool, name):
        message = f"{ref} is there already, though the plan did not see it; plan again"
        raise trouble("R506", message)
    if root.find("target/format") is None and upload.holds_files(pool):
        markup.graft(root, [("target/format@type", "qcow2")], {})
    return root


def _lists(pool: Pool, name: str) -> bool:
    return any(volume.name() == name for volume in pool.listAllVolumes(0))


def _write_backing(connection: Connection, root: Element, backing: str) -> Element:
    """Put the path of a `pool/volume` into the definition, and its format unless the document has given one.

    Gives that volume's definition.
    """
    pool, _, name = backing.rpartition("/")
    found = markup.parse(connection.storagePoolLookupByName(pool).storageVolLookupByName(name).XMLDesc(0))
    values = [("backingStore/path", found.findtext("target/path"))]
    form = found.find("target/format")
    if form is not None and root.find("backingStore/format") is None:
        # To QEMU an ISO image is raw; libvirt calls it iso because of what is inside.
        values.append(("backingStore/format@type", form.get("type", "").replace("iso", "raw")))
    markup.graft(root, values, {})
    return found


def _must_hold(pool: Pool, root: Element, image: Element, ref: Ref) -> None:
    """Raise R405 for a volume that cannot stand on its image: smaller than that, or no file."""
    wanted, least = (int(each.findtext("capacity") or "0") for each in (root, image))
    if 0 < wanted < least:
        message = f"{ref} asks for {format_size(wanted)}, but its image has {format_size(least)}; ask for more"
        raise trouble("R405", message)
    if not upload.holds_files(pool):
        raise trouble("R405", f"{ref} cannot stand on an image: {pool.name()} holds no files; write clone: copy")


def _resize(connection: Connection, ref: Ref, volume: Volume, capacity: int) -> None:
    """Grow it through the running guests that have it open, so that they see it; else in the pool. Raises R403.

    libvirt shrinks a running guest's disk without a word (blockResize, 9.0), so it is asked for the size once more.
    """
    text = volume.XMLDesc(0)
    place = usage.place_of(ref.name, text)
    running = [(domain, domain.XMLDesc(0)) for domain in connection.listAllDomains(DOMAINS_ACTIVE)]
    using = [(domain, usage.disks_on(xml, place)) for domain, xml in running if usage.uses(xml, place)]
    _must_be_growable(ref, text, using)
    opened = [(domain, target) for domain, disks in using for target, _ in disks]
    size = max(volume.info()[1], *(domain.blockInfo(target)[0] for domain, target in opened), 0)
    if capacity < size:
        message = f"{ref} has {format_size(size)} by now; {format_size(capacity)} would cut off its end"
        raise trouble("R403", message)
    for domain, target in opened:
        domain.blockResize(target, capacity, BLOCK_RESIZE_BYTES)
    if not opened and capacity > size:
        volume.resize(capacity, 0)


def _must_be_growable(ref: Ref, text: str, using: Sequence[tuple[Domain, list[tuple[str, str]]]]) -> None:
    """Raises R403 where a running guest has the volume below a disk of its own, or reads an image as if it were raw."""
    below = [f"Domain/{domain.name()}" for domain, disks in using if not disks]
    if below:
        raise trouble("R403", f"{ref} is below a disk of the running {usage.named(below)}; stop that first")
    form = markup.parse(text).find("target/format")
    image = form.get("type", usage.RAW) if form is not None else usage.RAW
    blind = [f"Domain/{domain.name()}" for domain, disks in using if any(read == usage.RAW for _, read in disks)]
    if blind and image in IMAGES:
        message = f"{ref} is {image}, but {usage.named(blind)} runs on it as raw; give its disk format: {image}"
        raise trouble("R403", message)


def _discard(connection: Connection, ref: Ref, machine: str) -> None:
    """Delete this seed of a machine, and older ones that were in use when they were replaced."""
    pool = _pool_of(connection, ref.name)
    if pool is None:
        return
    name = ref.name.rpartition("/")[2]
    for volume in pool.listAllVolumes(0):
        seed = Ref("Volume", f"{pool.name()}/{volume.name()}")
        if (volume.name() == name or is_seed(volume.name(), machine)) and not _users(connection, volume, seed):
            volume.delete(0)


def _pool_of(connection: Connection, volume: str) -> Pool | None:
    """The active pool of a volume, `pool/name` or a path; None where there is none."""
    pools = connection.listAllStoragePools(POOLS_ACTIVE)
    if not volume.startswith("/"):
        return next((pool for pool in pools if pool.name() == volume.rpartition("/")[0]), None)
    return next((pool for pool in pools if any(found.path() == volume for found in pool.listAllVolumes(0))), None)


def _must_be_unused(connection: Connection, volume: Volume, ref: Ref, machine: str = "") -> None:
    """Raises R403 while a machine has the volume anywhere in a definition or another volume stands on it.

    `machine` is one that is to get another in its place: it may name the volume as long as it is off.
    """
    users = _users(connection, volume, ref, machine)
    if users:
        raise trouble("R403", f"{ref} is used by {usage.named(dict.fromkeys(users))}; take it away there first")


def _users(connection: Connection, volume: Volume, ref: Ref, but: str = "") -> list[str]:
    """The machines that have the volume anywhere in a definition, and the volumes that stand on it."""
    place = usage.place_of(ref.name, volume.XMLDesc(0))
    users = [f"Domain/{domain.name()}" for domain, xml in _definitions(connection, but) if usage.uses(xml, place)]
    for name, other in _listed(connection).items():
        text = _described(other) if name != ref.name else None
        if text and usage.stands_on(text, place):
            users.append(f"Volume/{name}")
    return users


def _definitions(connection: Connection, but: str = "") -> Iterator[tuple[Domain, str]]:
    """All that machines are defined by: for later (`but` for one), while they run, and as they were saved to disk."""
    for domain in connection.listAllDomains(0):
        if domain.name() != but:
            yield domain, domain.XMLDesc(DOMAIN_XML_INACTIVE)
        if domain.isActive():
            yield domain, domain.XMLDesc(0)
    for domain in connection.listAllDomains(DOMAINS_SAVED):
        yield domain, domain.managedSaveGetXMLDesc(0)
