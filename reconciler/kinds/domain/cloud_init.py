"""cloud-init: the fields, and the files of a NoCloud seed that they make."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from uuid import NAMESPACE_URL, uuid5

from reconciler import seeds
from reconciler.codecs import NAME, Codec, Json, choice
from reconciler.errors import ManifestError, Problem
from reconciler.fields import Field, Group
from reconciler.model.documents import Document

POOL = "default"


class Policy(Enum):
    """What becomes of a machine whose document asks for another seed than it was made with."""

    IGNORE = "ignore"
    NEXT_BOOT = "nextBoot"
    REBUILD = "rebuild"


CONTENT = Codec(
    schema={"anyOf": [{"type": "object"}, {"type": "string", "minLength": 1}]},
    lower=lambda value: None,
    lift=lambda value: value,
)


def _noted(name: str, codec: Codec, doc: str, example: Json) -> Field:
    return Field(name=name, at=f"!cloudInit/{name}", codec=codec, doc=doc, example=example, noted=True)


CLOUD_INIT = Group(
    name="cloudInit",
    doc="What cloud-init in the guest finds at its first boot, on a CD-ROM that is made from this (NoCloud).",
    fields=(
        _noted(
            "userData",
            CONTENT,
            "What the machine is to become: a mapping is written as #cloud-config, a text is given as it is.",
            {"users": ["default"], "packages": ["nginx"]},
        ),
        _noted(
            "metaData",
            CONTENT,
            "What the machine is; instance-id and local-hostname are added where a mapping lacks them.",
            {"local-hostname": "web-1.example.org"},
        ),
        _noted(
            "networkConfig",
            CONTENT,
            "How its network is set up, in version 1 or 2 of cloud-init's format.",
            {"version": 2, "ethernets": {"lan": {"match": {"name": "e*"}, "dhcp4": True}}},
        ),
        _noted(
            "vendorData",
            CONTENT,
            "Like userData, from whoever runs the host; userData goes before it.",
            {"package_update": True},
        ),
        _noted("datasource", choice("nocloud"), "How cloud-init gets at it.", "nocloud"),
        _noted("pool", NAME, f"The pool for the image; `{POOL}` if not given.", "default"),
        _noted(
            "bus",
            choice("scsi", "sata", "ide", "usb", "virtio"),
            "The bus of the drive; scsi if not given. On virtio it is a read-only disk.",
            "sata",
        ),
        _noted(
            "onChange",
            choice(*(policy.value for policy in Policy)),
            "What becomes of a machine that is there when this changes: it keeps what it was made with (ignore, the "
            "default), finds the new image when it boots next, or gets a new root disk with it (rebuild).",
            "nextBoot",
        ),
    ),
    example={"userData": {"packages": ["nginx"]}},
)

# How cloud-init tells what a text is (its documentation, User-data formats); MIME has headers of its own.
_HEADERS = (
    "#cloud-config",
    "#!",
    "#include",
    "#cloud-boothook",
    "#part-handler",
    "#upstart-job",
    "## template:",
)
_MIME = re.compile(r"(?i)(content-type|mime-version):")


def files(document: Document, body: Mapping[str, Json]) -> dict[str, Json]:
    """The files of the seed, by name: user-data and meta-data always, the others where they are given.

    Raises R223 for what cloud-init would not understand, R207 where a rename would look like a new machine to it.
    """
    problems = [*_doubts(document, body)]
    if problems:
        raise ManifestError(tuple(problems))
    found: dict[str, Json] = {"user-data": body.get("userData", {}), "meta-data": _meta_data(document, body)}
    named = {"networkConfig": "network-config", "vendorData": "vendor-data"}
    return {**found, **{file: body[name] for name, file in named.items() if name in body}}


def _meta_data(document: Document, body: Mapping[str, Json]) -> Json:
    """By default an instance that stays the same for the name's life: cloud-init begins anew when it changes."""
    said = body.get("metaData", {})
    if not isinstance(said, Mapping) or seeds.is_reference_to(said):
        return said
    name = document.ref.name
    return {"instance-id": f"iid-{uuid5(NAMESPACE_URL, name)}", "local-hostname": name, **said}


def _doubts(document: Document, body: Mapping[str, Json]) -> Iterator[Problem]:
    for name in ("userData", "metaData", "networkConfig", "vendorData"):
        if name in body and (why := _why_not(name, body[name])):
            yield Problem("R223", f"{document.ref}: cloudInit.{name} {why}", document.place("spec", "cloudInit", name))
    if document.moved_from and body.get("onChange", "ignore") != "ignore" and not _instance(body):
        message = f"{document.ref}: cloud-init would take the renamed machine for a new one"
        cure = "write metaData.instance-id as it was (cloud-init query instance_id in the guest tells it)"
        yield Problem("R207", f"{message}; {cure}", document.place("spec", "cloudInit"))
    disks = document.body.get("disks", ())
    if isinstance(disks, list) and any(
        isinstance(disk, Mapping) and disk.get("name") == "cloud-init" for disk in disks
    ):
        message = f"{document.ref} has cloudInit and a disk cloud-init, which is the name of its drive; rename the disk"
        yield Problem("R207", message, document.place("spec", "disks"))


def _instance(body: Mapping[str, Json]) -> bool:
    said = body.get("metaData", {})
    return isinstance(said, str) or seeds.is_reference_to(said) or (isinstance(said, Mapping) and "instance-id" in said)


def _why_not(name: str, value: Json) -> str:
    """Why cloud-init would not take this value; "" if it would, or if it is kept elsewhere."""
    if seeds.is_reference_to(value):
        return ""
    if name in ("userData", "vendorData"):
        return _user_data(value) if isinstance(value, str) else ""
    said, why = seeds.parsed(value) if isinstance(value, str) else (value, "")
    if why or not isinstance(said, Mapping):
        return why or "is no mapping; write one"
    if name == "networkConfig":
        inner = said.get("network", said)
        version = inner.get("version") if isinstance(inner, Mapping) else None
        return "" if version in (1, 2) else "has no version; write version: 2 (or 1) beside its settings"
    return ""


def _user_data(text: str) -> str:
    if not text.startswith(_HEADERS) and not _MIME.match(text):
        first = text.partition("\n")[0][:40]
        return f"begins with {first!r}, which tells cloud-init nothing; begin with #cloud-config or #!/bin/sh"
    header = text.partition("\n")[0].strip()
    if header != "#cloud-config":
        return ""
    said, why = seeds.parsed(text)
    return why or ("" if said is None or isinstance(said, Mapping) else "is no mapping below #cloud-config; write one")
