"""The hosts of one run, each opened and looked at; one that cannot be asked fails alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from reconciler.app import sealing, wiring
from reconciler.app.desired import Desired, read_desired
from reconciler.app.settings import Selection, Settings
from reconciler.errors import Problem, ReconcilerError
from reconciler.kind import Kind
from reconciler.manifest.link import Key
from reconciler.model.documents import Observed
from reconciler.model.refs import Ref
from reconciler.model.secrets import Seal
from reconciler.ports import Cache, Handle, Ledger


@dataclass(frozen=True, kw_only=True)
class Session:
    """One open host. `observed` is everything on it, by Ref.

    `unseen` is how the names begin of what cannot be looked at now, by kind.
    """

    host: str
    uri: str | None
    handle: Handle
    ledger: Ledger
    observed: Mapping[Ref, Observed]
    unseen: Mapping[str, frozenset[str]] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)

    def hides(self, ref: Ref) -> bool:
        """Whether nobody can tell now if the host has this object."""
        return ref.name.startswith(tuple(self.unseen.get(ref.kind, ())))

    def locate(self, volume: str) -> str | None:
        """The path of a volume, `pool/name`; None where none is seen."""
        found = self.observed.get(Ref("Volume", volume))
        return found.details.get("file") if found else None

    def offers(self) -> Mapping[str, str]:
        """What the host has for new machines, asked once: `domain type`, `architecture`, and `why` it is that type."""
        from reconciler.adapters.virt.acceleration import offers
        from reconciler.adapters.virt.faults import translating

        if not self.asked:
            with translating(self.host):
                self.asked.update(offers(self.handle))
        return self.asked


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """The desired state and every host that could be opened; `failures` says why the others could not.

    `today` is when they were looked at (RFC 3339 in UTC). `seal` has what stands for secret values, in the desired
    state and in what was observed; `locked` says which resources ask for one that cannot be read, and why.
    """

    settings: Settings
    selection: Selection
    desired: Desired
    kinds: Mapping[str, Kind]
    cache: Cache
    sessions: Mapping[str, Session]
    failures: Mapping[str, Problem] = field(default_factory=dict)
    today: str = ""
    seal: Seal = field(default_factory=lambda: Seal(bytes))
    locked: Mapping[Key, Problem] = field(default_factory=dict)


@contextmanager
def opened(
    settings: Settings, selection: Selection, operation: str = "", *, values: bool = True
) -> Iterator[Workspace]:
    """The workspace of one verb. With an `operation`, each host is locked before anybody looks at it.

    With `values`, the secret values that selected documents only refer to are read.
    """
    source, cache = wiring.gathered(settings, selection), wiring.cache(settings)
    usual = wiring.host_name(settings.connect)
    seal = wiring.seal(settings)
    kinds = sealing.sealed(wiring.kinds(), seal)
    with ExitStack() as locks, _Openings(settings, kinds) as openings:
        if not operation and not source.mentions(b"Host"):
            # libvirt needs longer than we do, so it is asked while the documents are read.
            openings.begin({usual: settings.connect})
        vault = wiring.vault(settings, source)
        desired = read_desired(source, cache, kinds, usual, settings, vault)
        locked: Mapping[Key, Problem] = {}
        if values:
            desired, locked = sealing.resolved(desired, kinds, selection, vault, seal)
        uris = host_uris(settings, desired)
        if operation:
            for host in uris:
                locks.enter_context(wiring.lock(settings, host, uris[host], operation))
        sessions, failures = openings.finish(uris)
        yield Workspace(
            settings=settings,
            selection=selection,
            desired=desired,
            kinds=kinds,
            cache=cache,
            sessions=sessions,
            failures=failures,
            today=wiring.clock().today(),
            seal=seal,
            locked=locked,
        )


def host_uris(settings: Settings, desired: Desired) -> dict[str, str | None]:
    """Each host that is named by a Host document, or the one of the settings where there is none."""
    named = {name: str(document.body["uri"]) for name, document in desired.hosts.items()}
    return dict(sorted(named.items())) or {wiring.host_name(settings.connect): settings.connect}


# An open session with what closes it, or why there is none.
_Attempt = tuple[Session | None, ExitStack, Problem | None]


class _Openings:
    """Hosts that are being opened and looked at, each in a thread; at the end all of them are closed, wanted or not."""

    def __init__(self, settings: Settings, kinds: Mapping[str, Kind]) -> None:
        self._settings = settings
        self._kinds = kinds
        self._pool = ThreadPoolExecutor(max_workers=max(1, settings.parallelism))
        self._begun: dict[tuple[str, str | None], Future[_Attempt]] = {}

    def __enter__(self) -> _Openings:
        return self

    def __exit__(self, *error: object) -> None:
        """Nobody waits here for a host that does not answer; it is closed when it does."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for attempt in self._begun.values():
            attempt.add_done_callback(_close)

    def begin(self, uris: Mapping[str, str | None]) -> None:
        """Start with those that have not been started with."""
        for host, uri in uris.items():
            if (host, uri) not in self._begun:
                self._begun[host, uri] = self._pool.submit(_attempt, self._settings, self._kinds, host, uri)

    def finish(self, uris: Mapping[str, str | None]) -> tuple[dict[str, Session], dict[str, Problem]]:
        """The open hosts by name, and why the others are not open."""
        self.begin(uris)
        sessions: dict[str, Session] = {}
        failures: dict[str, Problem] = {}
        for host, uri in uris.items():
            session, _, problem = self._begun[host, uri].result()
            if session is not None:
                sessions[host] = session
            elif problem is not None:
                failures[host] = problem
        return sessions, failures


def _close(attempt: Future[_Attempt]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result()[1].close()


def _attempt(settings: Settings, kinds: Mapping[str, Kind], host: str, uri: str | None) -> _Attempt:
    """An open session with what closes it, or why there is none."""
    stack = ExitStack()
    try:
        handle = stack.enter_context(wiring.connection(settings, uri))
        observed, unseen = look_at(handle, host, kinds), out_of_sight(handle, host, kinds)
    except ReconcilerError as error:
        stack.close()
        return None, stack, error.problems[0]
    except BaseException:
        stack.close()
        raise
    ledger = wiring.ledger(settings, host)
    found = Session(host=host, uri=uri, handle=handle, ledger=ledger, observed=observed, unseen=unseen)
    return found, stack, None


def look_at(handle: Handle, host: str, kinds: Mapping[str, Kind]) -> dict[Ref, Observed]:
    """Everything on the host, in libvirt's words."""
    from reconciler.adapters.virt.faults import translating

    with translating(host):
        listed = (found for kind in kinds.values() for found in kind.observe(handle))
        return {named(found.ref, host): found for found in listed}


def out_of_sight(handle: Handle, host: str, kinds: Mapping[str, Kind]) -> dict[str, frozenset[str]]:
    """How the names of objects begin that cannot be looked at now, by kind."""
    from reconciler.adapters.virt.faults import translating

    with translating(host):
        return {kind.name: kind.unseen(handle) for kind in kinds.values()}


def named(ref: Ref, host: str) -> Ref:
    """The Ref of an observed object; the host itself does not know what its document calls it."""
    return ref if ref.name else Ref(ref.kind, host)
