"""One folder per kind, all of one shape; `KINDS` is the explicit table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler import entries
from reconciler.kind import Kind
from reconciler.kinds import domain, host, image, network, nwfilter, pool, secret, volume

# A Profile is a part of a Domain's document: it has the same fields, and no object on any host.
PROFILE = replace(
    domain.KIND,
    name="Profile",
    folder="profiles",
    root="",
    observe=lambda handle: (),
    marked=False,
)

# An Image is kept on hosts as volumes: it has fields of its own, and no object.
IMAGE = replace(
    volume.KIND,
    name="Image",
    folder="images",
    root="",
    fields=image.FIELDS,
    table=entries.index(image.FIELDS),
    observe=lambda handle: (),
    unseen=lambda handle: frozenset(),
)

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        host.KIND,
        secret.KIND,
        nwfilter.KIND,
        network.KIND,
        pool.KIND,
        IMAGE,
        volume.KIND,
        PROFILE,
        domain.KIND,
    )
}
