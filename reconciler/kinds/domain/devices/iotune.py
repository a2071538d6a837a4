"""Limits on a disk's traffic (`<iotune>`)."""

from __future__ import annotations

from reconciler.fields import Field, Group, Node, integer, text

# Word -> what is limited; "total" excludes "read" and "write".
_WHO = {"total": "reads and writes together", "read": "reads", "write": "writes"}
_WHAT = {"bytes": ("Bytes", "bytes per second"), "iops": ("Iops", "requests per second")}


def _limit(who: str, what: str) -> tuple[Field, ...]:
    word, unit = _WHAT[what]
    xml = f"iotune/{who}_{what}_sec"
    name = f"{who}{word}"
    example = 1000 if what == "iops" else 104857600
    return (
        Field(
            name=name,
            at=xml,
            codec=integer(0, unit=unit),
            doc=f"The limit on {_WHO[who]}; 0 is none.",
            example=example,
            implied="0",
        ),
        Field(
            name=f"{name}Max",
            at=f"{xml}_max",
            codec=integer(0, unit=unit),
            doc=f"How high {_WHO[who]} may burst; 0 is not at all.",
            example=example * 2,
            implied="0",
        ),
        Field(
            name=f"{name}MaxSeconds",
            at=f"{xml}_max_length",
            codec=integer(1, unit="seconds"),
            doc=f"How long a burst of {_WHO[who]} may last.",
            example=5,
        ),
    )


_FIELDS: tuple[Node, ...] = (
    *(limit for what in _WHAT for who in _WHO for limit in _limit(who, what)),
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
