"""Secret documents: the field table, from YAML or plain XML to a spec, and from a definition back to YAML."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from reconciler import definitions, entries, fields, merging, permits
from reconciler.codecs import PATH, TEXT, UUID, YES_NO, Codec, Json, choice
from reconciler.errors import trouble
from reconciler.fields import Field, Group, Lowered, Node
from reconciler.kind import Context
from reconciler.kinds.secret.xml import IDENTITIES, VALUE, flat, read
from reconciler.model.documents import Address, Document, Spec, Texts
from reconciler.naming import USES
from reconciler.permits import POLICY

# libvirt takes any bytes (virSecretSetValue). Here they are in base64, as libvirt itself stores them.
BYTES = Codec(
    schema=TEXT.schema,
    lower=lambda value: base64.b64encode(str(value).encode("utf-8", "surrogateescape")).decode(),
    lift=lambda value: base64.b64decode(value).decode("utf-8", "surrogateescape"),
)
_USAGE = Group(
    name="usage",
    doc="What the secret is for, which is also what it is known by: there is one of each on a host.",
    short=("type",),
    fields=(
        Field(
            name="type",
            at="usage@type",
            codec=choice(*USES),
            doc="What it is for; by it others find it, together with the name below.",
            example="ceph",
            must=True,
            keep=True,
        ),
        Field(
            name="name",
            at="usage/name",
            codec=TEXT,
            doc="Its name for ceph, tls and vtpm; the document's own name unless written.",
            example="client.libvirt secret",
            keep=True,
        ),
        Field(
            name="target",
            at="usage/target",
            codec=TEXT,
            doc="Its name for iscsi; the document's own name unless written.",
            example="libvirtiscsi",
            keep=True,
        ),
        Field(
            name="volume",
            at="usage/volume",
            codec=PATH,
            doc="The path of the encrypted volume.",
            example="/var/lib/libvirt/images/web-1.img",
            keep=True,
        ),
    ),
    example={"type": "ceph", "name": "client.libvirt secret"},
)
FIELDS: tuple[Node, ...] = (
    _USAGE,
    Field(
        name="value",
        at=VALUE,
        codec=BYTES,
        doc="The value itself. What has it open goes on with the old one until it opens it again.",
        example="AQC4dfRkT5yVHBAAKDs2",
        secret=True,
        keep=True,
    ),
    Field(
        name="private",
        at="@private",
        codec=YES_NO,
        doc="Whether libvirt gives the value to nobody, not even back to us.",
        example=True,
        implied="no",
    ),
    Field(
        name="ephemeral",
        at="@ephemeral",
        codec=YES_NO,
        doc="Whether it is kept in memory only, until libvirt's daemon ends.",
        example=False,
        implied="no",
    ),
    Field(
        name="description",
        at="description",
        codec=TEXT,
        doc="What it is for, in your own words.",
        example="The key of the cluster in rack 4",
    ),
    Field(
        name="uuid",
        at="uuid",
        codec=UUID,
        doc="Its UUID; libvirt makes one. It is taken once and stays.",
        example="2ec115d7-3a88-3ceb-bc12-0ac909a6fd87",
        keep=True,
    ),
    *POLICY,
)
TABLE = entries.index(FIELDS)
FORM = merging.Format(root="secret", identities=IDENTITIES, table=TABLE, read=flat)


def parse(document: Document, context: Context) -> Spec:
    """What a document asks of a secret. Raises ManifestError."""
    lowered = _lower(document)
    _check(document, lowered.claims)
    return Spec(
        ref=document.ref,
        host=context.host,
        claims=lowered.claims,
        lists=frozenset(lowered.lists),
        hints=lowered.hints,
        policy=permits.read_policy(document.body),
        labels=document.labels,
        where=document.place(),
        digest=document.digest,
    )


def _lower(document: Document) -> Lowered:
    if document.xml is not None:
        return definitions.claim_all(read(document.xml), FIELDS, TABLE)
    lowered = fields.lower(FIELDS, document.body)
    merging.lay(lowered, document, FORM)
    use = lowered.claims.get("usage@type")
    if use is not None and use != "volume":
        lowered.claims.setdefault(f"usage/{USES[use]}", document.ref.name.partition("/")[2])
    return lowered


def _check(document: Document, claims: Mapping[Address, str | None]) -> None:
    """Raises R205 where nothing would tell the secret from others, R207 for a name of another use."""
    use = claims.get("usage@type")
    if use is None and "uuid" not in claims:
        message = f"{document.ref} needs usage, or uuid: a secret has no name of its own by which it could be found"
        raise trouble("R205", message, document.place("spec"))
    if use == "volume" and "usage/volume" not in claims:
        raise trouble("R205", f"{document.ref} needs usage.volume, the path of its volume", document.place("spec"))
    wrong = [name for name in ("name", "target", "volume") if f"usage/{name}" in claims and name != USES.get(use or "")]
    if wrong:
        message = f"{document.ref} has usage.{wrong[0]}, which a secret for {use or 'nothing'} has not"
        raise trouble("R207", message, document.place("spec", "usage", wrong[0]))


def dump(texts: Texts) -> dict[str, Json]:
    """The `spec` that claims what the texts hold, but the value, which nothing that is written down may hold.

    The UUID is kept, for disks may refer to the secret by it.
    """
    shown = {address: text for address, text in texts.items() if address != VALUE}
    return definitions.describe("secret", FIELDS, shown, lambda address, text: (address, text) in _FILLED, IDENTITIES)


_FILLED = (("@private", "no"), ("@ephemeral", "no"))
