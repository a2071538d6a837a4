"""What a machine finds at its first boot: volumes that are made from the document, and what shows them to the guest.

A volume's name holds a digest of what is written, so what a machine was made with can be told from its definition.
References to secrets count by what they say, not by the values behind them: no digest gives those away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from json import dumps, loads

from reconciler import seeds
from reconciler.codecs import Json
from reconciler.errors import trouble
from reconciler.kind import KEEP, Decision, Judged, Rule, Situation
from reconciler.kinds.domain import cloud_init, ignition
from reconciler.kinds.domain.cloud_init import POOL, Policy
from reconciler.kinds.domain.live import powered
from reconciler.model.addresses import is_inside, quote_key
from reconciler.model.documents import PATH_OF, Address, Document, Need, Observed, Spec, Texts
from reconciler.model.plans import Diff, Disruption, KindStep, On, Step
from reconciler.model.refs import Ref

DRIVE = "cloud-init"
DISK = f"devices/disk[{DRIVE}]"
CARD = f"devices/disk[{ignition.SERIAL}]"
ENTRY = f"sysinfo[fwcfg]/entry[{quote_key(ignition.ENTRY)}]"
# The leaf that says what a machine was made with -> the element that goes with it, and the field it is made from.
SHOWN: Mapping[Address, tuple[Address, str]] = {
    f"{DISK}/source@volume": (DISK, "cloudInit"),
    f"{CARD}/source@volume": (CARD, "ignition"),
    f"{ENTRY}@file": (ENTRY, "ignition"),
}
_HINT = "!seed"
# The hint that names the volume of the root disk, and the way of a change that makes it anew.
ROOT, REBUILD = "!seed.root", "rebuild"
_SAVED = "it is saved to disk and would wake up on another root disk; start it, or remove its saved state, first"
_NAME = re.compile(r".+-seed-[0-9a-f]{12}\.(iso|ign)")
_NEXT_BOOT = "the guest reads it when it boots next"
_KEPT = "the machine keeps what it was made with; onChange beside it says what else may happen"


@dataclass(frozen=True, slots=True)
class Seed:
    """One volume, `pool/name`, with its files. `element` shows it to the guest.

    `policy` says what becomes of a machine that has another one.
    """

    element: Address
    volume: str
    policy: Policy
    files: Mapping[str, Json]


def planted(document: Document) -> tuple[Document, tuple[Seed, ...]]:
    """The document with drives for its seeds, and those. Raises R205, R207, R223."""
    found = tuple(_seeds(document))
    drives = [_drive(document, seed) for seed in found if seed.element in (DISK, CARD)]
    if not drives:
        return document, found
    disks = document.body.get("disks", [])
    assert isinstance(disks, list)
    return replace(document, body={**document.body, "disks": [*disks, *drives]}), found


def _seeds(document: Document) -> Iterator[Seed]:
    for name, body in _written(document.body):
        if name == "cloudInit":
            yield _seed(document, body, DISK, cloud_init.files(document, body))
        else:
            disk = document.body.get("arch") in ignition.WITHOUT_FIRMWARE
            yield _seed(document, body, CARD if disk else ENTRY, ignition.config(document, body))


def _written(body: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    for name in ("cloudInit", "ignition"):
        found = body.get(name)
        if isinstance(found, Mapping):
            yield name, found


def _seed(document: Document, body: Mapping[str, Json], element: Address, files: Mapping[str, Json]) -> Seed:
    files = {name: seeds.referring(value) for name, value in files.items()}
    digest = sha256(dumps(files, separators=(",", ":")).encode()).hexdigest()[:12]
    name = f"{document.ref.name}-seed-{digest}.{'iso' if element == DISK else 'ign'}"
    return Seed(element, f"{body.get('pool', POOL)}/{name}", Policy(body.get("onChange", "ignore")), files)


def _drive(document: Document, seed: Seed) -> dict[str, Json]:
    """A CD-ROM for cloud-init; a read-only disk for Ignition, and where the bus has no CD-ROMs.

    On SCSI for QEMU: the kernels of many cloud images have no driver for SATA, and none is without virtio.
    """
    pool, _, volume = seed.volume.partition("/")
    what: dict[str, Json] = {"volume": volume, "pool": pool, "format": "raw"}
    if seed.element == CARD:
        return {"name": ignition.SERIAL, **what, "bus": "virtio", "readonly": True, "serial": ignition.SERIAL}
    asked = document.body["cloudInit"]
    said = asked.get("bus") if isinstance(asked, Mapping) else None
    bus = said or ("scsi" if document.body.get("type", "kvm") in ("kvm", "qemu") else None)
    kind = {"readonly": True} if bus == "virtio" else {"device": "cdrom"}
    return {"name": DRIVE, **what, **kind, **({"bus": bus} if bus else {})}


def claims(sown: Iterable[Seed]) -> dict[Address, str]:
    """What no field says: the entries that the firmware hands to the guest."""
    return {f"{each.element}@file": PATH_OF + each.volume for each in sown if each.element == ENTRY}


def noted(spec: Spec, sown: Iterable[Seed], document: Document) -> Spec:
    """The Spec with its seeds noted, where the rules find them; a document that lists no disks owns none."""
    listed = tuple(sown)
    if not listed:
        return spec
    hint = dumps([[each.element, each.volume, each.policy.value, each.files] for each in listed], separators=(",", ":"))
    lists = spec.lists if "disks" in document.body else spec.lists - {"devices/disk"}
    secrets = {_secret(each, text): text for each in listed for text in _references(each)}
    root = {ROOT: _root(document)} if any(each.policy is Policy.REBUILD for each in listed) else {}
    return replace(spec, hints={**spec.hints, _HINT: hint, **secrets, **root}, lists=lists)


def _root(document: Document) -> str:
    """The volume, `pool/name`, of the first disk that is one. Raises R207."""
    disks = document.body.get("disks", ())
    for disk in disks if isinstance(disks, list) else ():
        if "volume" in disk and disk.get("device", "disk") == "disk":
            return f"{disk.get('pool', POOL)}/{disk['volume']}"
    message = (
        f"{document.ref}: onChange: rebuild makes the root disk anew, and no disk is a volume; write another policy"
    )
    raise trouble("R207", message, document.place("spec"))


def _references(seed: Seed) -> Iterator[str]:
    """The references to secrets in it; their values come into the hints of the Spec, sealed (app/sealing)."""
    return seeds.references(list(seed.files.values()))


def needs(body: Mapping[str, Json]) -> Iterator[Need]:
    """The pools that seeds are made in."""
    for name, found in _written(body):
        pool = str(found.get("pool", POOL))
        yield Need(Ref("Pool", pool), pool == POOL, ("spec", name, "pool"))


def seeds_of(spec: Spec) -> tuple[Seed, ...]:
    """The seeds that a Spec asks for."""
    hint = spec.hints.get(_HINT, "[]")
    return tuple(Seed(element, volume, Policy(policy), files) for element, volume, policy, files in loads(hint))


def minding(rule: Rule) -> Rule:
    """The rule, but what concerns a seed costs what its policy says."""

    def judge(diff: Diff, situation: Situation) -> Decision:
        return _decision(diff, situation) or rule.judge(diff, situation)

    return replace(rule, judge=judge) if rule.pattern.startswith(("devices/disk", "sysinfo")) else rule


def _decision(diff: Diff, situation: Situation) -> Decision | None:
    seed = next((each for each in seeds_of(situation.spec) if is_inside(diff.address, (each.element,))), None)
    # Its bus and its place are settings like those of any other disk.
    content = seed and (diff.address == seed.element or is_inside(diff.address, _content(seed.element)))
    if seed is None or not content or diff.after is None:
        return None
    match seed.policy:
        case Policy.IGNORE:
            return Decision(Disruption.NONE, KEEP, _KEPT)
        case Policy.REBUILD if situation.observed.facts.get("!managedsave") == "yes":
            return Decision(Disruption.REFUSED, why=_SAVED)
        case Policy.REBUILD:
            root = situation.spec.hints[ROOT]
            return Decision(Disruption.REPLACE, REBUILD, f"Volume/{root} would be made anew: its data is lost")
        case Policy.NEXT_BOOT if seed.element == ENTRY:
            return Decision(Disruption.NEXT_BOOT, why=_NEXT_BOOT) if powered(situation) else Decision(Disruption.NONE)
        case Policy.NEXT_BOOT:
            live = situation.live.get(f"{seed.element}@device") == "cdrom"
            return Decision(Disruption.NEXT_BOOT, "update", _NEXT_BOOT) if live else None


def _content(element: Address) -> tuple[Address, ...]:
    return f"{element}/source", f"{element}@type", f"{element}@file"


def _secret(seed: Seed, reference: str) -> Address:
    """Where the value of a reference is in the hints; what is wrong with it is told by this path."""
    path = next(path for element, path in SHOWN.values() if element == seed.element)
    return f"!{path}.{seeds.name_of(reference)}"


def sown(spec: Spec, chosen: Iterable[Seed]) -> tuple[Step, ...]:
    """The steps that make the volumes of seeds. Secrets go beside the files: sealed, and each by its reference."""
    return tuple(On(Ref("Volume", each.volume), KindStep("sow", _arguments(spec, each))) for each in chosen)


def _arguments(spec: Spec, seed: Seed) -> dict[str, str]:
    secrets = {seeds.name_of(text): spec.hints[_secret(seed, text)] for text in _references(seed)}
    return {"files": dumps(seed.files, separators=(",", ":")), **secrets}


def around(situation: Situation, judged: Iterable[Judged], starts: bool) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """What comes before and after the other steps of a change: a new seed is made first, an old one goes last.

    A machine that is started gets its seed again if that has gone.
    """
    wanted = seeds_of(situation.spec)
    have = dict(_volumes(situation.texts, situation.spec))
    touched = [item.diff.address for item in judged if item.decision.way != KEEP]
    changed = {element for element, _ in SHOWN.values() if is_inside(element, touched) or _inside(touched, element)}
    first = [each for each in wanted if each.element in changed or (starts and have.get(each.element) == each.volume)]
    stay = {each.volume for each in wanted}
    last = [volume for element, volume in have.items() if element in changed and volume not in stay]
    return sown(situation.spec, first), discarded(last, situation.spec.ref.name)


def _inside(addresses: Iterable[Address], element: Address) -> bool:
    return any(is_inside(address, (element,)) for address in addresses)


def left(observed: Observed, texts: Texts) -> tuple[Step, ...]:
    """The steps that take the seeds of a machine away which is gone."""
    return discarded(dict(_volumes(texts)).values(), observed.ref.name)


def discarded(volumes: Iterable[str], machine: str) -> tuple[Step, ...]:
    return tuple(On(Ref("Volume", volume), KindStep("discard", {"machine": machine})) for volume in volumes)


def is_seed(name: str) -> bool:
    """Whether this is the name, or the path, of a volume that was made from a document."""
    return _NAME.fullmatch(name.rpartition("/")[2]) is not None


def _volumes(texts: Texts, spec: Spec | None = None) -> Iterator[tuple[Address, str]]:
    """The seeds that a definition shows, by the element that does: `pool/name`, or a path where that is all it says."""
    known = {each.volume.rpartition("/")[2]: each.volume for each in seeds_of(spec)} if spec else {}
    for leaf, (element, _) in SHOWN.items():
        found = texts.get(leaf, "")
        name, pool = found.rpartition("/")[2], texts.get(f"{element}/source@pool")
        if is_seed(name):
            yield element, f"{pool}/{name}" if pool else known.get(name, found)
