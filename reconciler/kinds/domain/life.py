"""The fields of the guest's clock and of what happens when it stops."""

from __future__ import annotations

from reconciler.codecs import NAME, TEXT, YES_NO, choice, integer, text
from reconciler.fields import Field, Group, Items, Node

LIFECYCLE = choice("destroy", "restart", "preserve", "rename-restart")
CRASH = choice("destroy", "restart", "preserve", "rename-restart", "coredump-destroy", "coredump-restart")

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
            implied="utc",
        ),
        Field(name="timezone", at="clock@timezone", codec=TEXT, doc="The time zone.", example="Europe/Berlin"),
        Field(
            name="basis",
            at="clock@basis",
            codec=choice("utc", "localtime"),
            doc="What variable adds to.",
            example="utc",
            implied="utc",
        ),
        Field(
            name="adjustment",
            at="clock@adjustment",
            codec=text(pattern=r"-?[0-9]+"),
            doc="Seconds added to the basis.",
            example="3600",
            implied="0",
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
