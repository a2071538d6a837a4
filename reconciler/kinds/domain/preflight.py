"""What would fail on this host later, at define or at start, said before anything is changed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from reconciler.errors import Problem
from reconciler.kind import Facts
from reconciler.kinds.domain import seed, xml
from reconciler.model.addresses import keys_of, pattern_of
from reconciler.model.documents import Address, Observed, Spec
from reconciler.model.quantities import format_size
from reconciler.model.refs import Ref

# Claims that name a file which has to be there already (libvirt makes the NVRAM itself, from its template).
_FILES = (
    "os/kernel",
    "os/initrd",
    "os/dtb",
    "os/loader",
    "os/nvram@template",
    "devices/emulator",
    "devices/disk[]/source@file",
    "devices/disk[]/source@dev",
    "devices/filesystem[]/source@dir",
)

_PORT = re.compile(r"<graphics [^>]*?\b(?:port|tlsPort|websocket)=['\"](\d+)")


def preflight(spec: Spec, observed: Observed | None, facts: Facts) -> tuple[Problem, ...]:
    """Everything that this host lacks for the spec. What the domain has already is not asked again."""
    have = xml.read(observed.xml) if observed is not None else {}
    fresh = {address: text for address, text in spec.claims.items() if text and have.get(address) != text}
    lacks = (
        *_platform(fresh, facts),
        *_files(fresh, spec, facts),
        *_networks(fresh, spec, facts),
        *_volumes(fresh, spec, facts),
        *_ports(fresh, spec, facts),
        *_macs(spec),
    )
    burdens = tuple(_burdens(fresh, facts))
    return (
        *(Problem("R401", f"{spec.ref} {message}", spec.where) for message in lacks),
        *(Problem("R402", f"{spec.ref} {message}", spec.where) for message in burdens),
    )


def _platform(claims: dict[Address, str], facts: Facts) -> Iterator[str]:
    kind = claims.get("@type")
    if kind and facts.domain_types is not None and kind not in facts.domain_types:
        yield f"wants type {kind}; this host has {_listed(facts.domain_types)}"
    machine = claims.get("os/type@machine")
    if machine and facts.machines is not None and machine not in {*facts.machines, *facts.machines.values()}:
        yield f"wants machine {machine}, which this host's QEMU does not have"
    model = claims.get("cpu/model")
    if model and facts.cpu_models is not None and model not in facts.cpu_models:
        yield f"wants CPU model {model}, which this host's QEMU does not have"
    firmware = claims.get("os@firmware")
    if firmware and facts.firmwares is not None and firmware not in facts.firmwares:
        yield f"wants firmware {'uefi' if firmware == 'efi' else firmware}; install it on the host (package ovmf)"


def _listed(words: frozenset[str]) -> str:
    return ", ".join(sorted(words)) or "none"


def _files(claims: dict[Address, str], spec: Spec, facts: Facts) -> Iterator[str]:
    made = {ref.name.rpartition("/")[2] for ref in facts.declared if ref.kind in ("Volume", "Image")}
    for address, path in claims.items():
        if pattern_of(address) not in _FILES or path.rpartition("/")[2] in made:
            continue
        if facts.exists(path) is False:
            yield f"needs {path}, which is not on the host"


def _networks(claims: dict[Address, str], spec: Spec, facts: Facts) -> Iterator[str]:
    starts = spec.claims.get("!power") == "running"
    for address, name in claims.items():
        match pattern_of(address):
            case "devices/interface[]/source@network":
                yield from _network(name, starts, facts)
            case "devices/interface[]/source@bridge" | "devices/interface[]/source@dev":
                if facts.interfaces is not None and name not in facts.interfaces:
                    yield f"needs the host's interface {name}, which is not there"
            case "devices/interface[]/filterref@filter":
                known = facts.nwfilters is None or name in facts.nwfilters
                if not known and Ref("NwFilter", name) not in facts.declared:
                    yield f"needs the network filter {name}, which is neither declared nor on the host"


def _network(name: str, starts: bool, facts: Facts) -> Iterator[str]:
    if facts.networks is None or Ref("Network", name) in facts.declared:
        return
    if name not in facts.networks:
        yield f"needs Network/{name}, which is neither declared nor on the host"
    elif starts and not facts.networks[name]:
        yield f"needs Network/{name}, which is not active; start it or declare it"


def _volumes(claims: dict[Address, str], spec: Spec, facts: Facts) -> Iterator[str]:
    made = {each.volume for each in seed.seeds_of(spec)}
    yield from _pools({volume.partition("/")[0] for volume in made}, facts)
    for address, pool in claims.items():
        if pattern_of(address) != "devices/disk[]/source@pool" or Ref("Pool", pool) in facts.declared:
            continue
        volume = f"{pool}/{spec.claims.get(address.replace('@pool', '@volume'))}"
        if Ref("Volume", volume) in facts.declared or volume in made:
            continue
        lacks = list(_pools({pool}, facts))
        yield from lacks
        if not lacks and facts.volumes is not None and volume not in facts.volumes:
            yield f"needs Volume/{volume}, which is neither declared nor on the host"


def _pools(names: Iterable[str], facts: Facts) -> Iterator[str]:
    for name in sorted(names):
        if facts.pools is None or Ref("Pool", name) in facts.declared:
            continue
        if name not in facts.pools:
            yield f"needs Pool/{name}, which is neither declared nor on the host"
        elif not facts.pools[name]:
            yield f"needs Pool/{name}, which is not active"


def _ports(claims: dict[Address, str], spec: Spec, facts: Facts) -> Iterator[str]:
    for address, text in claims.items():
        if pattern_of(address) not in ("devices/graphics[]@port", "devices/graphics@port") or not text.isdecimal():
            continue
        holder = facts.ports.get(int(text))
        if holder is not None and holder != spec.ref:
            yield f"wants the graphics port {text}, which {holder} has"


def ports(text: str) -> frozenset[int]:
    """The graphics ports in a definition, found by pattern: every domain of the host is asked."""
    return frozenset(int(port) for port in _PORT.findall(text))


def _macs(spec: Spec) -> Iterator[str]:
    macs = Counter(
        text for at, text in spec.claims.items() if text and pattern_of(at) == "devices/interface[]/mac@address"
    )
    for mac in sorted(mac for mac, count in macs.items() if count > 1):
        names = [keys_of(at)[0] for at, text in spec.claims.items() if text == mac and at.endswith("/mac@address")]
        yield f"gives the MAC address {mac} to {' and '.join(names)}"


def _burdens(claims: dict[Address, str], facts: Facts) -> Iterator[str]:
    memory = claims.get("currentMemory") or claims.get("memory", "0")
    if facts.memory and memory.isdecimal() and int(memory) * xml.KIB > facts.memory:
        yield f"wants {format_size(int(memory) * xml.KIB)} of memory; the host has {format_size(facts.memory)}"
