"""How a disk's requests are carried out: caching, threads, queues, errors, limits."""

from __future__ import annotations

from reconciler.codecs import MEMORY, ON_OFF, choice, integer
from reconciler.fields import Field, Group, Node
from reconciler.kinds.domain.devices.codecs import virtio_options
from reconciler.kinds.domain.devices.iotune import LIMITS

REQUESTS: tuple[Node, ...] = (
    Field(
        name="cache",
        at="driver@cache",
        codec=choice("default", "none", "writeback", "writethrough", "directsync", "unsafe"),
        doc="How the host's page cache is used.",
        example="none",
        implied="default",
    ),
    Field(
        name="io",
        at="driver@io",
        codec=choice("threads", "native", "io_uring"),
        doc="How requests reach the host's kernel; native needs cache none or directsync.",
        example="io_uring",
    ),
    Field(
        name="discard",
        at="driver@discard",
        codec=choice("unmap", "ignore"),
        doc="Whether blocks that the guest frees are given back to the host.",
        example="unmap",
    ),
    Field(
        name="detectZeroes",
        at="driver@detect_zeroes",
        codec=choice("off", "on", "unmap"),
        doc="Whether written zeroes are stored as holes; unmap works with discard unmap.",
        example="unmap",
    ),
    Field(
        name="copyOnRead",
        at="driver@copy_on_read",
        codec=ON_OFF,
        doc="Whether what is read from a backing image is copied into this one.",
        example=True,
    ),
    Field(
        name="iothread",
        at="driver@iothread",
        codec=integer(1),
        doc="The I/O thread that serves a virtio disk; the domain has to have it.",
        example=1,
    ),
    Field(name="queues", at="driver@queues", codec=integer(1), doc="How many queues a virtio disk has.", example=4),
    Field(
        name="queueSize",
        at="driver@queue_size",
        codec=integer(2, 1024, unit="requests, a power of two"),
        doc="How many requests each queue of a virtio disk holds.",
        example=256,
    ),
    Field(
        name="errorPolicy",
        at="driver@error_policy",
        codec=choice("stop", "report", "ignore", "enospace"),
        doc="What happens on a write error: the guest pauses, sees it, does not, or pauses only for want of space.",
        example="stop",
    ),
    Field(
        name="readErrorPolicy",
        at="driver@rerror_policy",
        codec=choice("stop", "report", "ignore"),
        doc="What happens on a read error.",
        example="report",
    ),
    Field(
        name="ioEventFd",
        at="driver@ioeventfd",
        codec=ON_OFF,
        doc="Whether a virtio disk's requests are handled outside the vCPU's thread.",
        example=True,
    ),
    Field(
        name="eventIdx",
        at="driver@event_idx",
        codec=ON_OFF,
        doc="Whether a virtio disk saves interrupts by event index.",
        example=True,
    ),
    Field(
        name="metadataCache",
        at="driver/metadata_cache/max_size",
        codec=MEMORY,
        doc="How much memory a qcow2 image's tables may take at most.",
        example="1MiB",
    ),
    Group(
        name="blockSize",
        doc="The block sizes that the guest sees.",
        fields=(
            Field(
                name="logical",
                at="blockio@logical_block_size",
                codec=integer(512, unit="bytes"),
                doc="The smallest amount that the guest can read or write.",
                example=512,
            ),
            Field(
                name="physical",
                at="blockio@physical_block_size",
                codec=integer(512, unit="bytes"),
                doc="The amount that the guest had better read or write at once.",
                example=4096,
            ),
        ),
        example={"logical": 512, "physical": 4096},
    ),
    LIMITS,
    virtio_options(),
)
