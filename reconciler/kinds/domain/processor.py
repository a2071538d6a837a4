"""The fields of virtual processors and the model that the guest sees."""

from __future__ import annotations

from reconciler.codecs import CPUSET, MEMORY, ON_OFF, TEXT, YES_NO, choice, integer
from reconciler.fields import Field, Group, Items

VCPUS = Group(
    name="vcpus",
    doc="The processors of the guest.",
    short=("max", "current"),
    example={"current": 2, "max": 8},
    fields=(
        Field(name="max", at="vcpu", codec=integer(1), doc="How many it may have at most.", example=8, keep=True),
        Field(
            name="current",
            at="vcpu@current",
            codec=integer(1),
            doc="How many of them are plugged in.",
            example=2,
            keep=True,
        ),
        Field(
            name="placement",
            at="vcpu@placement",
            codec=choice("static", "auto"),
            doc="Who chooses the host's CPUs: auto asks numad.",
            example="static",
            keep=True,
        ),
        Field(name="cpuset", at="vcpu@cpuset", codec=CPUSET, doc="The host's CPUs that it may use.", example="0-3"),
    ),
)

CPU = Group(
    name="cpu",
    doc="The processor that the guest sees.",
    short=("mode",),
    example={"mode": "host-passthrough", "topology": {"sockets": 1, "cores": 4, "threads": 2}},
    fields=(
        Field(
            name="mode",
            at="cpu@mode",
            codec=choice("custom", "host-model", "host-passthrough", "maximum"),
            doc="Where the model comes from.",
            example="host-model",
            whole=True,
        ),
        Field(
            name="model",
            at="cpu/model",
            codec=TEXT,
            doc="A model by name; mode is custom then.",
            example="Skylake-Server",
        ),
        Field(
            name="fallback",
            at="cpu/model@fallback",
            codec=choice("allow", "forbid"),
            doc="Whether a model that the host lacks may be replaced by the nearest.",
            example="forbid",
        ),
        Field(
            name="match",
            at="cpu@match",
            codec=choice("minimum", "exact", "strict"),
            doc="How near the host must come to the model.",
            example="exact",
        ),
        Field(
            name="check",
            at="cpu@check",
            codec=choice("none", "partial", "full"),
            doc="How it is checked at start.",
            example="partial",
            keep=True,
        ),
        Field(
            name="migratable",
            at="cpu@migratable",
            codec=ON_OFF,
            doc="Leave out what would keep host-passthrough from migrating.",
            example=True,
        ),
        Group(
            name="topology",
            doc="Sockets, dies, cores and threads; their product is vcpus.max.",
            fields=(
                Field(name="sockets", at="cpu/topology@sockets", codec=integer(1), doc="How many sockets.", example=1),
                Field(
                    name="dies", at="cpu/topology@dies", codec=integer(1), doc="How many dies a socket has.", example=1
                ),
                Field(
                    name="cores",
                    at="cpu/topology@cores",
                    codec=integer(1),
                    doc="How many cores a die has.",
                    example=4,
                    whole=True,
                ),
                Field(
                    name="threads",
                    at="cpu/topology@threads",
                    codec=integer(1),
                    doc="How many threads a core has.",
                    example=2,
                ),
            ),
        ),
        Group(
            name="cache",
            doc="The cache that the guest sees.",
            fields=(
                Field(
                    name="mode",
                    at="cpu/cache@mode",
                    codec=choice("passthrough", "emulate", "disable"),
                    doc="The host's own, one made up, or none.",
                    example="passthrough",
                    whole=True,
                ),
                Field(
                    name="level", at="cpu/cache@level", codec=integer(1, 3), doc="Which level is emulated.", example=3
                ),
            ),
        ),
        Group(
            name="physicalAddress",
            doc="The width of physical addresses.",
            fields=(
                Field(
                    name="mode",
                    at="cpu/maxphysaddr@mode",
                    codec=choice("passthrough", "emulate"),
                    doc="The host's own or a number.",
                    example="emulate",
                    whole=True,
                ),
                Field(
                    name="bits", at="cpu/maxphysaddr@bits", codec=integer(1), doc="How many bits it has.", example=42
                ),
            ),
        ),
        Items(
            name="features",
            at="cpu/feature",
            doc="Single features on top of the model.",
            key="name",
            fields=(
                Field(name="name", at="@name", codec=TEXT, doc="The feature.", example="vmx", must=True),
                Field(
                    name="policy",
                    at="@policy",
                    codec=choice("force", "require", "optional", "disable", "forbid"),
                    doc="Whether the guest gets it.",
                    example="disable",
                ),
            ),
        ),
        Items(
            name="numa",
            at="cpu/numa/cell",
            doc="The guest's NUMA cells.",
            key="id",
            fields=(
                Field(
                    name="id",
                    at="@id",
                    codec=integer(),
                    doc="Its number; the position where nothing is said.",
                    example=0,
                ),
                Field(name="cpus", at="@cpus", codec=CPUSET, doc="The guest's CPUs in it.", example="0-3"),
                Field(name="memory", at="@memory", codec=MEMORY, doc="The memory in it.", example="4GiB"),
                Field(
                    name="access",
                    at="@memAccess",
                    codec=choice("shared", "private"),
                    doc="Whether other processes may map it.",
                    example="shared",
                ),
                Field(
                    name="discard", at="@discard", codec=YES_NO, doc="Throw its content away at the end.", example=True
                ),
            ),
        ),
    ),
)
