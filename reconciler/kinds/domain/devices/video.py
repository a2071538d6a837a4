"""Graphics cards."""

from __future__ import annotations

from reconciler.codecs import PATH, YES_NO, choice, integer
from reconciler.fields import Field, Group, Items, Node
from reconciler.kinds.domain.devices.codecs import VIDEO_MEMORY, virtio_options

_CARDS = ("virtio", "vga", "qxl", "bochs", "cirrus", "vmvga", "ramfb", "xen", "vbox", "gop")

_FIELDS: tuple[Node, ...] = (
    Field(
        name="model",
        at="model@type",
        codec=choice(*_CARDS, "none"),
        doc="The graphics card that the guest sees; none keeps libvirt from adding one.",
        example="virtio",
        must=True,
    ),
    Field(
        name="heads",
        when=(("model", _CARDS),),
        at="model@heads",
        codec=integer(1),
        doc="How many screens the card has.",
        example=1,
        keep=True,
    ),
    Field(
        name="vram",
        when=(("model", _CARDS),),
        at="model@vram",
        codec=VIDEO_MEMORY,
        doc="The card's memory.",
        example="16MiB",
        keep=True,
    ),
    Field(
        name="ram",
        when=(("model", ("qxl",)),),
        at="model@ram",
        codec=VIDEO_MEMORY,
        doc="The first memory bar of a qxl card.",
        example="64MiB",
        keep=True,
    ),
    Field(
        name="vgaMemory",
        when=(("model", ("qxl",)),),
        at="model@vgamem",
        codec=VIDEO_MEMORY,
        doc="The memory of a qxl card's VGA mode.",
        example="16MiB",
        keep=True,
    ),
    Field(
        name="vram64",
        when=(("model", ("qxl",)),),
        at="model@vram64",
        codec=VIDEO_MEMORY,
        doc="The 64-bit memory bar of a qxl card.",
        example="32MiB",
        keep=True,
    ),
    Field(
        name="accel3d",
        when=(("model", _CARDS),),
        at="model/acceleration@accel3d",
        codec=YES_NO,
        doc="Whether a virtio card draws with the host's GPU.",
        example=True,
    ),
    Field(
        name="accel2d",
        when=(("model", _CARDS),),
        at="model/acceleration@accel2d",
        codec=YES_NO,
        doc="Whether a vbox card accelerates two-dimensional drawing.",
        example=True,
    ),
    Field(
        name="renderNode",
        when=(("model", _CARDS),),
        at="model/acceleration@rendernode",
        codec=PATH,
        doc="The host's GPU to draw with (vhost-user).",
        example="/dev/dri/renderD128",
    ),
    Group(
        name="resolution",
        when=(("model", _CARDS),),
        doc="The resolution that the card starts with.",
        fields=(
            Field(
                name="x",
                at="model/resolution@x",
                codec=integer(1, unit="pixels"),
                doc="The width.",
                example=1920,
                must=True,
            ),
            Field(
                name="y",
                at="model/resolution@y",
                codec=integer(1, unit="pixels"),
                doc="The height.",
                example=1080,
                must=True,
            ),
        ),
        example={"x": 1920, "y": 1080},
    ),
    Field(
        name="backend",
        when=(("model", _CARDS),),
        at="driver@name",
        codec=choice("qemu", "vhostuser"),
        doc="Whether a virtio card lives in QEMU or in a process of its own.",
        example="vhostuser",
    ),
    Field(
        name="vgaConf",
        at="driver@vgaconf",
        codec=choice("io", "on", "off"),
        doc="How a guest on bhyve reaches the VGA registers.",
        example="io",
    ),
    virtio_options(),
)

VIDEOS = Items(
    name="videos",
    at="devices/video",
    doc="Graphics cards, the primary one first; libvirt adds one where there are graphics and none is given.",
    short="model",
    # libvirt adds cards by itself, so one that the document lacks is no drift.
    owned=False,
    fields=_FIELDS,
    example=["virtio"],
)
