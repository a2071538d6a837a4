"""The steps on one domain, but for starting and stopping (see switching); what is already so is success."""

from __future__ import annotations

import re
from urllib.parse import unquote

from reconciler import markup
from reconciler.kinds.domain.handle import (
    DOMAIN_AFFECT_CONFIG,
    DOMAIN_AFFECT_LIVE,
    DOMAIN_METADATA_DESCRIPTION,
    DOMAIN_METADATA_ELEMENT,
    DOMAIN_METADATA_TITLE,
    DOMAIN_UNDEFINE_CHECKPOINTS_METADATA,
    DOMAIN_UNDEFINE_KEEP_NVRAM,
    DOMAIN_UNDEFINE_KEEP_TPM,
    DOMAIN_UNDEFINE_MANAGED_SAVE,
    DOMAIN_UNDEFINE_NVRAM,
    DOMAIN_UNDEFINE_SNAPSHOTS_METADATA,
    DOMAIN_UNDEFINE_TPM,
    ERR_INVALID_ARG,
    Domain,
)
from reconciler.model.plans import KindStep
from reconciler.ports import error_code


def undefine(domain: Domain, data: bool) -> None:
    """Remove the definition and libvirt's own notes on it. Drivers that know fewer flags are asked with fewer."""
    notes = DOMAIN_UNDEFINE_MANAGED_SAVE | DOMAIN_UNDEFINE_SNAPSHOTS_METADATA | DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    nvram, tpm = (
        (DOMAIN_UNDEFINE_NVRAM, DOMAIN_UNDEFINE_TPM) if data else (DOMAIN_UNDEFINE_KEEP_NVRAM, DOMAIN_UNDEFINE_KEEP_TPM)
    )
    for flags in (notes | nvram | tpm, notes | nvram, notes):
        try:
            domain.undefineFlags(flags)
        except Exception as error:
            if error_code(error) != ERR_INVALID_ARG:
                raise
            continue
        return
    domain.undefineFlags(0)


def rename(domain: Domain, step: KindStep) -> None:
    """Give it another name; libvirt demands that it is off and has no saved state."""
    domain.rename(step.arguments["name"], 0)


def write_metadata(domain: Domain, step: KindStep) -> None:
    for address, text in step.arguments.items():
        if address in ("title", "description"):
            kind = DOMAIN_METADATA_TITLE if address == "title" else DOMAIN_METADATA_DESCRIPTION
            domain.setMetadata(kind, text or None, None, None, _affect(domain))
        else:
            write_element(domain, address.removeprefix("metadata/"), text)


def write_element(domain: Domain, name: str, text: str) -> None:
    """Write or, with "", remove one element of the metadata; `name` is `prefix:name` or `{uri}name` (see foreign)."""
    prefix, _, _ = name.partition(":")
    uri = unquote(name[1:].partition("}")[0]) if name.startswith("{") else markup.NAMESPACES[prefix]
    written = re.match(r"<([\w.-]+):", text)
    prefix = written[1] if written else "x" if name.startswith("{") else prefix
    domain.setMetadata(DOMAIN_METADATA_ELEMENT, _bare(text, uri) or None, prefix, uri, _affect(domain))


def _bare(text: str, uri: str) -> str:
    """The element without its name space: libvirt 9.0 adds that itself and fails where it finds it there."""
    prefix = re.match(r"<([\w.-]+):", text)
    if prefix is None:
        return text.replace(f' xmlns="{uri}"', "")
    return re.sub(rf"(</?){prefix[1]}:", r"\1", re.sub(rf' xmlns:{prefix[1]}="[^"]*"', "", text))


def _affect(domain: Domain) -> int:
    persistent = DOMAIN_AFFECT_CONFIG if domain.isPersistent() else 0
    return persistent | (DOMAIN_AFFECT_LIVE if domain.isActive() else 0)
