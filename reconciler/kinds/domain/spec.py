"""A Domain document, or a libvirt XML file, in libvirt's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from urllib.parse import unquote

from reconciler import codecs, definitions, entries, fields, markup, merging, permits, users
from reconciler.errors import ManifestError, Problem, trouble
from reconciler.fields import Field, Group, Items, Node
from reconciler.kind import Context
from reconciler.kinds.domain import (
    boot,
    cloud_init,
    devices,
    health,
    ignition,
    life,
    machine,
    memory,
    processor,
    seed,
    tuning,
    xml,
)
from reconciler.kinds.domain.absent import impossible, spelt_out
from reconciler.kinds.domain.policy import doubts, policy
from reconciler.kinds.domain.sense import complete, contradictions
from reconciler.model.addresses import keys_of, pattern_of
from reconciler.model.documents import Address, Claims, Document, Spec, Texts

FIELDS: tuple[Node, ...] = (
    *machine.POLICY,
    health.HEALTH,
    *machine.STATE,
    *machine.ABOUT,
    *machine.PLATFORM,
    processor.VCPUS,
    processor.CPU,
    memory.MEMORY_FIELDS,
    boot.FIRMWARE_FIELDS,
    boot.BOOT,
    *boot.DIRECT,
    boot.SMBIOS,
    cloud_init.CLOUD_INIT,
    ignition.IGNITION,
    tuning.FEATURES,
    life.CLOCK,
    *tuning.RESOURCES,
    *life.LIFE,
    *devices.DEVICES,
    Field(
        name="xml",
        at="!xml",
        codec=codecs.TEXT,
        doc="Anything else libvirt knows, in its own words, merged over the fields above.",
        noted=True,
        example="<domain><devices><watchdog model='i6300esb' action='reset'/></devices></domain>",
    ),
)
_FOUND = entries.index(FIELDS)
# What shows a seed belongs to the field that it is made from.
TABLE = {
    **_FOUND,
    **{element: entries.Entry(path, None) for element, path in seed.SHOWN.values()},
    **{
        leaf: entries.Entry(path, _FOUND["devices/disk[]/source@volume"].field)
        for leaf, (_, path) in seed.SHOWN.items()
    },
}
FORM = merging.Format(
    root="domain", identities=xml.IDENTITIES, table=TABLE, read=lambda text: xml.said(markup.parse(text), whole=False)
)

POWER, AUTOSTART, OWNER = "!power", "!autostart", "metadata/reconciler:owner"
# The fact that names the interfaces without a network, by their keys with commas between.
UNPLUGGED = "!unplugged"


def parse(document: Document, context: Context) -> Spec:
    """What the document asks of a domain on the context's host. Raises ManifestError."""
    whole, sown = seed.planted(document)
    lowered = fields.lower(FIELDS, whole.body)
    said = {address: lowered.claims.pop(address) for address in tuple(lowered.claims) if address.startswith("!")}
    lowered.claims.update(seed.claims(sown))
    for address, key in keys(lowered.claims):
        lowered.claims.setdefault(address, key)
    typed = dict(lowered.claims)
    merging.lay(lowered, document, FORM)
    spec = Spec(
        ref=document.ref,
        host=context.host,
        claims=lowered.claims,
        lists=frozenset(lowered.lists),
        hints={**lowered.hints, **_ports(document)},
        needs=(*devices.needs(document.body), *seed.needs(document.body)),
        policy=permits.with_care(policy(said, health.read(document.body)), document.body),
        labels=document.labels,
        where=document.place(),
        digest=document.digest,
    )
    spec = seed.noted(spec, sown, document)
    if document.xml is not None:
        spec = _with_file(spec, document.xml)
    spec = replace(spec, needs=(*spec.needs, *users.secret_needs(spec.claims)))
    return _checked(_completed(spec, typed, said, document, context), typed, document)


def _ports(document: Document) -> dict[Address, str]:
    """How many ports the machine is to be made with, where the document says it."""
    count = document.body.get("pciePorts")
    return {} if count is None else {machine.PORTS: str(count)}


def keys(claims: Mapping[Address, str | None]) -> Iterator[tuple[Address, str]]:
    """The attribute that gives an element its key, for elements that fields name outright (`entry[serial]@name`)."""
    elements = {part: None for address in claims for part in _keyed_elements(address)}
    for element in elements:
        leaves = xml.IDENTITIES.get(pattern_of(element).replace("[]", ""), ())
        if len(leaves) == 1 and leaves[0].startswith("@"):
            yield element + leaves[0], unquote(keys_of(element)[-1])


def _keyed_elements(address: Address) -> Iterator[Address]:
    end = address.find("]")
    while end >= 0:
        yield address[: end + 1]
        end = address.find("]", end + 1)


def _with_file(spec: Spec, text: str) -> Spec:
    """What a whole libvirt XML file asks for; it also owns the lists that it could have."""
    root = markup.parse(text, spec.where.rpartition(":")[0].rpartition(":")[0])
    if root.tag != "domain":
        raise trouble("R111", f"{spec.ref}: the XML must be a <domain>, not a <{root.tag!s}>", spec.where)
    texts = xml.said(root, whole=True)
    name = texts.get("name", spec.ref.name)
    if name != spec.ref.name:
        raise trouble("R207", f"{spec.ref}: its XML has the name {name}; keep one of the two", spec.where)
    return replace(spec, claims=texts, lists=frozenset(_owned_lists(texts)))


def _owned_lists(texts: Texts) -> Iterator[Address]:
    """The lists that a whole XML file owns: of devices all, of other things those it has."""
    for node in _items(FIELDS):
        if node.owned and (node.at.startswith("devices/") or any(known.startswith(f"{node.at}[") for known in texts)):
            yield node.at


def _items(nodes: tuple[Node, ...]) -> Iterator[Items]:
    for node in nodes:
        if isinstance(node, Items):
            yield node
        elif isinstance(node, Group):
            yield from _items(node.fields)


def _completed(
    spec: Spec, typed: Claims, said: Mapping[Address, str | None], document: Document, context: Context
) -> Spec:
    """The spec with what no element of the definition says: power, autostart, whose it is, and what follows."""
    claims = dict(spec.claims)
    if document.xml is None:
        complete(claims, typed)
        spelt_out(claims)
    power = said.get(POWER, None if document.xml is not None else "running")
    if power is not None:
        claims[POWER] = power
    if said.get(AUTOSTART) is not None:
        claims[AUTOSTART] = said[AUTOSTART]
    if context.owner:
        claims[OWNER] = definitions.owner_mark(context.owner)
    return replace(spec, claims=claims)


def _checked(spec: Spec, typed: Claims, document: Document) -> Spec:
    """The same spec; raises ManifestError with everything in it that contradicts itself."""
    if document.xml is not None:
        return spec
    path_of = partial(entries.path_of, TABLE)
    said = contradictions(spec, document, path_of, typed)
    found = (*doubts(spec.policy, document), *said, *_unobtainable(spec, document))
    if found:
        raise ManifestError(found)
    return spec


def _unobtainable(spec: Spec, document: Document) -> Iterator[Problem]:
    """What the document's pieces of XML ask for in vain."""
    if not merging.texts_of(document.body):
        return
    for address, why in impossible(spec.claims):
        message = f"{spec.ref}: {entries.path_of(TABLE, address)} {why}"
        yield Problem("R215", message, document.place("spec", "xml"))
