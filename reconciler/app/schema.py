"""`schema`: the JSON Schema of each kind's documents, made from its field table."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping

from reconciler import shapes
from reconciler.app.editor import as_written
from reconciler.codecs import Json
from reconciler.errors import trouble
from reconciler.kind import Kind
from reconciler.kinds import KINDS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
API_VERSION = "reconciler/v1"
NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._+-]*$"
# What is no part of a name: what libvirt refuses, what a terminal obeys, and what cannot be seen.
_UNFIT = r"/\x00-\x1f\x7f-\xa0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff"
# libvirt takes nearly everything in a name, and machines that others made have such names: `Windows 10`, `unit:0:0:1`.
OBJECT_PATTERN = f"^[^{_UNFIT} .-](?:[^{_UNFIT}]*[^{_UNFIT} ])?$"
NAME_LENGTH = 200

DESCRIPTIONS: Mapping[str, str] = {
    "Domain": "A virtual machine: everything libvirt's domain format has.",
    "Host": "A libvirt host: where it is, and what holds for all machines on it.",
    "Image": "A disk image that volumes are made from, fetched and verified once for each pool that needs it.",
    "Network": "A virtual network of one host.",
    "NwFilter": "Rules that libvirt puts between interfaces and the network.",
    "Pool": "A storage pool of one host: a place for volumes.",
    "Profile": "A part of a Domain's spec, merged underneath the Domains that name it.",
    "Secret": "A value that libvirt keeps for disks, pools and emulators.",
    "Volume": "A disk image or block device in a pool.",
}


MOVED_FROM: Mapping[str, Json] = {
    "description": "The name it had before: the object is renamed and keeps UUID, MAC, firmware settings and disks.",
    "examples": ["web-old"],
}


def schema(kind: str | None, *, editor: bool = False) -> str:
    """The JSON Schema of a kind's documents, of a document of any kind without one. Raises R202.

    For an `editor` it is that of documents as they are written, before anything is filled in.
    """
    if kind is None:
        return text(any_schema(KINDS, editor=editor))
    found = KINDS.get(kind)
    if found is None:
        near = difflib.get_close_matches(kind.capitalize(), KINDS, 1)
        hint = f"did you mean {near[0]}?" if near else f"the kinds are {', '.join(KINDS)}"
        raise trouble("R202", f"there is no kind {kind!r}; {hint}")
    return text(
        {"$schema": DIALECT, "title": kind, **as_written(_document(found))} if editor else document_schema(found)
    )


def files() -> dict[str, str]:
    """The schema of each kind as a file: name -> text."""
    return {f"{name}.json": text(document_schema(kind)) for name, kind in KINDS.items()}


def text(value: Mapping[str, Json]) -> str:
    """The JSON text of a schema."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def document_schema(kind: Kind) -> dict[str, Json]:
    """The schema of a whole document of this kind."""
    return {"$schema": DIALECT, "title": kind.name, **_document(kind)}


def any_schema(kinds: Mapping[str, Kind], *, editor: bool = False) -> dict[str, Json]:
    """The schema of a document of any kind: an editor's one setting for a whole repository."""
    return {
        "$schema": DIALECT,
        "title": "Document",
        "description": "One resource of any kind.",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata"],
        "properties": {"kind": {"description": "What is declared.", "enum": list(kinds)}},
        "allOf": [
            {
                "if": {"required": ["kind"], "properties": {"kind": {"const": name}}},
                "then": {"$ref": f"#/$defs/{name}"},
            }
            for name in kinds
        ],
        "$defs": {name: as_written(_document(kind)) if editor else _document(kind) for name, kind in kinds.items()},
    }


def _document(kind: Kind) -> dict[str, Json]:
    return {
        "description": DESCRIPTIONS.get(kind.name, f"A {kind.name}."),
        "type": "object",
        "additionalProperties": False,
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"description": "Version of the format.", "const": API_VERSION},
            "kind": {"description": "What is declared.", "const": kind.name},
            "metadata": _metadata(kind),
            "spec": {"description": f"What the {kind.name} is to be.", **shapes.schema(kind.fields)},
        },
    }


def _metadata(kind: Kind) -> dict[str, Json]:
    name = {"type": "string", "pattern": NAME_PATTERN, "maxLength": NAME_LENGTH}
    own = {**name, "pattern": OBJECT_PATTERN} if kind.root else name
    label = {"type": "string", "maxLength": NAME_LENGTH}
    return {
        "description": "How the resource is called, and where it is.",
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "properties": {
            "name": {**own, "description": "Name on the host, unique among its kind there.", "examples": ["web-1"]},
            "host": {**name, "description": "The Host document that it goes to.", "examples": ["hv1"]},
            "labels": {
                "description": "Words of your own, for selecting and grouping.",
                "type": "object",
                "propertyNames": name,
                "additionalProperties": label,
                "examples": [{"tier": "web"}],
            },
            **({"movedFrom": {**own, **MOVED_FROM}} if kind.rename else {}),
        },
    }
