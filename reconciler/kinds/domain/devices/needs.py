"""What a domain's devices stand on: volumes, networks and network filters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from reconciler.codecs import Json
from reconciler.kinds.domain.devices.source import DEFAULT_POOL
from reconciler.model.documents import Need
from reconciler.model.refs import Ref


def needs(body: Mapping[str, Json]) -> tuple[Need, ...]:
    """The volumes, networks and filters that a valid body's disks and interfaces name, in their order."""
    interfaces = _entries(body, "interfaces")
    return (*_volumes(_entries(body, "disks")), *_networks(interfaces), *_filters(interfaces))


def _entries(body: Mapping[str, Json], name: str) -> Sequence[Mapping[str, Json]]:
    return cast("Sequence[Mapping[str, Json]]", body.get(name, ()))


def _volumes(disks: Sequence[Mapping[str, Json]]) -> Iterator[Need]:
    for place, disk in enumerate(disks):
        if "volume" in disk:
            ref = Ref("Volume", f"{disk.get('pool', DEFAULT_POOL)}/{disk['volume']}")
            yield Need(ref, external=disk.get("external") is True, path=("spec", "disks", place, "volume"))


def _networks(interfaces: Sequence[Mapping[str, Json]]) -> Iterator[Need]:
    for place, interface in enumerate(interfaces):
        if "network" in interface:
            ref = Ref("Network", str(interface["network"]))
            yield Need(ref, external=interface.get("external") is True, path=("spec", "interfaces", place, "network"))


def _filters(interfaces: Sequence[Mapping[str, Json]]) -> Iterator[Need]:
    for place, interface in enumerate(interfaces):
        named = interface.get("filter")
        if isinstance(named, Mapping):
            external = interface.get("external") is True
            yield Need(Ref("NwFilter", str(named["name"])), external, ("spec", "interfaces", place, "filter"))
