"""What would fail on this host later, at define or at start, said before anything is changed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from reconciler.errors import Problem
from reconciler.kind import Facts, Lack, Unfit
from reconciler.kinds.domain import seed, xml
from reconciler.kinds.domain.abilities import lacking
from reconciler.matching import align, rename
from reconciler.model.addresses import keys_of, pattern_of
from reconciler.model.documents import Address, Observed, Spec, Texts
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
    have = _had(spec, observed)
    fresh = {address: text for address, text in spec.claims.items() if text and have.get(address) != text}
    lacks = (
        *_platform(fresh, facts),
        *(Lack(f"wants {lack.message}", lack.address) for lack in lacking(fresh, spec, have, facts)),
        *_files(fresh, spec, facts),
        *_networks(fresh, spec, facts),
        *_volumes(fresh, spec, facts),
        *_ports(fresh, spec, facts),
        *_macs(spec),
    )
    burdens = tuple(_burdens(fresh, facts))
    return (
        *(Unfit("R401", f"{spec.ref} {lack.message}", spec.where, lack.address) for lack in lacks),
        *(Unfit("R402", f"{spec.ref} {lack.message}", spec.where, lack.address) for lack in burdens),
    )


def _platform(claims: dict[Address, str], facts: Facts) -> Iterator[Lack]:
    kind = claims.get("@type")
    if kind and facts.domain_types is not None and kind not in facts.domain_types:
        yield Lack(f"wants type {kind}; this host has {_listed(facts.domain_types)}", "@type")
    machine = claims.get("os/type@machine")
    if machine and facts.machines is not None and machine not in {*facts.machines, *facts.machines.values()}:
        usual = _listed(frozenset(name for name, canonical in facts.machines.items() if name != canonical))
        yield Lack(f"wants machine {machine}, which this host's QEMU does not have; it has {usual}", "os/type@machine")


def _had(spec: Spec, observed: Observed | None) -> Texts:
    """What the domain has, with the document's names for its devices."""
    if observed is None:
        return {}
    texts = xml.read(observed.xml)
    return rename(texts, align(spec, texts, xml.IDENTITIES))


def _listed(words: frozenset[str]) -> str:
    return ", ".join(sorted(words)) or "none"


def _files(claims: dict[Address, str], spec: Spec, facts: Facts) -> Iterator[Lack]:
    made = {ref.name.rpartition("/")[2] for ref in facts.declared if ref.kind in ("Volume", "Image")}
    for address, path in claims.items():
        if pattern_of(address) not in _FILES or path.rpartition("/")[2] in made:
            continue
        if facts.exists(path) is False:
            yield Lack(f"needs {path}, which is not on the host", address)


def _networks(claims: dict[Address, str], spec: Spec, facts: Facts) -> Iterator[Lack]:
    starts = spec.claims.get("!power") == "running"
    for address, name in claims.items():
        match pattern_of(address):
            case "devices/interface[]/source@network":
                yield from (Lack(message, address) for message in _network(name, starts, facts))
            case "devices/interface[]/source@bridge" | "devices/interface[]/source@dev":
                if facts.interfaces is not None and name not in facts.interfaces:
                    yield Lack(f"needs the host's interface {name}, which is not there", address)
            case "devices/interface[]/filterref@filter":
                known = facts.nwfilters is None or name in facts.nwfilters
                if not known and Ref("NwFilter", name) not in facts.declared:
                    message = f"needs the network filter {name}, which is neither declared nor on the host"
                    yield Lack(message, address)


def _network(name: str, starts: bool, facts: Facts) -> Iterator[str]:
    if facts.networks is None or Ref("Network", name) in facts.declared:
        return
    if name not in facts.networks:
        yield f"needs Network/{name}, which is neither declared nor on the host"
    elif starts and not facts.networks[name]:
        yield f"needs Network/{name}, which is not active; start it or declare it"


def _volumes(claims: dict[Address, str], spec: Spec, facts: Facts) -> Iterator[Lack]:
    made = {each.volume for each in seed.seeds_of(spec)}
    yield from map(Lack, _pools({volume.partition("/")[0] for volume in made}, facts))
    for address, pool in claims.items():
        if pattern_of(address) != "devices/disk[]/source@pool" or Ref("Pool", pool) in facts.declared:
            continue
        volume = f"{pool}/{spec.claims.get(address.replace('@pool', '@volume'))}"
        if Ref("Volume", volume) in facts.declared or volume in made:
            continue
        lacks = list(_pools({pool}, facts))
        if not lacks and facts.volumes is not None and volume not in facts.volumes:
            lacks = [f"needs Volume/{volume}, which is neither declared nor on the host"]
        yield from (Lack(message, address) for message in lacks)


def _pools(names: Iterable[str], facts: Facts) -> Iterator[str]:
    for name in sorted(names):
        if facts.pools is None or Ref("Pool", name) in facts.declared:
            continue
        if name not in facts.pools:
            yield f"needs Pool/{name}, which is neither declared nor on the host"
        elif not facts.pools[name]:
            yield f"needs Pool/{name}, which is not active"


def _ports(claims: dict[Address, str], spec: Spec, facts: Facts) -> Iterator[Lack]:
    for address, text in claims.items():
        if pattern_of(address) not in ("devices/graphics[]@port", "devices/graphics@port") or not text.isdecimal():
            continue
        holder = facts.ports.get(int(text))
        if holder is not None and holder != spec.ref:
            yield Lack(f"wants the graphics port {text}, which {holder} has", address)


def ports(text: str) -> frozenset[int]:
    """The graphics ports in a definition, found by pattern: every domain of the host is asked."""
    return frozenset(int(port) for port in _PORT.findall(text))


def _macs(spec: Spec) -> Iterator[Lack]:
    macs = Counter(
        text for at, text in spec.claims.items() if text and pattern_of(at) == "devices/interface[]/mac@address"
    )
    for mac in sorted(mac for mac, count in macs.items() if count > 1):
        holders = [at for at, text in spec.claims.items() if text == mac and at.endswith("/mac@address")]
        names = " and ".join(keys_of(at)[0] for at in holders)
        yield Lack(f"gives the MAC address {mac} to {names}", holders[-1])


def _burdens(claims: dict[Address, str], facts: Facts) -> Iterator[Lack]:
    memory = claims.get("currentMemory") or claims.get("memory", "0")
    if facts.memory and memory.isdecimal() and int(memory) * xml.KIB > facts.memory:
        message = f"wants {format_size(int(memory) * xml.KIB)} of memory; the host has {format_size(facts.memory)}"
        yield Lack(message, "memory")
