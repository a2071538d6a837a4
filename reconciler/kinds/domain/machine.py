"""The fields of what a domain is and what its document permits."""

from __future__ import annotations

from reconciler.codecs import NAMES, PATH, TEXT, YES_NO, Codec, choice, integer, text
from reconciler.fields import Field, Group, Items, Node
from reconciler.model.quantities import DURATION_PATTERN, parse_duration
from reconciler.permits import CARE

DURATION = Codec(
    schema={"type": "string", "pattern": DURATION_PATTERN},
    lower=lambda value: str(parse_duration(str(value))),
    lift=lambda value: f"{value}s",
    unit="seconds, minutes, hours or days, for example 90s or 5m",
)
FLAG = Codec(
    schema={"type": "boolean"}, lower=lambda value: "yes" if value else "no", lift=lambda value: value == "yes"
)
# How many ports a new machine has, which no definition says in one place.
PORTS = "!pciePorts"
# What the document says about itself: read by `spec.parse`, never written to the host.
POLICY: tuple[Node, ...] = (
    *CARE,
    Field(
        name="profile",
        at="!profile",
        codec=NAMES,
        doc="The Profile merged underneath this document, or a list of them, the lowest first.",
        example="linux-small",
    ),
    Field(
        name="restartPolicy",
        at="!restartPolicy",
        codec=choice("never", "whenRequired", "window"),
        doc="When a running guest may be restarted for changes that need it; window means in one of restartWindows.",
        example="whenRequired",
    ),
    Items(
        name="restartWindows",
        at="!restartWindows",
        doc="When restartPolicy: window permits a restart.",
        owned=False,
        fields=(
            Field(
                name="schedule",
                at="@schedule",
                codec=text(unit="cron expression: minute, hour, day of the month, month, day of the week"),
                doc="When the window opens.",
                example="0 2 * * sat",
                must=True,
            ),
            Field(
                name="duration",
                at="@duration",
                codec=DURATION,
                doc="How long it is open; at most 7d.",
                example="2h",
                must=True,
            ),
            Field(
                name="timeZone",
                at="@timeZone",
                codec=text(),
                doc="The time zone of the schedule; UTC where nothing is said.",
                example="Europe/Berlin",
            ),
        ),
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
                name="agentTimeout",
                at="!shutdown/agentTimeout",
                codec=DURATION,
                doc="How much of it the guest's agent gets before the power button is pressed; half of it as a rule.",
                example="30s",
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
    Field(
        name="title", at="title", codec=text(pattern=r"[^\n]+"), doc="A short title in one line.", example="Web server"
    ),
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
        name="emulator",
        at="devices/emulator",
        codec=PATH,
        doc="The program that runs the guest, instead of the one that libvirt picks.",
        example="/usr/local/bin/qemu-system-x86_64",
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
    Field(
        name="pciePorts",
        at=PORTS,
        codec=integer(0, 224),
        doc="How many PCI Express root ports a new q35 or virt machine has; devices are plugged into the free ones "
        "while it runs. Read only when the machine is made: four more than its devices take where nothing is said.",
        example=14,
        noted=True,
    ),
)
