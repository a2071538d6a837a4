"""Ignition: the fields, and the configuration that the firmware hands to the guest."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from reconciler import seeds
from reconciler.codecs import NAME, Codec, Json, choice
from reconciler.errors import trouble
from reconciler.fields import Field, Group
from reconciler.kinds.domain.cloud_init import CONTENT, POOL, Policy
from reconciler.model.documents import Document

# Where Ignition looks for it with QEMU; on these processors there is no such place, and a disk of that serial is.
ENTRY = "opt/com.coreos/config"
SERIAL = "ignition"
WITHOUT_FIRMWARE = ("s390x", "ppc64", "ppc64le")
_VERSION = re.compile(r"[23]\.[0-9]+\.[0-9]+(-[a-z0-9.]+)?")


def _noted(name: str, codec: Codec, doc: str, example: Json) -> Field:
    return Field(name=name, at=f"!ignition/{name}", codec=codec, doc=doc, example=example, noted=True)


IGNITION = Group(
    name="ignition",
    doc="What Ignition in the guest finds at its first boot: through QEMU's fw_cfg, or on a disk where there is none.",
    fields=(
        _noted(
            "config",
            CONTENT,
            "Its configuration: a mapping, or its JSON as text (what butane writes).",
            {"ignition": {"version": "3.4.0"}},
        ),
        _noted("pool", NAME, f"The pool for the file; it has to hold files. `{POOL}` if not given.", "default"),
        _noted(
            "onChange",
            choice(*(policy.value for policy in Policy)),
            "What becomes of a machine that is there when this changes; as in cloudInit.",
            "ignore",
        ),
    ),
    example={"config": {"ignition": {"version": "3.4.0"}}},
)


def config(document: Document, body: Mapping[str, Json]) -> dict[str, Json]:
    """The file of the seed, by its name. Raises R205, R223."""
    if seeds.is_reference_to(body.get("config")):
        return {"config.ign": body["config"]}
    where = document.place("spec", "ignition", "config")
    if "config" not in body:
        raise trouble("R205", f"{document.ref}: ignition lacks config; add it", where)
    said, why = _parsed(body["config"])
    why = why or _why_not(said)
    if why:
        raise trouble("R223", f"{document.ref}: ignition.config {why}", where)
    return {"config.ign": said}


def _parsed(value: Json) -> tuple[Json, str]:
    if not isinstance(value, str):
        return value, ""
    try:
        return json.loads(value), ""
    except json.JSONDecodeError as error:
        return None, f"is not valid JSON at its line {error.lineno}, column {error.colno}: {error.msg}"


def _why_not(said: Json) -> str:
    about = said.get("ignition") if isinstance(said, Mapping) else None
    version = about.get("version") if isinstance(about, Mapping) else None
    if isinstance(version, str) and _VERSION.fullmatch(version):
        return ""
    return "says no version that Ignition knows; write ignition: {version: 3.4.0} in it"
