"""The hosts of one run, each opened and looked at; one that cannot be asked fails alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from reconciler.app import wiring
from reconciler.app.desired import Desired, read_desired
from reconciler.app.settings import Selection, Settings
from reconciler.errors import Problem, ReconcilerError
from reconciler.kind import Kind
from reconciler.model.documents import Observed
from reconciler.model.refs import Ref
from reconciler.ports import Cache, Handle, Ledger


@dataclass(frozen=True, kw_only=True)
class Session:
    """One open host. `observed` is everything on it, by Ref; `unseen` is how names begin that cannot be looked at, by kind."""

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
    """The desired state and every host that could be opened; `failures` says why the others could not."""

    settings: Settings
    selection: Selection
    desired: Desired
    kinds: Mapping[str, Kind]
    cache: Cache
    sessions: Mapping[str, Session]
    failures: Mapping[str, Problem] = field(default_factory=dict)


@contextmanager
def opened(settings: Settings, selection: Selection, operation: str = "") -> Iterator[Workspace]:
    """The workspace of one verb. With an `operation`, each host is locked before anybody looks at it."""
    kinds, cache = wiring.kinds(), wiring.cache(settings)
    source = wiring.source(settings, selection)
    desired = read_desired(source, cache, kinds, wiring.host_name(settings.connect), settings)
    uris = host_uris(settings, desired)
    with ExitStack() as stack:
        failures: dict[str, Problem] = {}
        sessions = _open_all(settings, uris, operation, stack, failures)
        yield Workspace(
            settings=settings,
            selection=selection,
            desired=desired,
            kinds=kinds,
            cache=cache,
            sessions=sessions,
            failures=failures,
        )


def host_uris(settings: Settings, desired: Desired) -> dict[str, str | None]:
    """Each host that is named by a Host document, or the one of the settings where there is none."""
    named = {name: str(document.body["uri"]) for name, document in desired.hosts.items()}
    return dict(sorted(named.items())) or {wiring.host_name(settings.connect): settings.connect}


def _open_all(
    settings: Settings,
    uris: Mapping[str, str | None],
    operation: str,
    stack: ExitStack,
    failures: dict[str, Problem],
) -> dict[str, Session]:
    if operation:
        for host in uris:
            stack.enter_context(wiring.lock(settings, host, operation))
    if len(uris) == 1:
        attempts = [_attempt(settings, host, uri) for host, uri in uris.items()]
    else:
        with ThreadPoolExecutor(max_workers=max(1, settings.parallelism)) as pool:
            attempts = list(pool.map(lambda item: _attempt(settings, *item), uris.items()))
    sessions = {}
    for host, (session, closing, problem) in zip(uris, attempts, strict=True):
        stack.push(closing)
        if session is not None:
            sessions[host] = session
        elif problem is not None:
            failures[host] = problem
    return sessions


def _attempt(settings: Settings, host: str, uri: str | None) -> tuple[Session | None, ExitStack, Problem | None]:
    """An open session with what closes it, or why there is none."""
    stack = ExitStack()
    try:
        handle = stack.enter_context(wiring.connection(settings, uri))
        kinds = wiring.kinds()
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
