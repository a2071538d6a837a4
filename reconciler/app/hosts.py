"""The hosts that the desired state names, without opening any."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.app import sealing, wiring
from reconciler.app.desired import Desired, read_desired
from reconciler.app.session import host_uris
from reconciler.app.settings import Selection, Settings
from reconciler.ports import Ledger


def desired_of(settings: Settings) -> Desired:
    """The desired state. Raises ManifestError."""
    source = wiring.gathered(settings, Selection())
    default = wiring.host_name(settings.connect)
    kinds = sealing.sealed(wiring.kinds(), wiring.seal(settings))
    return read_desired(source, wiring.cache(settings), kinds, default, settings, wiring.vault(settings, source))


def ledgers(settings: Settings) -> Iterator[tuple[str, Ledger]]:
    """Each host's name and ledger."""
    for host in host_uris(settings, desired_of(settings)):
        yield host, wiring.ledger(settings, host)
