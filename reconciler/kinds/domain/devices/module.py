"""Memory modules: memory that is plugged in beside what the machine boots with."""

from __future__ import annotations

from reconciler.codecs import CPUSET, MEMORY, YES_NO, choice, integer
from reconciler.fields import Field, Items, Node, When
from reconciler.kinds.domain.devices.codecs import name_of
from reconciler.model.documents import Address

_ELASTIC: When = (("model", ("virtio-mem",)),)
# The smallest block of virtio-mem on x86 is a transparent huge page.
_BLOCK = "2048"

_FIELDS: tuple[Node, ...] = (
    name_of("module"),
    Field(
        name="model",
        at="@model",
        codec=choice("dimm", "virtio-mem"),
        doc="A module like those of a real machine, or one whose guest hands memory out and back in blocks.",
        example="virtio-mem",
        keep=True,
    ),
    Field(name="size", at="target/size", codec=MEMORY, doc="How large it is.", example="2GiB", must=True),
    Field(
        name="node",
        at="target/node",
        codec=integer(),
        doc="The guest's NUMA node that it belongs to.",
        example=0,
        implied="0",
    ),
    Field(
        name="requested",
        at="target/requested",
        codec=MEMORY,
        doc="How much of it the guest is to have now; all of it if not given.",
        example="1GiB",
        keep=True,
        when=_ELASTIC,
    ),
    Field(
        name="blockSize",
        at="target/block",
        codec=MEMORY,
        doc="The blocks in which the guest hands it back.",
        example="2MiB",
        keep=True,
        when=_ELASTIC,
    ),
    Field(
        name="access",
        at="@access",
        codec=choice("shared", "private"),
        doc="Whether other processes may map it.",
        example="shared",
    ),
    Field(name="discard", at="@discard", codec=YES_NO, doc="Throw its content away at the end.", example=True),
    Field(
        name="nodeset",
        at="source/nodemask",
        codec=CPUSET,
        doc="The host's NUMA nodes that it comes from.",
        example="0",
    ),
)


def _derive(claims: dict[Address, str | None]) -> None:
    claims.setdefault("@model", "dimm")
    claims.setdefault("target/node", "0")
    if claims["@model"] == "virtio-mem":
        for at, size in (("target/block", _BLOCK), ("target/requested", claims["target/size"])):
            claims.setdefault(at, size)
            claims[f"{at}@unit"] = "KiB"


MODULES = Items(
    name="modules",
    at="devices/memory",
    doc="Memory beside what the machine boots with; it needs hotplug.",
    key="name",
    alias=True,
    fields=_FIELDS,
    derive=_derive,
    derived={"target/node": "node"},
    example=[{"name": "extra", "size": "2GiB"}],
)
