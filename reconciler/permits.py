"""What a document permits, as opposed to what it wants: the fields that all kinds share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.codecs import LINES, TEXT, YES_NO, Json, choice
from reconciler.fields import Field
from reconciler.model.documents import Deletion, Mode, Policy

CARE: tuple[Field, ...] = (
    Field(
        name="mode",
        at="!mode",
        codec=choice(*(mode.value for mode in Mode)),
        doc="How far the document binds: enforce makes the host follow it, createOnly makes the object and then leaves "
        "it to others, observe only tells what differs, ignore does not even do that.",
        example="observe",
        noted=True,
    ),
    Field(
        name="ignoreFields",
        at="!ignoreFields",
        codec=LINES,
        doc="Fields, as the plan calls them, that are set when the object or device is made, and then left to others; "
        "`*` stands for any text.",
        example=["memory.current", "disks[*].cache"],
        noted=True,
    ),
)
POLICY: tuple[Field, ...] = (
    *CARE,
    Field(
        name="deletionPolicy",
        at="!deletionPolicy",
        codec=choice("retain", "delete"),
        doc="What becomes of the data when the document goes.",
        example="retain",
        noted=True,
    ),
    Field(
        name="protect",
        at="!protect",
        codec=YES_NO,
        doc="Refuse to delete or replace it, even after the document is gone.",
        example=True,
        noted=True,
    ),
    Field(
        name="xml",
        at="!xml",
        codec=TEXT,
        doc="Anything else libvirt knows, in libvirt's own words; it wins over the fields.",
        example="<network><title>office</title></network>",
        noted=True,
    ),
)


def read_policy(body: Mapping[str, Json]) -> Policy:
    """What a document permits, for kinds without a guest inside."""
    return with_care(
        Policy(protect=body.get("protect") is True, deletion=Deletion(body.get("deletionPolicy", "retain"))), body
    )


def with_care(policy: Policy, body: Mapping[str, Json]) -> Policy:
    """The policy with the fields of `CARE`."""
    paths = body.get("ignoreFields", ())
    ignored = tuple(map(str, paths)) if isinstance(paths, Sequence) else ()
    return replace(policy, mode=Mode(body.get("mode", Mode.ENFORCE.value)), ignored=ignored)
