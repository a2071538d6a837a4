"""What SPICE can do beyond other displays."""

from __future__ import annotations

from reconciler.codecs import ON_OFF, YES_NO, choice
from reconciler.fields import Field, Items, Node

_COMPRESSION = ("auto", "never", "always")

SPICE: tuple[Node, ...] = (
    Field(
        name="defaultMode",
        when=(("type", ("spice",)),),
        at="@defaultMode",
        codec=choice("any", "secure", "insecure"),
        doc="Whether SPICE channels are encrypted if nothing else is said of them.",
        example="secure",
        implied="any",
    ),
    Items(
        name="channels",
        when=(("type", ("spice",)),),
        at="channel",
        doc="Which SPICE channels are encrypted.",
        key="name",
        fields=(
            Field(
                name="name",
                at="@name",
                codec=choice("main", "display", "inputs", "cursor", "playback", "record", "smartcard", "usbredir"),
                doc="The channel.",
                example="main",
                must=True,
            ),
            Field(
                name="mode",
                at="@mode",
                codec=choice("secure", "insecure"),
                doc="Whether it is encrypted.",
                example="secure",
                must=True,
            ),
        ),
        example=[{"name": "main", "mode": "secure"}],
    ),
    Field(
        name="imageCompression",
        when=(("type", ("spice",)),),
        at="image@compression",
        codec=choice("auto_glz", "auto_lz", "quic", "glz", "lz", "off"),
        doc="How SPICE compresses images.",
        example="off",
    ),
    Field(
        name="jpegCompression",
        when=(("type", ("spice",)),),
        at="jpeg@compression",
        codec=choice(*_COMPRESSION),
        doc="Whether SPICE uses JPEG on slow links.",
        example="auto",
    ),
    Field(
        name="zlibCompression",
        when=(("type", ("spice",)),),
        at="zlib@compression",
        codec=choice(*_COMPRESSION),
        doc="Whether SPICE uses zlib on slow links.",
        example="auto",
    ),
    Field(
        name="playbackCompression",
        when=(("type", ("spice",)),),
        at="playback@compression",
        codec=ON_OFF,
        doc="Whether SPICE compresses sound.",
        example=True,
    ),
    Field(
        name="streaming",
        when=(("type", ("spice",)),),
        at="streaming@mode",
        codec=choice("filter", "all", "off"),
        doc="Which changing areas SPICE sends as video.",
        example="filter",
    ),
    Field(
        name="clipboard",
        when=(("type", ("spice",)),),
        at="clipboard@copypaste",
        codec=YES_NO,
        doc="Whether SPICE shares the clipboard.",
        example=False,
    ),
    Field(
        name="mouse",
        when=(("type", ("spice",)),),
        at="mouse@mode",
        codec=choice("server", "client"),
        doc="Who draws SPICE's pointer.",
        example="client",
    ),
    Field(
        name="fileTransfer",
        when=(("type", ("spice",)),),
        at="filetransfer@enable",
        codec=YES_NO,
        doc="Whether SPICE viewers may send files to the guest.",
        example=False,
    ),
)
