"""The filters that libvirt itself brings along, and whether one is still as it came."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from reconciler.kinds.nwfilter.xml import read
from reconciler.model.documents import Observed

# Name -> the beginning of the digest of what it says, for each version of it.
# Those of libvirt 9.0; of another version one may look changed, and is then imported like any other.
BUILTIN: Mapping[str, frozenset[str]] = {
    "allow-arp": frozenset({"7cb53ee46a37dcb7"}),
    "allow-dhcp-server": frozenset({"0d629764db945b9e"}),
    "allow-dhcp": frozenset({"15a54b40fc129afe"}),
    "allow-dhcpv6-server": frozenset({"5f2dead703b7aefe"}),
    "allow-dhcpv6": frozenset({"c1dd7860394cf079"}),
    "allow-incoming-ipv4": frozenset({"e2ab71e684d3a99c"}),
    "allow-incoming-ipv6": frozenset({"ddd8eca9e848af8b"}),
    "allow-ipv4": frozenset({"116c2f0a4ba09004"}),
    "allow-ipv6": frozenset({"743174c5c38b9ce4"}),
    "clean-traffic-gateway": frozenset({"878b4185fc5b450e"}),
    "clean-traffic": frozenset({"0a8669001655a54c"}),
    "no-arp-ip-spoofing": frozenset({"84ee842e65334387"}),
    "no-arp-mac-spoofing": frozenset({"c4826ab71649b2da"}),
    "no-arp-spoofing": frozenset({"7efc4cdd26748424"}),
    "no-ip-multicast": frozenset({"a4c7aa98c080d404"}),
    "no-ip-spoofing": frozenset({"5d1297036cdc360a"}),
    "no-ipv6-multicast": frozenset({"62add2494bbf3c83"}),
    "no-ipv6-spoofing": frozenset({"e2948172098d13d6"}),
    "no-mac-broadcast": frozenset({"b71f49cd1a1550d4"}),
    "no-mac-spoofing": frozenset({"707c6fc672142eb8"}),
    "no-other-l2-traffic": frozenset({"f7adca742915d1ca"}),
    "no-other-rarp-traffic": frozenset({"5f77bee056f26a2f"}),
    "qemu-announce-self-rarp": frozenset({"ede56728b59666a1"}),
    "qemu-announce-self": frozenset({"ca742dd3e2e5380d"}),
}


def digest_of(xml: str) -> str:
    """Changes with what a filter says, whatever its UUID and layout; 16 hex digits."""
    return hashlib.sha256(json.dumps(sorted(read(xml).items())).encode()).hexdigest()[:16]


def is_given(observed: Observed) -> bool:
    """Whether libvirt brought this filter along, and nobody has changed it."""
    known = BUILTIN.get(observed.ref.name)
    return known is not None and digest_of(observed.xml) in known
