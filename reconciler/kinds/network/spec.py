"""Network documents: from YAML or plain XML to a spec, and from a definition back to YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from reconciler import definitions, fields, markup, merging, permits
from reconciler.codecs import Json
from reconciler.errors import trouble
from reconciler.fields import Lowered
from reconciler.kind import Context
from reconciler.kinds.network.table import FIELDS, TABLE
from reconciler.kinds.network.xml import IDENTITIES, ISOLATED, MODE, flat, read
from reconciler.model.addresses import entry_keys
from reconciler.model.documents import Address, Document, Policy, RestartPolicy, Spec, Texts

FORM = merging.Format(root="network", identities=IDENTITIES, table=TABLE, read=flat)
OWNER_MARK = "metadata/reconciler:owner"
# Networks that libvirt gives a bridge of its own, and with it addresses, DHCP and DNS.
_OWN_BRIDGE = ("nat", "route", "open", ISOLATED)


def parse(document: Document, context: Context) -> Spec:
    """What a document asks of a network. It is active unless the document says otherwise. Raises ManifestError."""
    lowered = _lower(document)
    lowered.claims.setdefault("!active", "yes")
    _check(document, lowered)
    lowered.claims.pop(OWNER_MARK, None)
    if context.owner:
        lowered.claims[OWNER_MARK] = definitions.owner_mark(context.owner)
    return Spec(
        ref=document.ref,
        host=context.host,
        claims=lowered.claims,
        lists=frozenset(lowered.lists),
        hints=lowered.hints,
        policy=_policy(document),
        labels=document.labels,
        where=document.place(),
        digest=document.digest,
    )


def _policy(document: Document) -> Policy:
    restart = RestartPolicy(document.body.get("restartPolicy", RestartPolicy.NEVER.value))
    return replace(permits.read_policy(document.body), restart=restart)


def _lower(document: Document) -> Lowered:
    if document.xml is not None:
        lowered = definitions.claim_all(read(document.xml), FIELDS, TABLE)
        uuid = markup.parse(document.xml).findtext("uuid")
        if uuid:
            lowered.hints["uuid"] = uuid.strip().lower()
        return lowered
    lowered = fields.lower(FIELDS, document.body)
    merging.lay(lowered, document, FORM)
    return lowered


def _check(document: Document, lowered: Lowered) -> None:
    """Raises R207 for what libvirt would refuse to define."""
    mode = lowered.claims.get(MODE)
    where = document.place("spec", "forward")
    if mode is None:
        return
    lists = [at for at in ("ip", "dns/host", "route") if entry_keys(lowered.claims, at)]
    if mode not in _OWN_BRIDGE and lists:
        raise trouble(
            "R207",
            f"{document.ref} has mode {mode}, which uses devices the host has already; addresses, DHCP, DNS and routes "
            "are for the modes nat, route, open and isolated",
            where,
        )
    if mode != "nat" and any(address.startswith("forward/nat") for address in lowered.claims):
        raise trouble("R207", f"{document.ref} has forward.nat, which needs mode nat, not {mode}", where)
    if mode in ("open", ISOLATED) and entry_keys(lowered.claims, "forward/interface"):
        raise trouble("R207", f"{document.ref} has forward.interfaces, which mode {mode} cannot use", where)


def dump(texts: Texts) -> dict[str, Json]:
    """The `spec` that claims what the texts hold, without what libvirt fills in by itself."""
    return definitions.describe("network", FIELDS, texts, _filled_in, IDENTITIES)


_FILLED: Mapping[Address, str] = {
    "!active": "yes",
    "!autostart": "no",
    "bridge@name": r"virbr[0-9]+",
    "bridge@stp": "on",
    "bridge@delay": "0",
    "mac@address": ".*",
    OWNER_MARK: ".*",
}


def _filled_in(address: Address, text: str) -> bool:
    pattern = _FILLED.get(address)
    return pattern is not None and re.fullmatch(pattern, text, re.DOTALL) is not None
