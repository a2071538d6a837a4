"""What a machine finds at its first boot: a volume that is made from the document, and the drive that shows it.

The volume's name holds a digest of what is written, so what a machine was made with can be told from its definition.
References to secrets count by what they say, not by the values behind them: no digest gives those away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from json import dumps, loads

from reconciler.codecs import Json
from reconciler.kind import KEEP, Decision, Judged, Rule, Situation
from reconciler.kinds.domain import cloud_init
from reconciler.kinds.domain.cloud_init import POOL, Policy
from reconciler.model.addresses import is_inside
from reconciler.model.documents import Document, Need, Observed, Spec, Texts
from reconciler.model.plans import Diff, Disruption, KindStep, On, Step
from reconciler.model.refs import Ref

DRIVE = "cloud-init"
DISK = f"devices/disk[{DRIVE}]"
VOLUME = f"{DISK}/source@volume"
# Where a drive says what is in it; its bus and its place are settings like any other disk's.
_CONTENT = (f"{DISK}/source", f"{DISK}@type")
_HINT = "!seed"
_NAME = re.compile(r".+-seed-[0-9a-f]{12}\.iso")
_NEXT_BOOT = "the guest reads it when it boots next"
_KEPT = "the machine keeps what it was made with; cloudInit.onChange says what else may happen"


@dataclass(frozen=True, slots=True)
class Seed:
    """One volume: `pool/name`, what becomes of a machine that has another one, and its files."""

    volume: str
    policy: Policy
    files: Mapping[str, Json]


def planted(document: Document) -> tuple[Document, Seed | None]:
    """The document with a drive for its seed. Raises R207, R223."""
    found = document.body.get("cloudInit")
    if not isinstance(found, Mapping):
        return document, None
    seed = _seed(document, found)
    disks = document.body.get("disks", [])
    assert isinstance(disks, list)
    body = {**document.body, "disks": [*disks, _drive(document, found, seed)]}
    return replace(document, body=body), seed


def _seed(document: Document, body: Mapping[str, Json]) -> Seed:
    files = cloud_init.files(document, body)
    digest = sha256(dumps(files, separators=(",", ":")).encode()).hexdigest()[:12]
    pool = body.get("pool", POOL)
    return Seed(f"{pool}/{document.ref.name}-seed-{digest}.iso", Policy(body.get("onChange", "ignore")), files)


def _drive(document: Document, body: Mapping[str, Json], seed: Seed) -> dict[str, Json]:
    """A CD-ROM; a read-only disk where the bus has no CD-ROMs.

    On SCSI for QEMU: the kernels of many cloud images have no driver for SATA, and none is without virtio.
    """
    pool, _, name = seed.volume.partition("/")
    bus = body.get("bus") or ("scsi" if document.body.get("type", "kvm") in ("kvm", "qemu") else None)
    what = {"readonly": True} if bus == "virtio" else {"device": "cdrom"}
    where = {"bus": bus} if bus else {}
    return {"name": DRIVE, "volume": name, "pool": pool, "format": "raw", **what, **where}


def noted(spec: Spec, seed: Seed | None, document: Document) -> Spec:
    """The Spec with its seed noted, where the rules find it; a document that lists no disks owns none."""
    if seed is None:
        return spec
    hint = dumps([seed.volume, seed.policy.value, seed.files], separators=(",", ":"))
    lists = spec.lists if "disks" in document.body else spec.lists - {"devices/disk"}
    return replace(spec, hints={**spec.hints, _HINT: hint}, lists=lists)


def needs(body: Mapping[str, Json]) -> Iterator[Need]:
    """The pool that the seed's volume is made in."""
    found = body.get("cloudInit")
    if isinstance(found, Mapping):
        pool = str(found.get("pool", POOL))
        yield Need(Ref("Pool", pool), pool == POOL, ("spec", "cloudInit", "pool"))


def seed_of(spec: Spec) -> Seed | None:
    """The seed that a Spec asks for."""
    hint = spec.hints.get(_HINT)
    if hint is None:
        return None
    volume, policy, files = loads(hint)
    return Seed(volume, Policy(policy), files)


def minding(rule: Rule) -> Rule:
    """The rule, but what concerns a seed costs what its policy says."""

    def judge(diff: Diff, situation: Situation) -> Decision:
        return _decision(diff, situation) or rule.judge(diff, situation)

    return replace(rule, judge=judge) if rule.pattern.startswith("devices/disk") else rule


def _decision(diff: Diff, situation: Situation) -> Decision | None:
    seed = seed_of(situation.spec) if is_inside(diff.address, (DISK,)) and diff.after is not None else None
    if seed is None or not (diff.address == DISK or is_inside(diff.address, _CONTENT)):
        return None
    match seed.policy:
        case Policy.IGNORE:
            return Decision(Disruption.NONE, KEEP, _KEPT)
        case Policy.NEXT_BOOT:
            live = situation.live.get(f"{DISK}@device") == "cdrom"
            return Decision(Disruption.NEXT_BOOT, "update", _NEXT_BOOT) if live else None


def sown(spec: Spec) -> tuple[Step, ...]:
    """The step that makes the seed's volume."""
    seed = seed_of(spec)
    if seed is None:
        return ()
    return (On(Ref("Volume", seed.volume), KindStep("sow", {"files": dumps(seed.files, separators=(",", ":"))})),)


def around(situation: Situation, judged: Iterable[Judged], starts: bool) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """What comes before and after the other steps of a change: a new seed is made first, an old one goes last.

    A machine that is started gets its seed again if that has gone.
    """
    seed = seed_of(situation.spec)
    wanted = seed.volume if seed else ""
    have = next(_volumes(situation.texts), "")
    changed = any(is_inside(item.diff.address, (DISK,)) and item.decision.way != KEEP for item in judged)
    first = sown(situation.spec) if wanted and (changed or (starts and have == wanted)) else ()
    last = discarded((have,), situation.spec.ref.name) if changed and have and have != wanted else ()
    return first, last


def left(observed: Observed, texts: Texts) -> tuple[Step, ...]:
    """The steps that take the seed of a machine away which is gone."""
    return discarded(_volumes(texts), observed.ref.name)


def discarded(volumes: Iterable[str], machine: str) -> tuple[Step, ...]:
    return tuple(On(Ref("Volume", volume), KindStep("discard", {"machine": machine})) for volume in volumes)


def _volumes(texts: Texts) -> Iterator[str]:
    """The seeds that a definition names."""
    name, pool = texts.get(VOLUME, ""), texts.get(f"{DISK}/source@pool", "")
    if pool and _NAME.fullmatch(name):
        yield f"{pool}/{name}"
