"""Network filters in libvirt's words: read a definition into texts that compare, and write one."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence

from reconciler import definitions, markup
from reconciler.kind import Situation
from reconciler.markup import Element, Identities
from reconciler.model.addresses import pattern_of
from reconciler.model.documents import Address, Spec
from reconciler.model.plans import Diff

# Rules and references have no identity but their place.
IDENTITIES: Identities = {"rule": (), "filterref": (), "filterref/parameter": ()}
# How rules and references stand between each other, where the references do not all come first.
ORDER = "!order"
ENTRIES = ("filterref", "rule")
# What libvirt means where nothing is written (conf/nwfilter_conf.c, 9.0).
RULE_PRIORITY = "500"
CHAIN_PRIORITIES: Mapping[str, str] = {
    "root": "0",
    "mac": "-800",
    "vlan": "-750",
    "ipv4": "-700",
    "ipv6": "-600",
    "arp": "-500",
    "rarp": "-400",
}
_MASKS = ("srcipmask", "dstipmask")


def flat(text: str) -> dict[Address, str]:
    """The texts of a definition or of a part of one, each in one spelling."""
    root = markup.parse(text)
    root.attrib.pop("name", None)
    for uuid in root.findall("uuid"):
        root.remove(uuid)
    for element in root.iter("*"):
        _spell(element)
    texts = markup.flatten(root, IDENTITIES, unit=1, default_unit=1)
    order = [str(child.tag) for child in root if child.tag in ENTRIES]
    if order != sorted(order):
        texts[ORDER] = " ".join(order)
    return texts


def read(text: str) -> dict[Address, str]:
    """The texts of a whole definition."""
    texts = flat(text)
    chain = texts.setdefault("@chain", "root")
    if texts.get("@priority") == priority_of(chain):
        del texts["@priority"]
    return texts


def priority_of(chain: str) -> str:
    """The priority of a chain that gives none; one for a part of a protocol (`arp-mac`) has the protocol's."""
    return CHAIN_PRIORITIES.get(chain.partition("-")[0], "0")


def _spell(element: Element) -> None:
    """One spelling: a prefix for a mask, true and false for what has two words, no priority that is meant anyway."""
    for name in _MASKS:
        if name in element.attrib:
            element.set(name, spell_mask(element.get(name, "")))
    if element.tag == "rule":
        if element.get("priority") == RULE_PRIORITY:
            del element.attrib["priority"]
        said = element.get("statematch")
        if said in ("1", "true"):
            del element.attrib["statematch"]
        elif said == "0":
            element.set("statematch", "false")


def spell_mask(text: str) -> str:
    """The length of the prefix that a mask is; anything else as it is."""
    if "." not in text:
        return text
    try:
        return str(ipaddress.ip_network(f"0.0.0.0/{text}").prefixlen)
    except ValueError:
        return text


def same(address: Address, want: str, have: str) -> bool:
    """Whether two texts mean one thing: numbers in two spellings, and words in large or small letters."""
    if not pattern_of(address).startswith("rule[]"):
        return False
    return want.lower() == have.lower() or (_value(want) is not None and _value(want) == _value(have))


def _value(text: str) -> int | None:
    try:
        return int(text, 16) if text.lower().startswith("0x") else int(text)
    except ValueError:
        return None


def render(spec: Spec, situation: Situation | None, diffs: Sequence[Diff]) -> str:
    """The definition to store: a new one, or the host's own with the differences carried out."""
    if situation is None:
        skeleton = markup.parse("<filter/>")
        skeleton.set("name", spec.ref.name)
        text = definitions.build(markup.serialise(skeleton), spec, IDENTITIES, {})
    else:
        text = definitions.revise(situation, diffs, IDENTITIES, {})
    return _ordered(text, spec)


def _ordered(text: str, spec: Spec) -> str:
    """The definition with its rules and references in the order that the document asks for; else as they are."""
    if ORDER not in spec.claims:
        return text
    root = markup.parse(text)
    waiting = {tag: root.findall(tag) for tag in ENTRIES}
    asked = (spec.claims[ORDER] or "").split()
    for element in (each for found in waiting.values() for each in found):
        root.remove(element)
    for tag in asked:
        if waiting[tag]:
            root.append(waiting[tag].pop(0))
    for tag in ENTRIES:
        root.extend(waiting[tag])
    return markup.serialise(root)
