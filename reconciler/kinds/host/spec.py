"""Host documents: the field table, and the part of it that is kept equal on the host itself.

The rest (URI, default, policy) tells the program how to treat the host, and claims nothing there.
"""

from __future__ import annotations

from json import dumps, loads

from reconciler import entries, fields
from reconciler.codecs import YES_NO, Codec, Json, integer, text
from reconciler.fields import Field, Group, Node
from reconciler.kind import Context
from reconciler.model.documents import Document, Spec, Texts
from reconciler.policy.words import SCHEMA

KSM = "!ksm."


def _ratio(low: float) -> Codec:
    return Codec(
        schema={"type": "number", "minimum": low},
        lower=lambda value: f"{float(str(value)):g}",
        lift=float,
        unit="times what the host has",
    )


PATTERNS = Codec(
    schema={"type": "array", "items": {"type": "string", "minLength": 1}, "uniqueItems": True},
    lower=lambda value: "\n".join(map(str, value)) if isinstance(value, list) else str(value),
    lift=lambda value: list(value.splitlines()),
    unit="resources such as Domain/db-*",
)
MANIFESTS = Codec(
    schema=SCHEMA,
    lower=lambda value: dumps(value, sort_keys=True),
    lift=loads,
    unit="a policy, see how-to/policy.md",
)
ZERO_ONE = Codec(schema={"type": "boolean"}, lower=lambda value: "1" if value else "0", lift=lambda value: value == "1")

_OVERCOMMIT = Group(
    name="overcommit",
    doc="How much may be promised to machines; beyond it a plan is refused.",
    fields=(
        Field(
            name="cpu",
            at="!policy.overcommit.cpu",
            codec=_ratio(0.1),
            doc="All vCPUs together, for each CPU of the host.",
            example=8,
        ),
        Field(
            name="memory",
            at="!policy.overcommit.memory",
            codec=_ratio(0.1),
            doc="The memory of all machines together, as a share of the host's RAM.",
            example=1.5,
        ),
        Field(
            name="vcpusPerGuest",
            at="!policy.overcommit.vcpusPerGuest",
            codec=_ratio(0.1),
            doc="The vCPUs of one machine, for each CPU of the host; 1 unless written: more slows the guest itself.",
            example=1,
        ),
    ),
    example={"cpu": 8, "memory": 1.5},
)
_KSM = Group(
    name="ksm",
    doc="How the host's kernel looks for equal pages of memory to keep once (kernel same-page merging).",
    fields=(
        Field(
            name="pagesToScan",
            at=f"{KSM}pagesToScan",
            codec=integer(1, 2**32 - 1),
            doc="Pages that are looked at before each pause.",
            example=100,
            keep=True,
        ),
        Field(
            name="sleepMillisecs",
            at=f"{KSM}sleepMillisecs",
            codec=integer(0, 2**32 - 1, unit="milliseconds"),
            doc="The pause.",
            example=20,
            keep=True,
        ),
        Field(
            name="mergeAcrossNodes",
            at=f"{KSM}mergeAcrossNodes",
            codec=ZERO_ONE,
            doc="Whether pages of different NUMA nodes become one; it changes only while no page is shared.",
            example=False,
            keep=True,
        ),
    ),
    example={"pagesToScan": 100, "sleepMillisecs": 20},
)
FIELDS: tuple[Node, ...] = (
    Field(
        name="uri",
        at="!uri",
        codec=text(pattern=r"[a-z][a-z0-9+.-]*:[^\x00-\x20]*|embedded"),
        doc="Where libvirt is reached, as virsh takes it; embedded is a private host of this program.",
        example="qemu+ssh://root@hv1.example.com/system",
        must=True,
    ),
    Field(
        name="default",
        at="!default",
        codec=YES_NO,
        doc="Whether documents that name no host belong here.",
        example=True,
    ),
    Group(
        name="policy",
        doc="What holds for all machines on the host.",
        fields=(
            _OVERCOMMIT,
            Field(
                name="protect",
                at="!policy.protect",
                codec=PATTERNS,
                doc="What is never deleted here.",
                example=["Domain/db-*"],
            ),
            Field(
                name="manifests",
                at="!policy.manifests",
                codec=MANIFESTS,
                doc="What documents for this host may not ask for; it only narrows the policy in the settings.",
                example={"preset": "guarded", "limits": {"vcpus": 8}},
            ),
        ),
        example={"overcommit": {"memory": 1.5}, "protect": ["Domain/db-*"]},
    ),
    _KSM,
)
TABLE = entries.index(FIELDS)


def parse(document: Document, context: Context) -> Spec:
    """What a document asks of the host itself: the tuning of its kernel."""
    lowered = fields.lower(FIELDS, document.body)
    return Spec(
        ref=document.ref,
        host=context.host,
        claims={address: value for address, value in lowered.claims.items() if address.startswith(KSM)},
        labels=document.labels,
        where=document.place(),
        digest=document.digest,
    )


def dump(texts: Texts) -> dict[str, Json]:
    """The part of a `spec` that claims what the texts hold; the URI is for the writer of the document to give."""
    return fields.lift(FIELDS, texts)
