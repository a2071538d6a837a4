"""The fields of the guest's memory."""

from __future__ import annotations

from reconciler.codecs import CPUSET, MEMORY, PRESENT, choice, integer
from reconciler.fields import Field, Group
from reconciler.kinds.domain.devices.module import MODULES

MEMORY_FIELDS = Group(
    name="memory",
    doc="The memory of the guest.",
    short=("max", "current"),
    example={"current": "2GiB", "max": "8GiB"},
    fields=(
        Field(name="max", at="memory", codec=MEMORY, doc="What it boots with.", example="8GiB", keep=True),
        Field(
            name="current",
            at="currentMemory",
            codec=MEMORY,
            doc="What the balloon leaves it; never more than max.",
            example="2GiB",
            keep=True,
        ),
        Group(
            name="hotplug",
            doc="Room for memory modules that are plugged in later.",
            fields=(
                Field(name="max", at="maxMemory", codec=MEMORY, doc="All memory with every module.", example="16GiB"),
                Field(name="slots", at="maxMemory@slots", codec=integer(1, 256), doc="Slots for modules.", example=8),
            ),
        ),
        MODULES,
        Group(
            name="hugepages",
            doc="Memory from the host's huge pages.",
            short=("pageSize",),
            fields=(
                Field(
                    name="enabled",
                    at="memoryBacking/hugepages",
                    codec=PRESENT,
                    doc="Use huge pages of the host's default size.",
                    example=True,
                ),
                Field(
                    name="pageSize",
                    at="memoryBacking/hugepages/page[0]@size",
                    codec=MEMORY,
                    doc="The size of one page.",
                    example="2MiB",
                    whole=True,
                ),
                Field(
                    name="nodeset",
                    at="memoryBacking/hugepages/page[0]@nodeset",
                    codec=CPUSET,
                    doc="The guest's NUMA nodes that use them.",
                    example="0",
                ),
            ),
        ),
        Group(
            name="backing",
            doc="How the host holds the memory.",
            fields=(
                Field(
                    name="source",
                    at="memoryBacking/source@type",
                    codec=choice("file", "anonymous", "memfd"),
                    doc="What kind of memory it is on the host.",
                    example="memfd",
                    whole=True,
                ),
                Field(
                    name="access",
                    at="memoryBacking/access@mode",
                    codec=choice("shared", "private"),
                    doc="Whether other processes may map it (virtiofs and vhost-user need shared).",
                    example="shared",
                    whole=True,
                ),
                Field(
                    name="allocation",
                    at="memoryBacking/allocation@mode",
                    codec=choice("immediate", "ondemand"),
                    doc="When the host sets it aside.",
                    example="immediate",
                    whole=True,
                ),
                Field(name="locked", at="memoryBacking/locked", codec=PRESENT, doc="Never swap it out.", example=True),
                Field(
                    name="nosharepages",
                    at="memoryBacking/nosharepages",
                    codec=PRESENT,
                    doc="Keep KSM from merging its pages.",
                    example=True,
                ),
                Field(
                    name="discard",
                    at="memoryBacking/discard",
                    codec=PRESENT,
                    doc="Throw its content away at the end.",
                    example=True,
                ),
            ),
        ),
    ),
)
