"""Limits on a disk's traffic (`<iotune>`)."""

from __future__ import annotations

from reconciler.codecs import integer, text
from reconciler.fields import Field, Group, Node

# Word -> what is limited; "total" excludes "read" and "write".
_WHO = {"total": "reads and writes together", "read": "reads", "write": "writes"}
_WHAT = {"bytes": ("Bytes", "bytes per second"), "iops": ("Iops", "requests per second")}


def _rates(what: str, who: str) -> Field:
    word, unit = _WHAT[what]
    return Field(
        name=f"{who}{word}",
        at=f"iotune/{who}_{what}_sec",
        codec=integer(0, unit=unit),
        doc=f"The limit on {_WHO[who]}; 0 is none.",
        example=1000000,
        implied="0",
    )


def _bursts(what: str, who: str) -> Field:
    word, unit = _WHAT[what]
    return Field(
        name=f"{who}{word}Max",
        at=f"iotune/{who}_{what}_sec_max",
        codec=integer(0, unit=unit),
        doc=f"How high {_WHO[who]} may burst; 0 is not at all.",
        example=2000000,
        implied="0",
    )


def _lengths(what: str, who: str) -> Field:
    return Field(
        name=f"{who}{_WHAT[what][0]}MaxSeconds",
        at=f"iotune/{who}_{what}_sec_max_length",
        codec=integer(1, unit="seconds"),
        doc=f"How long a burst of {_WHO[who]} may last.",
        example=5,
    )


_FIELDS: tuple[Node, ...] = (
    # libxml2 finds reads and writes of one limit only side by side (libvirt's schema, diskIoTune).
    *(limit(what, who) for limit in (_rates, _bursts, _lengths) for what in _WHAT for who in _WHO),
    Field(
        name="iopsSize",
        at="iotune/size_iops_sec",
        codec=integer(0, unit="bytes"),
        doc="A larger request counts as several of this size.",
        example=4096,
        implied="0",
    ),
    Field(
        name="group",
        at="iotune/group_name",
        codec=text(pattern=r"[A-Za-z0-9_.-]+"),
        doc="Disks of one group share their limits.",
        example="slow",
    ),
)

LIMITS = Group(
    name="limits",
    doc="Limits on the disk's traffic.",
    fields=_FIELDS,
    example={"totalIops": 1000, "totalBytes": 104857600},
)
