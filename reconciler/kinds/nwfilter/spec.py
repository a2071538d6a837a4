"""Documents of network filters: the field table, from YAML or plain XML to a spec, and from a definition back."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler import definitions, entries, fields, markup, merging, permits
from reconciler.codecs import YES_NO, Codec, Json, choice, text
from reconciler.errors import trouble
from reconciler.fields import Field, Items, Lowered, Node
from reconciler.kind import Context
from reconciler.kinds.nwfilter.protocols import GROUPS, PROTOCOLS, attributes_of, spelled
from reconciler.kinds.nwfilter.xml import ENTRIES, IDENTITIES, ORDER, flat, read
from reconciler.model.addresses import entry_keys, pattern_of
from reconciler.model.documents import Address, Document, Need, Spec, Texts
from reconciler.model.refs import Ref
from reconciler.permits import POLICY

PRIORITY = Codec(
    schema={"type": "integer", "minimum": -1000, "maximum": 1000},
    lower=str,
    lift=lambda value: int(value) if value.lstrip("-").isdecimal() else value,
)
CHAIN = text(
    pattern="root|(mac|stp|vlan|arp|rarp|ipv4|ipv6)[A-Za-z0-9_.:-]*", unit="root, or a protocol and any ending"
)
_TRUTH = Codec(
    schema=YES_NO.schema, lower=lambda value: "true" if value else "false", lift=lambda value: value == "true"
)
_WOVEN = Codec(
    schema={"type": "array", "minItems": 2, "items": {"type": "string", "enum": list(ENTRIES)}},
    lower=lambda value: " ".join(map(str, value)) if isinstance(value, list) else None,
    lift=str.split,
)
_FILTERREFS = Items(
    name="filterrefs",
    at="filterref",
    doc="Other filters whose rules are part of this one.",
    short="filter",
    fields=(
        Field(
            name="filter",
            at="@filter",
            codec=text(),
            doc="The filter's name.",
            example="no-mac-spoofing",
            must=True,
            whole=True,
        ),
        Items(
            name="parameters",
            at="parameter",
            doc="Values for its variables; a variable may be given several times.",
            fields=(
                Field(
                    name="name",
                    at="@name",
                    codec=text(pattern="[A-Za-z0-9_]+"),
                    doc="The variable.",
                    example="DHCPSERVER",
                    must=True,
                    whole=True,
                ),
                Field(
                    name="value",
                    at="@value",
                    codec=text(),
                    doc="One value for it.",
                    example="10.1.2.1",
                    must=True,
                    whole=True,
                ),
            ),
            example=[{"name": "DHCPSERVER", "value": "10.1.2.1"}],
        ),
        Field(
            name="external",
            at="!external",
            codec=YES_NO,
            doc="The filter is on the host already and needs no document; so it is for libvirt's own.",
            example=True,
            noted=True,
        ),
    ),
    example=["clean-traffic"],
)
_RULES = Items(
    name="rules",
    at="rule",
    doc="What becomes of a packet; rules of lower priority come first, and their order counts among equals.",
    fields=(
        Field(
            name="action",
            at="@action",
            codec=choice("drop", "accept", "return", "continue", "reject"),
            doc="What becomes of a packet that looks like this.",
            example="accept",
            must=True,
            whole=True,
        ),
        Field(
            name="direction",
            at="@direction",
            codec=choice("in", "out", "inout"),
            doc="Whether it goes to the guest, comes from it, or both.",
            example="in",
            must=True,
            whole=True,
        ),
        Field(
            name="priority",
            at="@priority",
            codec=PRIORITY,
            doc="Lower comes first; 500 unless written.",
            example=100,
            implied="500",
        ),
        Field(
            name="statematch",
            at="@statematch",
            codec=_TRUTH,
            doc="Whether answers of a connection that the rule accepts are accepted too.",
            example=False,
            implied="true",
        ),
        *GROUPS,
    ),
    example=[{"action": "accept", "direction": "in", "tcp": {"dstportstart": 22}}],
)
FIELDS: tuple[Node, ...] = (
    Field(
        name="chain",
        at="@chain",
        codec=CHAIN,
        doc="The chain that the rules are put into; root unless written.",
        example="ipv4",
        implied="root",
    ),
    Field(
        name="priority",
        at="@priority",
        codec=PRIORITY,
        doc="When the chain is entered; lower comes first, and each protocol has a priority of its own.",
        example=-700,
    ),
    _FILTERREFS,
    _RULES,
    Field(
        name="order",
        at=ORDER,
        codec=_WOVEN,
        doc="How filterrefs and rules stand between each other, where the filterrefs do not all come first.",
        example=["rule", "filterref"],
        keep=True,
    ),
    *POLICY,
)
TABLE = entries.index(FIELDS)
FORM = merging.Format(root="filter", identities=IDENTITIES, table=TABLE, read=flat)


def parse(document: Document, context: Context) -> Spec:
    """What a document asks of a network filter. Raises ManifestError."""
    lowered = _lower(document)
    _check(document, lowered)
    return Spec(
        ref=document.ref,
        host=context.host,
        claims=lowered.claims,
        lists=frozenset(lowered.lists),
        hints=lowered.hints,
        needs=tuple(_needs(document, lowered)),
        policy=permits.read_policy(document.body),
        labels=document.labels,
        where=document.place(),
        digest=document.digest,
    )


def _lower(document: Document) -> Lowered:
    texts: Texts = {}
    if document.xml is not None:
        texts = read(document.xml)
        lowered = definitions.claim_all(texts, FIELDS, TABLE)
        lowered.lists.update(ENTRIES)
        uuid = markup.parse(document.xml).findtext("uuid")
        if uuid:
            lowered.hints["uuid"] = uuid.strip().lower()
    else:
        lowered = fields.lower(FIELDS, document.body)
        merging.lay(lowered, document, FORM)
    _own(lowered, texts)
    if lowered.lists:
        # Nothing said of it is that the references come first.
        lowered.claims.setdefault(ORDER, None)
    return lowered


def _own(lowered: Lowered, texts: Texts) -> None:
    """Claim rules and references whole. They have no identity but their place, where another may have been before."""
    claims = lowered.claims
    for key in entry_keys(claims, "filterref"):
        lowered.lists.add(f"filterref[{key}]/parameter")
    for key in entry_keys(claims, "rule"):
        rule = f"rule[{key}]"
        for leaf in ("@priority", "@statematch"):
            claims.setdefault(rule + leaf, None)
        for protocol in PROTOCOLS:
            element = f"{rule}/{protocol}"
            if element not in claims and element not in texts:
                claims[element] = None
                continue
            claims.setdefault(element, "")
            for attribute in attributes_of(protocol):
                claims.setdefault(f"{element}@{attribute}", None)


def _check(document: Document, lowered: Lowered) -> None:
    """Raises R207 where the order is not that of the rules and references of the document."""
    order = document.body.get("order")
    if not isinstance(order, list):
        return
    counted = {tag: len(entry_keys(lowered.claims, tag)) for tag in ENTRIES}
    if any(order.count(tag) != count for tag, count in counted.items()):
        said = " and ".join(f"{count} {tag}" for tag, count in counted.items())
        message = f"{document.ref} has {said}; name each of them once in order, or leave order out"
        raise trouble("R207", message, document.place("spec", "order"))


def _needs(document: Document, lowered: Lowered) -> Iterator[Need]:
    """The filters whose rules are part of this one."""
    written = document.body.get("filterrefs", [])
    listed = written if isinstance(written, list) else []
    for address, name in lowered.claims.items():
        if pattern_of(address) != "filterref[]@filter" or name is None:
            continue
        key = address[len("filterref[") : address.index("]")]
        entry = listed[int(key)] if key.isdecimal() and int(key) < len(listed) else None
        external = isinstance(entry, dict) and entry.get("external") is True
        path = ("spec", "filterrefs", int(key)) if entry is not None else ("spec", "xml")
        yield Need(Ref("NwFilter", name), external, path)


def _bare(key: str, rule: dict[str, Json], texts: Texts) -> dict[str, Json]:
    """The protocols of which a rule says no more than that it is for them."""
    found = (protocol for protocol in PROTOCOLS if f"rule[{key}]/{protocol}" in texts)
    return {spelled(protocol): {} for protocol in found if spelled(protocol) not in rule}


def _filled(address: Address, value: str) -> bool:
    """What libvirt means anyway; and that a rule is for a protocol, which its group says (see `_bare`)."""
    return (address, value) == ("@chain", "root") or pattern_of(address).removeprefix("rule[]/") in PROTOCOLS


def dump(texts: Texts) -> dict[str, Json]:
    """The `spec` that claims what the texts hold, without what libvirt means anyway."""
    body = definitions.describe("filter", FIELDS, texts, _filled, IDENTITIES)
    references, rules = body.get("filterrefs"), body.get("rules")
    if isinstance(references, list):
        body["filterrefs"] = [each["filter"] if set(each) == {"filter"} else each for each in references]
    if isinstance(rules, list):
        for key, rule in zip(entry_keys(texts, "rule"), rules, strict=True):
            rule.update(_bare(key, rule, texts))
    return body
