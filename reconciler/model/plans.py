"""A plan is plain data: what would be done, in which order, and how much it hurts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from reconciler.errors import Problem
from reconciler.model.documents import Address, Observed
from reconciler.model.refs import Ref


class Action(Enum):
    """All that can happen to one resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    ADOPT = "adopt"
    FORGET = "forget"


class Disruption(IntEnum):
    """How much a change hurts the guest, from not at all to not possible."""

    NONE = 0
    NEXT_BOOT = 1
    RESTART = 2
    REPLACE = 3
    REFUSED = 4

    @property
    def word(self) -> str:
        return self.name.lower().replace("_", "-")


class Allow(Enum):
    """What `--allow` can permit."""

    RESTART = "restart"
    REPLACE = "replace"
    DELETE = "delete"
    MASS_DELETE = "mass-delete"
    FORCE_OFF = "force-off"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Diff:
    """One difference on a managed field. None means absent.

    An address that ends in a key (`devices/disk[root]`) is a whole element that comes or goes.
    """

    address: Address
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A difference as people read it: the path they wrote, values in their units, and what it costs."""

    path: str
    before: str | None
    after: str | None
    disruption: Disruption
    why: str = ""


# Steps: one host call each, as data. A kind's own steps live in its rules.


@dataclass(frozen=True, slots=True)
class Define:
    """Store the persistent definition (over the old one, where there is one)."""

    xml: str


@dataclass(frozen=True, slots=True)
class Undefine:
    """Remove the definition. `data`: and what the kind keeps with it (NVRAM, a pool's directory)."""

    data: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """Bring the object up."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Bring it down gently within `seconds`; then, only if `force`, cut it off.

    A guest's agent has `agent` seconds of them before its power button is pressed; None is half of them.
    """

    seconds: int
    force: bool = False
    agent: int | None = None


@dataclass(frozen=True, slots=True)
class Autostart:
    """Whether the object comes up with its host."""

    on: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """Write our owner mark, and nothing else, into the object's metadata."""

    owner: str


@dataclass(frozen=True, slots=True)
class KindStep:
    """A step of one kind, named and described by its rules: `("resize", {"capacity": "64424509440"})`."""

    name: str
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class On:
    """A step on another object that is part of this one's change: the seed that a machine boots with, say."""

    ref: Ref
    step: Undefine | KindStep


# The KindStep that changes an object's name to the `name` in its arguments; the steps after it use that name.
RENAME = "rename"

# KindSteps that need content from outside (`ports.ContentSource` has their arguments): have it at hand, and make the
# object of it. Whoever carries out the steps opens it; a kind is handed it by `Kind.fill`.
FETCH, FILL = "fetch", "fill"

Step = Define | Undefine | Start | Stop | Autostart | Mark | KindStep | On


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a change is shown but not carried out. `allow` is the word that would permit it, if there is one."""

    number: str
    reason: str
    allow: Allow | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """All that happens to one resource on one host. `observed` is what the change was planned against.

    `until` is when its permission runs out, `opens` when one comes that it `waits` for (RFC 3339 in UTC, "" is never).
    """

    ref: Ref
    host: str
    action: Action
    steps: tuple[Step, ...] = ()
    fields: tuple[FieldChange, ...] = ()
    disruption: Disruption = Disruption.NONE
    blocked: Blocked | None = None
    observed: Observed | None = None
    spec_digest: str = ""
    waits: bool = False
    until: str = ""
    opens: str = ""

    @property
    def key(self) -> tuple[str, Ref]:
        return self.host, self.ref


@dataclass(frozen=True, slots=True)
class Condition:
    """Something true of an object that no step of this plan changes: `RestartPending`, `Stalled`."""

    ref: Ref
    host: str
    type: str
    message: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Capacity:
    """What one host has and what its machines are promised; sizes in bytes."""

    host: str
    cpus: int
    vcpus: int
    memory: int
    committed: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The ordered changes for one revision and one observation of the hosts.

    `complete` is False where a host could not be asked; `failures` says which and why.
    """

    revision: str | None
    changes: tuple[Change, ...]
    conditions: tuple[Condition, ...] = ()
    unmanaged: tuple[tuple[str, Ref], ...] = ()
    capacity: tuple[Capacity, ...] = ()
    failures: tuple[tuple[str, Problem], ...] = ()
    digest: str = ""

    @property
    def complete(self) -> bool:
        return not self.failures

    @property
    def permitted(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.blocked is None)
