"""How a network card and the host exchange packets: backend, queues, offloads."""

from __future__ import annotations

from reconciler.codecs import ON_OFF, Codec, choice, integer
from reconciler.fields import Field, Group, Node
from reconciler.kinds.domain.devices.codecs import virtio_options


def _offloads(name: str, side: str, words: tuple[str, ...], whose: str) -> Group:
    return Group(
        name=name,
        doc=f"Offloads that {whose}.",
        fields=tuple(
            Field(
                name={"mrg_rxbuf": "mergeReceiveBuffers"}.get(word, word),
                at=f"driver/{side}@{word}",
                codec=ON_OFF,
                doc=f"Whether {word} is offered; QEMU's own choice if not given.",
                example=False,
            )
            for word in words
        ),
        example={"csum": False},
    )


CARD: tuple[Node, ...] = (
    Field(
        name="backend",
        at="driver@name",
        codec=choice("qemu", "vhost", "vfio"),
        doc="Who moves a virtio card's packets; vhost, in the kernel, where it can be had (vfio: for hostdev).",
        example="vhost",
    ),
    Field(
        name="queues",
        at="driver@queues",
        codec=integer(1, 256),
        doc="How many pairs of queues a virtio card has.",
        example=4,
    ),
    Field(
        name="receiveQueueSize",
        at="driver@rx_queue_size",
        codec=Codec(schema={"type": "integer", "enum": [256, 512, 1024]}, lower=str, lift=int),
        doc="How many packets a receive queue of a virtio card holds.",
        example=512,
    ),
    Field(
        name="transmitQueueSize",
        at="driver@tx_queue_size",
        codec=Codec(schema={"type": "integer", "enum": [256, 512, 1024]}, lower=str, lift=int),
        doc="How many packets a transmit queue of a vhost-user or vDPA card holds.",
        example=512,
    ),
    Field(
        name="transmitMode",
        at="driver@txmode",
        codec=choice("iothread", "timer"),
        doc="How the qemu backend sends packets that do not fit the queue.",
        example="iothread",
    ),
    Field(
        name="ioEventFd",
        at="driver@ioeventfd",
        codec=ON_OFF,
        doc="Whether packets are handled outside the vCPU's thread.",
        example=True,
    ),
    Field(
        name="eventIdx",
        at="driver@event_idx",
        codec=ON_OFF,
        doc="Whether interrupts are saved by event index.",
        example=True,
    ),
    Field(
        name="rss",
        at="driver@rss",
        codec=ON_OFF,
        doc="Whether packets are spread over the queues by their hash.",
        example=True,
    ),
    Field(
        name="rssHashReport",
        at="driver@rss_hash_report",
        codec=ON_OFF,
        doc="Whether the guest is told each packet's hash.",
        example=True,
    ),
    _offloads(
        "hostOffloads",
        "host",
        ("csum", "gso", "tso4", "tso6", "ecn", "ufo", "mrg_rxbuf"),
        "the guest may leave to the host",
    ),
    _offloads("guestOffloads", "guest", ("csum", "tso4", "tso6", "ecn", "ufo"), "the guest accepts from the host"),
    virtio_options(),
)
