"""Entries of a network that libvirt changes while it runs (virNetworkUpdate, 9.0), and the calls that do it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from reconciler import markup
from reconciler.kinds.network.xml import IDENTITIES, read
from reconciler.markup import Element
from reconciler.model.addresses import entry_keys, pattern_of
from reconciler.model.documents import Address, Spec
from reconciler.model.plans import KindStep

# Entries that libvirt can update while the network runs -> the section's name in virNetworkUpdate.
SECTIONS = {
    "ip[]/dhcp/range[]": "ip-dhcp-range",
    "ip[]/dhcp/host[]": "ip-dhcp-host",
    "dns/host[]": "dns-host",
    "dns/txt[]": "dns-txt",
    "dns/srv[]": "dns-srv",
    "forward/interface[]": "forward-interface",
    "portgroup[]": "portgroup",
}
Leaves = Mapping[str, str | None]
Elements = Mapping[Address, Element]
# Where libvirt finds an entry by several values, and refuses a new one that agrees with another: in all that it says of
# these, or in any (conf/network_conf.c, virNetworkDefUpdateDNSSrv and its neighbours).
_ALL = {"dns/srv[]": ("@service", "@protocol", "@domain", "@target"), "ip[]/dhcp/range[]": ("@start", "@end")}
_ANY = {"dns/txt[]": ("@name",), "dns/host[]": ("@ip",), "ip[]/dhcp/host[]": ("@ip", "@mac", "@id", "@name")}
# Known by their position, so all that come after one that changes are written anew, in order.
_PLACED = "dns/srv[]"
# Of these libvirt takes one only in most modes, so the old one goes first.
_SINGLE = "forward/interface[]"
_GROUP = "portgroup[]"


def updates(live: str, target: str, touched: Sequence[Address]) -> Iterator[KindStep]:
    """One step for each entry of the running network that has to go, come or change.

    libvirt can modify port groups; other entries are put in anew and the old ones taken out, in this order where both
    can be there at once: libvirt forgets the boot file of an address whose last DHCP entry goes.
    """
    have, parents = _entries(live)
    want, _ = _entries(target)
    changed = [address for address in _changed(have, want, touched) if _parent(address, parents) is not None]
    for command, address in _turns(have, want, changed):
        element = _handle_of(have[address]) if command == "delete" else want[address]
        yield _step(command, address, _parent(address, parents) or 0, element)


def _changed(have: Elements, want: Elements, touched: Sequence[Address]) -> list[Address]:
    """The entries that differ and are concerned; of those known by their position only, all that come after too."""
    both = [address for address in dict.fromkeys((*have, *want)) if _concerned(address, touched)]
    found = [address for address in both if not _same(have.get(address), want.get(address))]
    placed = [address for address in dict.fromkeys((*have, *want)) if pattern_of(address) == _PLACED]
    first = next((placed.index(address) for address in found if address in placed), len(placed))
    return [*(address for address in found if address not in placed), *placed[first:]]


def _turns(have: Elements, want: Elements, changed: Sequence[Address]) -> Iterator[tuple[str, Address]]:
    """What to put in and to take out, in an order that libvirt takes: each comes as soon as nothing is in its way."""
    going = [address for address in changed if address in have and not _modified(address, have, want)]
    coming = [address for address in changed if address in want]
    there = dict(have)
    while going or coming:
        free = next((address for address in coming if not _hindered(address, want[address], there, going)), None)
        if free is None and going:
            yield "delete", going[0]
            del there[going.pop(0)]
            continue
        address = free or coming[0]
        coming.remove(address)
        modified = _modified(address, have, want)
        there[address if modified else f"{address} (new)"] = want[address]
        yield "modify" if modified else "add-last", address


def _hindered(address: Address, element: Element, there: Elements, going: Sequence[Address]) -> bool:
    """Whether libvirt would take an entry that is there for this one, or has no room for another."""
    at, pattern = _list_of(address)
    beside = {known: other for known, other in there.items() if known.startswith(f"{at}[")}
    if pattern in (_PLACED, _SINGLE):
        return any(other in beside for other in going)
    if any(_list_of(other)[1] == pattern and _list_of(other)[0] != at for other in going):
        # DHCP moves to another address: libvirt has it on one address of a family only.
        return True
    if pattern == _GROUP:
        second = any(other.get("default") == "yes" for known, other in beside.items() if known != address)
        return second and element.get("default") == "yes"
    return any(_alike(pattern, _leaves(element), _leaves(other)) for other in beside.values())


def _leaves(element: Element) -> Leaves:
    return {f"@{name}": text for name, text in element.attrib.items()}


def _modified(address: Address, have: Elements, want: Elements) -> bool:
    return pattern_of(address) == _GROUP and address in have and address in want


def _parent(address: Address, parents: dict[Address, int]) -> int | None:
    """The position of the `ip` that an entry is in, -1 where it is in none; None where the running network lacks it."""
    return parents.get(address.partition("/")[0]) if address.startswith("ip[") else -1


def _handle_of(element: Element) -> Element:
    """What libvirt needs to find an entry: of a DNS host its address alone, since names may be those of others too."""
    if element.tag == "host" and element.get("mac") is None and element.find("hostname") is not None:
        return element.makeelement("host", {"ip": element.get("ip", "")})
    return element


def _entries(text: str) -> tuple[dict[Address, Element], dict[Address, int]]:
    """The entries that can be updated, and the position of each `ip` among its like."""
    root = markup.parse(text)
    found = dict(markup.walk(root, IDENTITIES))
    entries = {address: element for address, element in found.items() if pattern_of(address) in SECTIONS}
    parents = [address for address in found if pattern_of(address) == "ip[]"]
    return entries, {address: position for position, address in enumerate(parents)}


def _concerned(address: Address, touched: Sequence[Address]) -> bool:
    return any(
        address == other or other.startswith((address + "/", address + "@")) or address.startswith(other + "/")
        for other in touched
    )


def _same(old: Element | None, new: Element | None) -> bool:
    return old is not None and new is not None and markup.canonical(old) == markup.canonical(new)


def _step(command: str, address: Address, parent: int, element: Element) -> KindStep:
    section, xml = SECTIONS[pattern_of(address)], markup.canonical(element)
    return KindStep("update", {"command": command, "section": section, "parent": str(parent), "xml": xml})


def ambiguous(address: Address, live: str, spec: Spec) -> bool:
    """Whether libvirt would take one entry for another while it changes the list that this address is in."""
    at, pattern = _list_of(address)
    have, want = _listed(_texts(live), at), _listed(spec.claims, at)
    going = [key for key in have if have[key] != want.get(key)]
    coming = [key for key in want if have.get(key) != want[key]]
    lost = any(_alike(pattern, have[key], have[other]) for key in going for other in have if other != key)
    return lost or any(_alike(pattern, want[key], want[other]) for key in coming for other in want if other != key)


# The differences of one network are judged one after the other.
@lru_cache(maxsize=4)
def _texts(live: str) -> dict[Address, str]:
    return read(live)


def _list_of(address: Address) -> tuple[Address, str]:
    """The list that holds an entry or something inside one, and the pattern of its entries."""
    end = address.find("]", address.find("dhcp/")) if address.startswith("ip[") else address.find("]")
    element = address[: end + 1]
    return element.rpartition("[")[0], pattern_of(element)


def _listed(texts: Mapping[Address, str | None], at: Address) -> dict[str, Leaves]:
    """The entries of a list by key, each with all that it says."""
    return {
        key: {name[len(start) :]: text for name, text in texts.items() if name.startswith(start) and text is not None}
        for key in entry_keys(texts, at)
        for start in (f"{at}[{key}]",)
    }


def _alike(pattern: str, one: Leaves, other: Leaves) -> bool:
    """Whether libvirt finds `other` too when it is asked for `one`."""
    if pattern in _ALL:
        return all(one.get(leaf) in (None, other.get(leaf)) for leaf in _ALL[pattern])
    return any(leaf in one and one[leaf] == other.get(leaf) for leaf in _ANY.get(pattern, ()))
