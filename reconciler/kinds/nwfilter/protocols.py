"""What a rule can look at in a packet: each protocol with its attributes, in libvirt's own words (formatnwfilter)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from reconciler.codecs import YES_NO, Codec, Json, text
from reconciler.fields import Field, Group
from reconciler.kinds.nwfilter.xml import spell_mask

# Any value may be a variable, which an interface or a reference to the filter fills in.
VARIABLE = r"\$[A-Za-z0-9_]+(\[[^\]]*\])? *"


def _number(value: str) -> Json:
    return int(value) if re.fullmatch("0|[1-9][0-9]*", value) else value


NUMBER = Codec(
    schema={"type": ["integer", "string"], "pattern": f"^(?:0x[0-9A-Fa-f]+|[0-9]+|{VARIABLE})$", "minimum": 0},
    lower=str,
    lift=_number,
    unit="number, in quotes where it is hexadecimal or a variable",
)
WORD = Codec(
    schema={"type": ["integer", "string"], "minLength": 1},
    lower=str,
    lift=_number,
    unit="name or number",
)
ADDRESS = text(pattern=rf"[0-9A-Fa-f.:]+|{VARIABLE}", unit="IP address or variable")
MASK = Codec(
    schema={"type": ["integer", "string"], "pattern": f"^(?:[0-9A-Fa-f.:]+|{VARIABLE})$", "minimum": 0},
    lower=lambda value: spell_mask(str(value)),
    lift=_number,
    unit="length of a prefix, mask or variable",
)
MAC = Codec(
    schema={"type": "string", "pattern": f"^(?:[0-9A-Fa-f]{{1,2}}(:[0-9A-Fa-f]{{1,2}}){{5}}|{VARIABLE})$"},
    lower=lambda value: value.lower() if isinstance(value, str) and ":" in value else str(value),
    lift=lambda value: value,
    unit="MAC address or variable",
)
WORDS = text(unit="words with commas between")

# Attribute -> how it is written, what it is, an example.
_ATTRIBUTES: Mapping[str, tuple[Codec, str, Json]] = {
    "match": (YES_NO, "False: the rule is for packets that do not look like this.", False),
    "comment": (text(), "A remark of up to 256 letters.", "only our own address"),
    "srcmacaddr": (MAC, "Sender's MAC address.", "$MAC"),
    "srcmacmask": (MAC, "Bits of the sender's MAC address that count.", "ff:ff:ff:00:00:00"),
    "dstmacaddr": (MAC, "Receiver's MAC address.", "52:54:00:12:34:56"),
    "dstmacmask": (MAC, "Bits of the receiver's MAC address that count.", "ff:ff:ff:00:00:00"),
    "protocolid": (WORD, "Ethernet protocol.", "ipv4"),
    "vlanid": (NUMBER, "Number of the VLAN.", 42),
    "encap-protocol": (WORD, "Ethernet protocol inside the VLAN.", "ipv4"),
    "type": (NUMBER, "Type of the message.", 8),
    "typeend": (NUMBER, "Last type of a range.", 11),
    "code": (NUMBER, "Code of the message.", 0),
    "codeend": (NUMBER, "Last code of a range.", 3),
    "flags": (WORDS, "Flags: for TCP a mask and those that are set; for STP a number.", "SYN,ACK/SYN"),
    "root-priority": (NUMBER, "Priority of the root bridge.", 32768),
    "root-priority-hi": (NUMBER, "Last priority of a range.", 61440),
    "root-address": (MAC, "MAC address of the root bridge.", "52:54:00:00:00:01"),
    "root-address-mask": (MAC, "Bits of the root bridge's address that count.", "ff:ff:ff:00:00:00"),
    "root-cost": (NUMBER, "Cost of the path to the root.", 4),
    "root-cost-hi": (NUMBER, "Last cost of a range.", 19),
    "sender-priority": (NUMBER, "Priority of the bridge that sends.", 32768),
    "sender-priority-hi": (NUMBER, "Last priority of a range of senders.", 61440),
    "sender-address": (MAC, "MAC address of the bridge that sends.", "52:54:00:00:00:02"),
    "sender-address-mask": (MAC, "Bits of the sender's address that count.", "ff:ff:ff:00:00:00"),
    "port": (NUMBER, "Port of the bridge.", 2),
    "port-hi": (NUMBER, "Last port of a range.", 9),
    "age": (NUMBER, "Age of the message.", 1),
    "age-hi": (NUMBER, "Last age of a range.", 20),
    "max-age": (NUMBER, "Greatest age of a message.", 20),
    "max-age-hi": (NUMBER, "Last greatest age of a range.", 40),
    "hello-time": (NUMBER, "Time between two messages.", 2),
    "hello-time-hi": (NUMBER, "Last time of a range.", 10),
    "forward-delay": (NUMBER, "Delay before the bridge forwards.", 15),
    "forward-delay-hi": (NUMBER, "Last delay of a range.", 30),
    "hwtype": (NUMBER, "Hardware type.", 1),
    "protocoltype": (NUMBER, "Protocol type.", "0x800"),
    "opcode": (WORD, "What the message is for.", "Request"),
    "arpsrcmacaddr": (MAC, "Sender's MAC address inside the message.", "$MAC"),
    "arpdstmacaddr": (MAC, "Receiver's MAC address inside the message.", "52:54:00:12:34:56"),
    "arpsrcipaddr": (ADDRESS, "Sender's IP address inside the message.", "$IP"),
    "arpdstipaddr": (ADDRESS, "Receiver's IP address inside the message.", "10.1.2.3"),
    "gratuitous": (text(pattern="true|false|yes|no"), "Whether the message is a gratuitous one.", "true"),
    "srcipaddr": (ADDRESS, "Sender's address.", "$IP"),
    "srcipmask": (MASK, "How much of the sender's address counts.", 24),
    "dstipaddr": (ADDRESS, "Receiver's address.", "10.1.2.3"),
    "dstipmask": (MASK, "How much of the receiver's address counts.", 24),
    "srcipfrom": (ADDRESS, "First address of a range of senders.", "10.1.2.3"),
    "srcipto": (ADDRESS, "Last address of a range of senders.", "10.1.2.9"),
    "dstipfrom": (ADDRESS, "First address of a range of receivers.", "10.1.2.3"),
    "dstipto": (ADDRESS, "Last address of a range of receivers.", "10.1.2.9"),
    "protocol": (WORD, "Protocol above IP.", "udp"),
    "srcportstart": (NUMBER, "First port of the sender.", 67),
    "srcportend": (NUMBER, "Last port of the sender.", 68),
    "dstportstart": (NUMBER, "First port of the receiver.", 22),
    "dstportend": (NUMBER, "Last port of the receiver.", 23),
    "dscp": (NUMBER, "Class of service.", 46),
    "connlimit-above": (NUMBER, "How many connections there are at least.", 20),
    "state": (WORDS, "States of the connection.", "NEW,ESTABLISHED"),
    "ipset": (text(), "A set of addresses, made by ipset on the host.", "admins"),
    "ipsetflags": (WORDS, "Whether the set is searched for senders or receivers (src, dst).", "src,dst"),
}
_L2 = ("srcmacaddr", "srcmacmask", "dstmacaddr", "dstmacmask")
_IP = ("srcipaddr", "srcipmask", "dstipaddr", "dstipmask")
_PORTS = ("srcportstart", "srcportend", "dstportstart", "dstportend")
_RANGES = ("srcmacaddr", *_IP, "srcipfrom", "srcipto", "dstipfrom", "dstipto", "dscp")
_TRACKED = (*_RANGES, "connlimit-above", "state", "ipset", "ipsetflags")
_ARP = (
    *_L2,
    *("hwtype", "protocoltype", "opcode", "gratuitous"),
    *("arpsrcmacaddr", "arpsrcipaddr", "arpdstmacaddr", "arpdstipaddr"),
)
_STP = (
    *("root-priority", "root-priority-hi", "root-cost", "root-cost-hi", "root-address", "root-address-mask"),
    *("sender-priority", "sender-priority-hi", "sender-address", "sender-address-mask"),
    *("port", "port-hi", "age", "age-hi", "max-age", "max-age-hi"),
    *("hello-time", "hello-time-hi", "forward-delay", "forward-delay-hi"),
)
# Protocol -> its title and attributes.
PROTOCOLS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "mac": ("Ethernet frames", (*_L2, "protocolid")),
    "vlan": ("frames of a VLAN", (*_L2, "vlanid", "encap-protocol")),
    "stp": ("messages of the spanning tree protocol", ("srcmacaddr", "srcmacmask", "type", "flags", *_STP)),
    "arp": ("ARP messages", _ARP),
    "rarp": ("RARP messages", _ARP),
    "ip": ("IPv4 packets, as the bridge sees them", (*_L2, *_IP, *_PORTS, "protocol", "dscp")),
    "ipv6": (
        "IPv6 packets, as the bridge sees them",
        (*_L2, *_IP, *_PORTS, "protocol", "type", "typeend", "code", "codeend"),
    ),
    "tcp": ("TCP over IPv4", (*_TRACKED, *_PORTS, "flags")),
    "udp": ("UDP over IPv4", (*_TRACKED, *_PORTS)),
    "sctp": ("SCTP over IPv4", (*_TRACKED, *_PORTS)),
    "icmp": ("ICMP", (*_TRACKED, "type", "code")),
    "igmp": ("IGMP", _TRACKED),
    "all": ("all IPv4 packets", _TRACKED),
    "esp": ("ESP over IPv4", _TRACKED),
    "ah": ("AH over IPv4", _TRACKED),
    "udplite": ("UDP-Lite over IPv4", _TRACKED),
    "tcp-ipv6": ("TCP over IPv6", (*_RANGES, *_PORTS, "flags")),
    "udp-ipv6": ("UDP over IPv6", (*_RANGES, *_PORTS)),
    "sctp-ipv6": ("SCTP over IPv6", (*_RANGES, *_PORTS)),
    "icmpv6": ("ICMPv6", (*_RANGES, "type", "code")),
    "all-ipv6": ("all IPv6 packets", _RANGES),
    "esp-ipv6": ("ESP over IPv6", _RANGES),
    "ah-ipv6": ("AH over IPv6", _RANGES),
    "udplite-ipv6": ("UDP-Lite over IPv6", _RANGES),
}


def _group(name: str) -> Group:
    title = PROTOCOLS[name][0]
    return Group(
        name=spelled(name),
        at=name,
        doc=f"The rule is for {title}.",
        fields=tuple(_field(attribute) for attribute in attributes_of(name)),
        example={"srcmacaddr": "$MAC"},
    )


def attributes_of(protocol: str) -> tuple[str, ...]:
    """All that a rule can look at in packets of a protocol."""
    return ("match", *PROTOCOLS[protocol][1], "comment")


def _field(attribute: str) -> Field:
    codec, doc, example = _ATTRIBUTES[attribute]
    return Field(
        name=spelled(attribute),
        at=f"@{attribute}",
        codec=codec,
        doc=doc,
        example=example,
        implied="yes" if attribute == "match" else None,
    )


def spelled(name: str) -> str:
    """libvirt's word as a key of YAML: `connlimitAbove`, `tcpIpv6`."""
    return re.sub("-(.)", lambda found: found[1].upper(), name)


GROUPS: tuple[Group, ...] = tuple(_group(name) for name in PROTOCOLS)
