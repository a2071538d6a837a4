"""What the program needs of the outside world, as protocols; adapters fill them, tests fake them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from reconciler.model.inventory import Applied, Inventory
    from reconciler.model.refs import Ref
    from reconciler.model.secrets import Reference, Secret

# libvirt's own connection object. Drivers declare what they use of it; nobody else looks inside. It serves one call at
# a time: what is done at once takes a connection of its `own`.
Handle = object


@runtime_checkable
class Lending(Protocol):
    """A connection that knows the way to others of the same host."""

    def own(self) -> AbstractContextManager[Handle]: ...


def own(handle: Handle) -> AbstractContextManager[Handle]:
    """A connection to the same host for the calling thread alone; the handle itself where it knows no other."""
    return handle.own() if isinstance(handle, Lending) else nullcontext(handle)


def error_code(error: BaseException) -> int | None:
    """libvirt's number of an error (libvirt.libvirtError.get_error_code); None for any other error."""
    ask: Callable[[], int] | None = getattr(error, "get_error_code", None)
    return ask() if ask else None


class Clock(Protocol):
    """Time, so that nothing else has to know it. `now` counts seconds from any fixed moment and never goes back."""

    def now(self) -> float: ...
    def sleep(self, seconds: float) -> None: ...
    def today(self) -> str:
        """The moment as RFC 3339 in UTC: `2026-11-22T02:00:00Z`."""
        ...


# Bytes that one file of the desired state may have.
LIMIT_YAML = 1 << 20
LIMIT_XML = 4 << 20


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of the desired state: its path from the root of the desired state, with "/", and its bytes."""

    path: str
    content: bytes


class Source(Protocol):
    """Where the desired state comes from: a directory, a git work tree or a git revision."""

    def files(self) -> Iterator[SourceFile]:
        """Every *.yaml, *.yml and *.xml that is not ignored, by path. Raises ManifestError."""
        ...

    def content(self, path: str) -> bytes:
        """Any one file of the desired state, whatever its name, by its path from the root.

        Raises ManifestError where there is none, or where the path leads out.
        """
        ...

    def text(self, path: str) -> SourceFile | None:
        """One file by its path from the root of the desired state; None where there is none.

        It may lie outside of that root (`../values.yaml`), but not outside of the repository. Raises ManifestError.
        """
        ...

    def at(self, path: str) -> Source:
        """Another directory of the same repository, by its path from this root.

        Raises ManifestError R117 for one outside of the repository, and for one that holds a directory which led here.
        """
        ...

    def revision(self) -> str | None:
        """The git commit, with "-dirty" where the tree differs from it; None outside git."""
        ...

    def owners(self) -> Sequence[str]:
        """Who this desired state is, for owner marks: the name to write first, then names it may have had."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """One version of one object in the ledger: commit id, RFC 3339 time in UTC, the commit's subject."""

    commit: str
    when: str
    subject: str


@dataclass(frozen=True, kw_only=True)
class LedgerChange:
    """What one commit changes: the whole inventory, definitions and applied fields by Ref (None removes)."""

    inventory: Inventory
    definitions: Mapping[Ref, str | None]
    applied: Mapping[Ref, Applied | None]
    message: str


class Ledger(Protocol):
    """The history of one host: a branch of a bare git repository. Raises ReconcilerError R701."""

    def inventory(self) -> Inventory: ...
    def applied(self, ref: Ref) -> Applied | None: ...
    def all_applied(self, refs: Iterable[Ref]) -> dict[Ref, Applied]:
        """The same for many at once; those that have none are left out."""
        ...

    def definition(self, ref: Ref, commit: str = "") -> str | None:
        """The definition at a commit, at the head if it is "". Raises R702 for an unknown commit."""
        ...

    def record(self, change: LedgerChange) -> str:
        """Commit; nothing is written where nothing differs. Returns the head's commit id."""
        ...

    def versions(self, ref: Ref) -> Iterator[Version]:
        """Newest first."""
        ...


class Vault(Protocol):
    """Where secret values are kept, outside of the manifests."""

    def value(self, reference: Reference) -> Secret:
        """The value, read now; each reference is followed once in a run.

        Raises R404 where the settings do not grant it, R615 where it cannot be read. No message holds a part of it.
        """
        ...

    def opened(self, documents: Sequence[object], file: str) -> Sequence[object]:
        """The documents of a file that SOPS has encrypted, without SOPS's own block. Raises R120, R121."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What an HTTP request met: a status, or 0 and what went wrong."""

    status: int = 0
    said: str = ""


class Reach(Protocol):
    """What answers on the network, as seen from this machine. Nothing raises; each call ends after about `seconds`."""

    def connect(self, host: str, port: int, seconds: float) -> str:
        """What hinders a TCP connection; "" where one can be made."""
        ...

    def get(self, url: str, seconds: float) -> Answer:
        """The status of one GET, without following where it leads."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ContentSource:
    """Where the content of a new volume comes from, and what it has to be; "" is not said.

    `url` or `path`. `digest` (`sha256:…`) is of the file as it is fetched, `content_digest` of what is packed inside.
    `compression` and `format` are names that `Images` knows; `limit` in bytes of what is inside, 0 for the usual one.
    """

    url: str = ""
    path: str = ""
    digest: str = ""
    content_digest: str = ""
    compression: str = ""
    format: str = ""
    limit: int = 0


# Told of progress: what is done (`fetching`), how many bytes of how many (0 is not known). It may raise, to stop.
Watch = Callable[[str, int, int], None]


class Content(Protocol):
    """The bytes of a new volume, to be read once; `length` is how many there are."""

    @property
    def length(self) -> int: ...
    def read(self, count: int, /) -> bytes:
        """The next bytes, at least one until the end. Raises R621 at an end where they were not what was said."""
        ...


class Images(Protocol):
    """Files and web pages as content of volumes."""

    def opened(self, source: ContentSource, watch: Watch) -> AbstractContextManager[Content]:
        """The content, fetched and found to be what was said. Raises R401 and R620 to R623."""
        ...

    def known_size(self, source: ContentSource) -> int:
        """How many bytes would have to be fetched or read, 0 where nobody knows yet."""
        ...


class Cache(Protocol):
    """Results of pure functions by the digest of all their inputs; losing it costs time only."""

    def get(self, table: str, keys: Iterable[str]) -> dict[str, str]: ...
    def put(self, table: str, rows: Mapping[str, str]) -> None: ...
