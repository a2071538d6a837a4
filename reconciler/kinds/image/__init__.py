"""Images: what volumes are made from. An Image is no object of a host; `manifest.images` makes volumes of it."""

from __future__ import annotations

from reconciler.codecs import DIGEST, NAME, TEXT, URL, YES_NO, choice, size
from reconciler.fields import Field, Group, Node

FIELDS: tuple[Node, ...] = (
    Group(
        name="source",
        doc="Where it is fetched from: one of the two.",
        fields=(
            Field(
                name="url",
                at="!source.url",
                codec=URL,
                doc="An address on the web.",
                example="https://images.example.com/debian-12-genericcloud-amd64.qcow2",
            ),
            Field(
                name="file",
                at="!source.file",
                codec=TEXT,
                doc="A file of the machine where reconciler runs, from the desired state's own directory.",
                example="images/debian-12.qcow2.xz",
            ),
        ),
        example={"url": "https://images.example.com/debian-12-genericcloud-amd64.qcow2"},
    ),
    Field(
        name="digest",
        at="!digest",
        codec=DIGEST,
        doc="What the file is, as it is fetched. Another digest is another image.",
        example="sha256:5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
        must=True,
    ),
    Field(
        name="contentDigest",
        at="!contentDigest",
        codec=DIGEST,
        doc="What is packed inside.",
        example="sha256:5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
    ),
    Field(
        name="format",
        at="!format",
        codec=choice("raw", "qcow2"),
        doc="What the content has to be; it is kept in the pool as that.",
        example="qcow2",
    ),
    Field(
        name="compression",
        at="!compression",
        codec=choice("none", "gzip", "xz", "zstd", "bzip2"),
        doc="How the file is packed; its first bytes tell unless written.",
        example="xz",
    ),
    Field(
        name="maxSize",
        at="!maxSize",
        codec=size(1, ""),
        doc="The most that may be packed inside, and that a guest may see; 100GiB unless written.",
        example="20GiB",
    ),
    Field(
        name="pool",
        at="!pool",
        codec=NAME,
        doc="The pool that keeps it, on each host; the pool of each volume made from it unless written.",
        example="images",
    ),
    Field(
        name="deletionPolicy",
        at="!deletionPolicy",
        codec=choice("retain", "delete"),
        doc="What becomes of a kept image that no volume uses and no document asks for any more.",
        example="delete",
    ),
    Field(
        name="protect",
        at="!protect",
        codec=YES_NO,
        doc="Refuse to delete what is kept, even after the document is gone.",
        example=True,
    ),
)
