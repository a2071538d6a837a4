"""Input devices, sound cards, panic notifiers, shared memory, smartcard readers and USB hubs."""

from __future__ import annotations

from reconciler.codecs import MEMORY, ON_OFF, PATH, choice, integer, text
from reconciler.fields import Field, Group, Items, Node
from reconciler.kinds.domain.devices.codecs import virtio_options

_INPUT: tuple[Node, ...] = (
    Field(
        name="type",
        at="@type",
        codec=choice("tablet", "mouse", "keyboard", "passthrough", "evdev"),
        doc="What it is; passthrough and evdev hand a device of the host on.",
        example="tablet",
        must=True,
    ),
    Field(
        name="bus",
        at="@bus",
        codec=choice("usb", "virtio", "ps2", "xen"),
        doc="Where it is plugged; which there are depends on the type and the machine.",
        example="usb",
        keep=True,
    ),
    Field(
        name="model",
        at="@model",
        codec=choice("virtio", "virtio-transitional", "virtio-non-transitional"),
        doc="The model of a virtio passthrough device.",
        example="virtio-non-transitional",
    ),
    Field(
        name="event",
        when=(("type", ("passthrough",)),),
        at="source@evdev",
        codec=PATH,
        doc="The host's device (passthrough).",
        example="/dev/input/event3",
    ),
    Field(
        name="device",
        when=(("type", ("evdev",)),),
        at="source@dev",
        codec=PATH,
        doc="The host's device (evdev).",
        example="/dev/input/event3",
    ),
    Field(
        name="grab",
        when=(("type", ("evdev",)),),
        at="source@grab",
        codec=choice("all"),
        doc="Whether all evdev devices are grabbed together.",
        example="all",
    ),
    Field(
        name="grabToggle",
        when=(("type", ("evdev",)),),
        at="source@grabToggle",
        codec=choice("ctrl-ctrl", "alt-alt", "shift-shift", "meta-meta", "scrolllock", "ctrl-scrolllock"),
        doc="The keys that give an evdev device to the guest and back.",
        example="ctrl-ctrl",
    ),
    Field(
        name="repeat",
        when=(("type", ("evdev",)),),
        at="source@repeat",
        codec=ON_OFF,
        doc="Whether an evdev keyboard repeats keys.",
        example=True,
    ),
    virtio_options(),
)

INPUTS = Items(
    name="inputs",
    at="devices/input",
    doc="Input devices; libvirt adds a PS/2 mouse and keyboard to x86 machines.",
    key="type",
    short="type",
    owned=False,
    fields=_INPUT,
    example=[{"type": "tablet", "bus": "usb"}],
)

SOUNDS = Items(
    name="sounds",
    at="devices/sound",
    doc="Sound cards.",
    short="model",
    fields=(
        Field(
            name="model",
            at="@model",
            codec=choice("ich9", "ich6", "ac97", "usb", "es1370", "sb16", "pcspk", "ich7"),
            doc="The sound card that the guest sees.",
            example="ich9",
            must=True,
        ),
        Items(
            name="codecs",
            when=(("model", ("ich6", "ich9")),),
            at="codec",
            doc="What is connected to an ich6 or ich9 card.",
            short="type",
            fields=(
                Field(
                    name="type",
                    at="@type",
                    codec=choice("duplex", "micro", "output"),
                    doc="Line in and out, microphone and speaker, or line out only.",
                    example="duplex",
                    must=True,
                ),
            ),
            example=["micro"],
        ),
        Field(
            name="audio",
            at="audio@id",
            codec=integer(1),
            doc="The number of the host's audio backend it plays to.",
            example=1,
        ),
    ),
    example=["ich9"],
)

PANICS = Items(
    name="panics",
    at="devices/panic",
    doc="Devices by which the host learns that the guest has crashed.",
    short="model",
    fields=(
        Field(
            name="model",
            at="@model",
            codec=choice("isa", "hyperv", "pseries", "s390"),
            doc="How the guest tells; hyperv is for Windows.",
            example="isa",
            must=True,
        ),
    ),
    example=["isa"],
)

SHARED_MEMORIES = Items(
    name="sharedMemories",
    at="devices/shmem",
    doc="Memory that several guests share (ivshmem).",
    key="name",
    fields=(
        Field(
            name="name",
            at="@name",
            codec=text(pattern="[A-Za-z0-9_.-]+"),
            doc="What the guests know it by.",
            example="ring",
            must=True,
        ),
        Field(
            name="model",
            at="model@type",
            codec=choice("ivshmem-plain", "ivshmem-doorbell"),
            doc="Without or with interrupts; doorbell needs a server.",
            example="ivshmem-plain",
            keep=True,
        ),
        Field(name="size", at="size", codec=MEMORY, doc="How large it is, a power of two.", example="4MiB", keep=True),
        Field(
            name="role",
            at="@role",
            codec=choice("master", "peer"),
            doc="Whether the memory moves with this guest when it migrates.",
            example="master",
        ),
        Field(
            name="server",
            at="server@path",
            codec=PATH,
            doc="The socket of the ivshmem server (doorbell).",
            example="/run/ivshmem.sock",
        ),
        Field(
            name="vectors",
            at="msi@vectors",
            codec=integer(1),
            doc="How many interrupts there are (doorbell).",
            example=4,
        ),
        Field(
            name="ioEventFd",
            at="msi@ioeventfd",
            codec=ON_OFF,
            doc="Whether interrupts bypass QEMU (doorbell).",
            example=True,
        ),
    ),
    example=[{"name": "ring", "model": "ivshmem-plain", "size": "4MiB"}],
)


SMARTCARD = Group(
    name="smartcard",
    at="devices/smartcard",
    doc="A smartcard reader.",
    fields=(
        Field(
            name="mode",
            at="@mode",
            codec=choice("host", "passthrough"),
            doc="Whether the card is in the host's own reader or the viewer's.",
            example="host",
            must=True,
        ),
        Field(
            name="type",
            when=(("mode", ("passthrough",)),),
            at="@type",
            codec=choice("spicevmc"),
            doc="How the viewer's card is reached.",
            example="spicevmc",
            keep=True,
        ),
    ),
    short=("mode",),
    example={"mode": "passthrough", "type": "spicevmc"},
)
