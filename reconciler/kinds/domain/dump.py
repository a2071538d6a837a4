"""From a host's domain to the document that would claim it (import)."""

from __future__ import annotations

from typing import cast

from reconciler import fields
from reconciler.errors import trouble
from reconciler.kinds.domain import proof
from reconciler.kinds.domain.born import born
from reconciler.kinds.domain.keep import keep
from reconciler.kinds.domain.names import names
from reconciler.kinds.domain.proof import Body, Domain
from reconciler.kinds.domain.remainder import missing, overlay
from reconciler.kinds.domain.sense import complete
from reconciler.kinds.domain.spec import FIELDS, POWER, keys
from reconciler.kinds.domain.wired import ports
from reconciler.model.documents import Spec, Texts
from reconciler.model.refs import Ref

# Each try takes out of the fields what they cannot say of this domain; few domains need one.
_TRIES = 8
_ROOT = "devices/controller[pci]"
_ORDER = tuple(node.name for node in FIELDS)
# What is said beside the definition.
_NO_CLAIMS = ("power", "pciePorts")
# Where a new machine has what this one lacks -> how a document says no to it.
_REFUSED = {"features/acpi": "acpi", "features/apic": "apic"}


def dump(texts: Texts) -> Body:
    """The body of a document that claims these texts; what has no field goes into `xml`.

    What comes of it is read again: it claims what the host has, all of it, and nothing else. Raises R216 where no
    document says that.
    """
    called, kept = names(texts), keep(texts)
    body = _lifted(Domain.of(texts, kept, called))
    for attempt in range(_TRIES):
        domain = Domain.of(texts, kept, called, body)
        whole = _whole(body, domain)
        doubtful = proof.doubtful(whole, domain)
        if not doubtful:
            return whole
        body = proof.without(body, doubtful, attempt)
    bare = {name: body[name] for name in _NO_CLAIMS if name in body}
    domain = Domain.of(texts, kept, {}, bare)
    whole = _whole(bare, domain)
    doubtful = proof.doubtful(whole, domain)
    if doubtful:
        raise trouble("R216", f"no document says what this definition has at {', '.join(doubtful)}")
    return whole


def _lifted(domain: Domain) -> Body:
    """What the fields say."""
    body = fields.lift(FIELDS, domain.kept)
    power = domain.texts.get(POWER)
    body["power"] = "unmanaged" if power is None else "stopped" if power == "stopped" else "running"
    if body.get("autostart") is False:
        del body["autostart"]
    by_itself = _born(domain.texts)
    for address, name in _REFUSED.items():
        if address in by_itself and address not in domain.texts:
            body["features"] = {**cast("Body", body.get("features", {})), name: False}
    if "devices/serial[0]" in by_itself and not any(at.startswith("devices/serial[") for at in domain.texts):
        body["serials"] = []
    if domain.texts.get(f"{_ROOT}@model") == "pcie-root" and _ROOT not in domain.kept:
        count = ports(domain.texts)
        body |= {} if count is None else {"pciePorts": count}
    return {name: body[name] for name in _ORDER if name in body}


def _born(texts: Texts) -> Texts:
    """What a new machine of the same hypervisor and machine type has where nobody says anything."""
    claims = {at: text for at, text in texts.items() if at == "@type" or at.startswith("os/type")}
    return born(Spec(ref=Ref("Domain", ""), host="", claims=claims))


def _whole(body: Body, domain: Domain) -> Body:
    """The body, and the rest in libvirt's words."""
    claims = fields.lower(FIELDS, body).claims
    claims.update({address: key for address, key in keys(claims) if address not in claims})
    complete(claims, dict(claims))
    rest = missing(claims, domain.kept, domain.texts)
    return {**body, "xml": overlay(rest, domain.texts, claims)} if rest else body
