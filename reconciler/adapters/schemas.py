"""libvirt's RELAX NG schemas, where its library has installed them (package libvirt0)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from reconciler.grammar import Fault, Schema

FOLDER = Path("/usr/share/libvirt/schemas")
FILES = {
    "domain": "domain.rng",
    "network": "network.rng",
    "pool": "storagepool.rng",
    "volume": "storagevol.rng",
    "filter": "nwfilter.rng",
    "secret": "secret.rng",
}


@cache
def _schema(root: str) -> Schema | None:
    path = FOLDER / FILES.get(root, "")
    return Schema(str(path)) if path.is_file() else None


def complaint(root: str, xml: str) -> str | None:
    """What the schema for this root element has against the document; None if nothing, or if there is no schema."""
    schema = _schema(root)
    return schema.complaint(xml) if schema else None


def fault(root: str, xml: str) -> Fault | None:
    """The same with what is to blame for it."""
    schema = _schema(root)
    return schema.fault(xml) if schema else None


def installed(root: str) -> bool:
    """Whether there is a schema for documents with this root element."""
    return (FOLDER / FILES.get(root, "-")).is_file()
