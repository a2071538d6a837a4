"""What a manifest says, before and after its kind has understood it."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from reconciler.model.probes import Health
from reconciler.model.refs import Ref
from reconciler.model.windows import Window

# A place in a libvirt definition: element names joined by "/", a repeated element's key in brackets,
# an attribute after "@". `devices/disk[root]/driver@cache`; `vcpu` is the element's text.
# Facts that no definition holds start with "!": `!power`, `!autostart`.
Address = str

# In front of `pool/name` in a claim: the path of that volume, which only its host can tell.
PATH_OF = "volume:"

# The text of a fact that no host keeps, such as the file a volume was made from.
UNKNOWN = "?"

# Facts of a running kind that the engine knows: whether it is on (`running`, `stopped` or something between), that it
# went off by itself ("yes"), and which job of the host it is in, which nobody may disturb.
POWER, CRASHED, BUSY = "!power", "!crashed", "!busy"

# What a document wants at each address: libvirt's text, or None for "must not be there".
Claims = Mapping[Address, str | None]
# What a host has at each address.
Texts = Mapping[Address, str]


Value = TypeVar("Value")


class Deferred(Mapping[str, Value], Generic[Value]):
    """What `read` makes of `text`, made when somebody first looks inside: most documents of a run have not changed."""

    __slots__ = ("_made", "_read", "_text")

    def __init__(self, read: Callable[[str], Mapping[str, Value]], text: str) -> None:
        self._read = read
        self._text = text
        self._made: Mapping[str, Value] | None = None

    def _whole(self) -> Mapping[str, Value]:
        if self._made is None:
            self._made, self._text = self._read(self._text), ""
        return self._made

    def __getitem__(self, key: str) -> Value:
        return self._whole()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def __len__(self) -> int:
        return len(self._whole())

    def __contains__(self, key: object) -> bool:
        return key in self._whole()

    def __repr__(self) -> str:
        return repr(self._whole())

    def keys(self) -> KeysView[str]:
        return self._whole().keys()

    def values(self) -> ValuesView[Value]:
        return self._whole().values()

    def items(self) -> ItemsView[str, Value]:
        return self._whole().items()


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written: `web.yaml:12:7` (line and column count from 1).

    `by` names what a document has it from, where that is not the document itself: `Profile/small`.
    Where it is the head of a block of text whose lines are lines of the file, `block` is the column of those.
    """

    file: str
    line: int = 1
    column: int = 1
    by: str = ""
    block: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, kw_only=True)
class Document:
    """One resource of a manifest, valid by its JSON Schema; `body` is its `spec`, plain JSON values.

    `xml` holds the text of a plain libvirt XML file; `body` is empty then. `profiles` names the Profiles to merge
    underneath. A `template` is a Profile whose placeholders are filled in for each document that stands on it.
    `places` finds each value by its
    path from the document's root (`("spec", "disks", 0, "name")`); only its first entry, the root, is always there.
    """

    ref: Ref
    host: str | None
    labels: Mapping[str, str]
    body: Mapping[str, object]
    moved_from: str = ""
    xml: str | None = None
    profiles: tuple[str, ...] = ()
    template: bool = False
    places: Mapping[tuple[str | int, ...], Place] = field(default_factory=dict, compare=False)
    digest: str = ""

    def place(self, *path: str | int) -> str:
        """Where the value at `path` stands, or the nearest thing around it."""
        while path and path not in self.places:
            path = path[:-1]
        found = self.places.get(path)
        return str(found) if found else ""


class Deletion(Enum):
    """What happens to the data of a resource that is no longer declared."""

    RETAIN = "retain"
    DELETE = "delete"


class RestartPolicy(Enum):
    """When a running guest may be restarted for changes that need it."""

    NEVER = "never"
    WHEN_REQUIRED = "whenRequired"
    WINDOW = "window"


class Mode(Enum):
    """How far a document binds: make it so, make it once, only tell, or do not even look."""

    ENFORCE = "enforce"
    CREATE_ONLY = "createOnly"
    OBSERVE = "observe"
    IGNORE = "ignore"

    def at_most(self, other: Mode) -> Mode:
        """The one of the two that binds less."""
        return max(self, other, key=list(Mode).index)


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What a document permits, as opposed to what it wants.

    `shutdown_seconds` is the grace before force off; the guest's agent has `agent_seconds` of it, half if that is None.
    `ignored` are paths (`disks[root].cache`, with `*` for any text) where the host may have what it likes once the
    object is there.
    """

    mode: Mode = Mode.ENFORCE
    ignored: tuple[str, ...] = ()

    protect: bool = False
    deletion: Deletion = Deletion.RETAIN
    restart: RestartPolicy = RestartPolicy.NEVER
    shutdown_seconds: int = 120
    force_off: bool = False
    health: Health = Health()
    windows: tuple[Window, ...] = ()
    agent_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """One reference: what this resource stands on. An `external` one need not be declared: the host has it."""

    ref: Ref
    external: bool = False
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What a document asks of one object on one host, in the words of libvirt's definition.

    `claims` are the managed fields. `lists` are the repeated elements owned whole (`devices/disk`): one that the
    host has and the document lacks is drift. `hints` say which libvirt values the keys of claimed elements may
    already have on the host, and are used for a new element only (target, MAC, model): they are never managed.
    """

    ref: Ref
    host: str
    claims: Claims
    lists: frozenset[Address] = frozenset()
    hints: Texts = field(default_factory=dict)
    needs: tuple[Need, ...] = ()
    policy: Policy = Policy()
    labels: Mapping[str, str] = field(default_factory=dict)
    moved_from: str = ""
    where: str = ""
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class Observed:
    """One object as a host shows it. `xml` is the persistent definition, `live` the running one where there is one.

    `facts` are what the definition does not hold (`!power`, `!autostart`, `!managedsave`);
    `digest` covers all of it, so that equal digests mean nothing has changed; only what a change of another object does
    to this one is left out (`!unplugged`: the interfaces that hang in the air since their network was restarted).
    `details` are worth reading in `status`,
    but change by themselves (how full a volume is): nothing is decided by them, and the digest leaves them out.
    """

    ref: Ref
    uuid: str
    xml: str
    live: str | None = None
    facts: Texts = field(default_factory=dict)
    details: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""

    @property
    def active(self) -> bool:
        return self.live is not None
