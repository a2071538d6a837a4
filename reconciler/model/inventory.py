"""What we own on one host, and what was last applied there: the head of a host's ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.model.documents import Address, Claims, Deletion, Texts
from reconciler.model.refs import Ref


@dataclass(frozen=True, kw_only=True, slots=True)
class Crashes:
    """That a machine had to be started `count` times in a row because it had crashed, the last time at `started`.

    `digest` is the spec of that time: another one is another try. Moments are RFC 3339 texts in UTC.
    """

    count: int
    started: str
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Owned:
    """One object that is ours. `digest` is the spec last applied; `intended` marks one that was about to be made.

    `protect` and `deletion` outlive the document: they decide what removing it may do. `unhealthy` is the digest of the
    spec that made it unhealthy and was rolled back: the same is not tried again by itself.
    """

    ref: Ref
    uuid: str
    digest: str
    owner: str
    protect: bool = False
    deletion: Deletion = Deletion.RETAIN
    intended: bool = False
    unhealthy: str = ""
    crashes: Crashes | None = None


@dataclass(frozen=True, kw_only=True)
class Applied:
    """The managed fields of one object as last applied.

    `settled` are the values that libvirt spells its own way: address -> (what was asked, what the host made of it).
    Asking the same again is then no difference. `leaving` are fields that are out of the document and the definition,
    and that the running object keeps until it restarts. `origin` is what the object was made from, which no host can
    tell and no later document changes.
    """

    claims: Claims = field(default_factory=dict)
    settled: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    leaving: tuple[Address, ...] = ()
    origin: Texts = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspension:
    """That a resource is left alone: why, by whom, and from when until when ("" is for good).

    Moments are RFC 3339 texts in UTC.
    """

    reason: str
    author: str
    since: str
    until: str = ""


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """All that is ours on one host, and all that is to be left alone there, by Ref."""

    host: str
    objects: Mapping[Ref, Owned] = field(default_factory=dict)
    suspended: Mapping[Ref, Suspension] = field(default_factory=dict)


NOTHING_APPLIED = Applied()
