"""The fields of the machine itself: identity, processors, memory, firmware and boot, time, what happens when it stops."""

from __future__ import annotations

from reconciler.fields import (
    CPUSET,
    MEMORY,
    NAME,
    PATH,
    PRESENT,
    TEXT,
    YES_NO,
    Codec,
    Field,
    Group,
    Items,
    Node,
    choice,
    integer,
    text,
)
from reconciler.model.quantities import DURATION_PATTERN, parse_duration

DURATION = Codec(
    schema={"type": "string", "pattern": DURATION_PATTERN},
    lower=lambda value: str(parse_duration(str(value))),
    lift=lambda value: f"{value}s",
    unit="seconds, minutes, hours or days, for example 90s or 5m",
)
# A machine without the attribute boots the BIOS, so that word claims that nothing is there.
FIRMWARE = Codec(
    schema={"type": "string", "enum": ["bios", "uefi"]},
    lower=lambda value: "efi" if value == "uefi" else None,
    lift=lambda value: "uefi" if value == "efi" else value,
)
FLAG = Codec(schema={"type": "boolean"}, lower=lambda value: "yes" if value else "no", lift=lambda value: value == "yes")
LIFECYCLE = choice("destroy", "restart", "preserve", "rename-restart")
CRASH = choice("destroy", "restart", "preserve", "rename-restart", "coredump-destroy", "coredump-restart")

# What the document says about itself: read by `spec.parse`, never written to the host.
POLICY: tuple[Node, ...] = (
    Field(
        name="profile",
        at="!profile",
        codec=NAME,
        doc="The Profile merged underneath this document.",
        example="linux-small",
    ),
    Field(
        name="restartPolicy",
        at="!restartPolicy",
        codec=choice("never", "whenRequired"),
        doc="Whether a running guest may be restarted for changes that need it.",
        example="whenRequired",
    ),
    Field(
        name="deletionPolicy",
        at="!deletionPolicy",
        codec=choice("retain", "delete"),
        doc="Whether its firmware settings and disks may go when the document does.",
        example="retain",
    ),
    Field(
        name="protect",
        at="!protect",
        codec=FLAG,
        doc="Refuse to delete or replace it, even after the document is gone.",
        example=True,
    ),
    Group(
        name="shutdown",
        doc="How a stop goes: the guest is asked first.",
        fields=(
            Field(
                name="timeout",
                at="!shutdown/timeout",
                codec=DURATION,
                doc="How long the guest may take to shut down.",
                example="2m",
            ),
            Field(
                name="force",
                at="!shutdown/force",
                codec=FLAG,
                doc="Cut the power when the time is over.",
                example=False,
            ),
        ),
    ),
)

STATE: tuple[Node, ...] = (
    Field(
        name="power",
        at="!power",
        codec=Codec(
            schema={"type": "string", "enum": ["running", "stopped", "unmanaged"]},
            lower=lambda value: None if value == "unmanaged" else str(value),
            lift=str,
        ),
        doc="Whether it runs; running where nothing is said, unmanaged leaves it as it is.",
        example="running",
        keep=True,
    ),
    Field(
        name="autostart",
        at="!autostart",
        codec=YES_NO,
        doc="Whether it starts with its host.",
        example=True,
        keep=True,
    ),
)

ABOUT: tuple[Node, ...] = (
    Field(name="title", at="title", codec=text(pattern=r"[^\n]+"), doc="A short title in one line.", example="Web server"),
    Field(name="description", at="description", codec=TEXT, doc="A description for people.", example="Owner: team web"),
)

PLATFORM: tuple[Node, ...] = (
    Field(
        name="type",
        at="@type",
        codec=text(pattern="[a-z]+"),
        doc="The hypervisor; the best one that the host has where nothing is said.",
        example="kvm",
        keep=True,
    ),
    Field(
        name="arch",
        at="os/type@arch",
        codec=text(pattern="[A-Za-z0-9_]+"),
        doc="The processor architecture.",
        example="x86_64",
        keep=True,
    ),
    Field(
        name="machine",
        at="os/type@machine",
        codec=text(pattern=r"[A-Za-z0-9_.+-]+"),
        doc="The machine type; a new x86 machine is a q35. A name without version matches every version.",
        example="q35",
        keep=True,
    ),
    Field(
        name="osType",
        at="os/type",
        codec=choice("hvm", "xen", "xenpvh", "linux", "exe"),
        doc="How the guest is started: hvm boots as hardware does, exe is a container.",
        example="hvm",
        keep=True,
    ),
)

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

CLOCK = Group(
    name="clock",
    doc="The guest's clock.",
    short=("offset",),
    fields=(
        Field(
            name="offset",
            at="clock@offset",
            codec=choice("utc", "localtime", "timezone", "variable", "absolute"),
            doc="What the guest's hardware clock is set to.",
            example="utc",
            keep=True,
        ),
        Field(name="timezone", at="clock@timezone", codec=TEXT, doc="The time zone.", example="Europe/Berlin"),
        Field(name="basis", at="clock@basis", codec=choice("utc", "localtime"), doc="What variable adds to.", example="utc"),
        Field(
            name="adjustment",
            at="clock@adjustment",
            codec=text(pattern=r"-?[0-9]+|reset"),
            doc="Seconds added to the basis.",
            example="3600",
        ),
        Items(
            name="timers",
            at="clock/timer",
            doc="The guest's timers.",
            key="name",
            fields=(
                Field(name="name", at="@name", codec=NAME, doc="Which timer.", example="rtc", must=True),
                Field(name="present", at="@present", codec=YES_NO, doc="Whether the guest has it.", example=False),
                Field(
                    name="tickpolicy",
                    at="@tickpolicy",
                    codec=choice("delay", "catchup", "merge", "discard"),
                    doc="What becomes of ticks that were missed.",
                    example="catchup",
                ),
                Field(
                    name="track",
                    at="@track",
                    codec=choice("boot", "guest", "wall", "realtime"),
                    doc="What the timer follows.",
                    example="guest",
                ),
                Field(
                    name="mode",
                    at="@mode",
                    codec=choice("auto", "native", "emulate", "paravirt", "smpsafe"),
                    doc="How the time stamp counter is made.",
                    example="native",
                ),
                Field(
                    name="frequency",
                    at="@frequency",
                    codec=integer(1, unit="Hz"),
                    doc="How fast it counts.",
                    example=2400000000,
                ),
            ),
        ),
    ),
)

LIFE: tuple[Node, ...] = (
    Field(
        name="onPoweroff",
        at="on_poweroff",
        codec=LIFECYCLE,
        doc="What follows when the guest powers off.",
        example="destroy",
        keep=True,
    ),
    Field(
        name="onReboot",
        at="on_reboot",
        codec=LIFECYCLE,
        doc="What follows when the guest reboots.",
        example="restart",
        keep=True,
    ),
    Field(
        name="onCrash",
        at="on_crash",
        codec=CRASH,
        doc="What follows when the guest crashes.",
        example="destroy",
        keep=True,
    ),
    Field(
        name="onLockFailure",
        at="on_lockfailure",
        codec=choice("poweroff", "restart", "pause", "ignore"),
        doc="What follows when a lock on a disk is lost.",
        example="pause",
    ),
    Group(
        name="suspend",
        doc="Whether the guest may put itself to sleep.",
        fields=(
            Field(
                name="toMemory",
                at="pm/suspend-to-mem@enabled",
                codec=YES_NO,
                doc="Sleep in memory (S3).",
                example=False,
                whole=True,
            ),
            Field(
                name="toDisk",
                at="pm/suspend-to-disk@enabled",
                codec=YES_NO,
                doc="Sleep on disk (S4).",
                example=False,
                whole=True,
            ),
        ),
    ),
)
