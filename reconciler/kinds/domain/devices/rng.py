"""Random number generators."""

from __future__ import annotations

from reconciler.codecs import PATH, Codec, choice, integer
from reconciler.fields import Field, Group, Items, Node
from reconciler.kinds.domain.devices.character import character
from reconciler.kinds.domain.devices.codecs import virtio_options
from reconciler.model.documents import Address

_FIELDS: tuple[Node, ...] = (
    Field(
        name="model",
        at="@model",
        codec=choice("virtio", "virtio-transitional", "virtio-non-transitional"),
        doc="The device that the guest sees; virtio if not given.",
        example="virtio",
        keep=True,
    ),
    Field(
        name="backend",
        at="backend@model",
        codec=choice("random", "builtin", "egd"),
        doc="Where the numbers come from: a device of the host, QEMU itself, or a daemon that speaks EGD.",
        example="builtin",
        must=True,
    ),
    Field(
        name="path",
        when=(("backend", ("random",)),),
        at="backend",
        codec=Codec(schema=PATH.schema, lower=str, lift=lambda value: value or None, unit=PATH.unit),
        doc="The host's device (backend random); /dev/random if not given.",
        example="/dev/urandom",
        keep=True,
    ),
    Group(
        name="daemon",
        when=(("backend", ("egd",)),),
        doc="How the EGD daemon is reached.",
        fields=character(("tcp", "unix"), "backend"),
        example={"type": "unix", "path": "/run/egd.sock", "mode": "connect"},
    ),
    Group(
        name="rate",
        doc="How much the guest may take.",
        fields=(
            Field(
                name="bytes",
                at="rate@bytes",
                codec=integer(1, unit="bytes"),
                doc="How many bytes in each period.",
                example=1024,
                must=True,
                whole=True,
            ),
            Field(
                name="period",
                at="rate@period",
                codec=integer(1, unit="milliseconds"),
                doc="How long a period is; a second if not given.",
                example=2000,
            ),
        ),
        short=("bytes",),
        example={"bytes": 1024, "period": 1000},
    ),
    virtio_options(),
)


def _derive(claims: dict[Address, str | None]) -> None:
    # libvirt refuses a generator without a model (domain_conf.c 9.0).
    claims.setdefault("@model", "virtio")


RNGS = Items(
    name="rngs",
    at="devices/rng",
    doc="Random number generators.",
    short="backend",
    fields=_FIELDS,
    derive=_derive,
    example=[{"backend": "random", "path": "/dev/urandom"}],
)
