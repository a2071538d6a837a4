"""One round of probes against one running machine: what the first that fails has seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import assert_never

from reconciler.app.session import Session
from reconciler.errors import ReconcilerError, UnreachableError
from reconciler.kind import Kind, Questions
from reconciler.model.documents import Observed
from reconciler.model.probes import AddressProbe, AddressSource, AgentProbe, HttpProbe, Probe, TcpProbe
from reconciler.model.refs import Ref
from reconciler.ports import Reach

# How long one connection may take. A guest that is up answers in milliseconds.
SECONDS = 5.0
# A guest may have many addresses (containers, VPNs); those of its first interfaces have to do.
ADDRESSES = 4
NOT_RUNNING = "it is not running"


@dataclass(frozen=True, kw_only=True)
class Guest:
    """A machine on a host, and all that its probes ask with."""

    kind: Kind
    questions: Questions
    host: Session
    ref: Ref
    reach: Reach


def running(observed: Observed | None) -> bool:
    """Whether a guest is at work in it; a paused one is not."""
    return observed is not None and observed.active and observed.facts.get("!power", "running") == "running"


def failing(guest: Guest, probes: Iterable[Probe]) -> str:
    """The first probe that does not pass and what it saw; "" where all pass. Raises UnreachableError."""
    from reconciler.adapters.virt.faults import translating

    with translating(guest.host.host, guest.ref):
        observed = guest.kind.look(guest.host.handle, guest.ref)
    if not running(observed):
        return NOT_RUNNING
    seen = ((probe, _saw(guest, probe)) for probe in probes)
    return next((f"{probe}: {said}" for probe, said in seen if said), "")


def _saw(guest: Guest, probe: Probe) -> str:
    match probe:
        case AgentProbe():
            return _asked(guest, lambda: guest.questions.answer(guest.host.handle, guest.ref))
        case AddressProbe(source):
            return _addresses(guest, (source,))[1]
        case TcpProbe(port, host):
            return _somewhere(guest, host, lambda at: guest.reach.connect(at, port, SECONDS))
        case HttpProbe(url, status):
            fixed = "" if "{address}" in url else url
            return _somewhere(guest, fixed, lambda at: _got(guest, url.replace("{address}", _in_url(at)), status))
        case _:
            assert_never(probe)


def _asked(guest: Guest, question: Callable[[], object]) -> str:
    """What libvirt said against it, "" if nothing."""
    from reconciler.adapters.virt.faults import translating

    try:
        with translating(guest.host.host, guest.ref):
            question()
    except UnreachableError:
        raise
    except ReconcilerError as error:
        return error.problems[0].message.removeprefix("libvirt says: ")
    return ""


def _addresses(guest: Guest, sources: tuple[AddressSource, ...]) -> tuple[list[str], str]:
    """The guest's addresses from the first source that has any, and what was said if none has."""
    said = ""
    for source in sources:
        found, said = _known(guest, source)
        if found:
            return found[:ADDRESSES], ""
    return [], said if said and len(sources) == 1 else "no address is known of the guest"


def _known(guest: Guest, source: AddressSource) -> tuple[list[str], str]:
    found: list[str] = []
    said = _asked(guest, lambda: found.extend(guest.questions.addresses(guest.host.handle, guest.ref, source)))
    return found, said


def _somewhere(guest: Guest, fixed: str, attempt: Callable[[str], str]) -> str:
    """What the attempt met at the last of the places to try; "" as soon as it succeeds at one."""
    addresses, said = ([fixed], "") if fixed else _addresses(guest, tuple(AddressSource))
    for address in addresses:
        met = attempt(address)
        if not met:
            return ""
        said = met if fixed else f"{met} ({address})"
    return said


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _got(guest: Guest, url: str, status: int) -> str:
    answer = guest.reach.get(url, SECONDS)
    if not answer.status:
        return answer.said
    good = answer.status == status if status else 200 <= answer.status < 400
    return "" if good else f"status {answer.status}"
