"""Volumes in libvirt's words: read a definition into texts that compare, and write one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reconciler import definitions, markup
from reconciler.kind import Situation
from reconciler.markup import Element, Identities
from reconciler.model.documents import Address, Spec
from reconciler.model.plans import Diff
from reconciler.model.quantities import format_size

IDENTITIES: Identities = {"source/device": ("@path",)}
BACKING = "!backing"
IMAGE = "!image"
FORMAT = "target/format@type"
# Pools whose volumes are files, which can have any format.
FILES = ("dir", "fs", "netfs", "gluster", "vstorage")
# What changes by itself: use of space, times, and the owner that libvirt gives an image while a guest runs on it.
_MOVING = (
    "allocation | physical | target/timestamps | backingStore/timestamps | backingStore/permissions"
    " | target/permissions/owner | target/permissions/group | target/permissions/label"
)
# What the pool decides.
_PLACED = "name | key | target/path | source[not(*)]"

_BLOCKS = (512, 1024)


# What libvirt (9.0) tells of a new qcow2 image only once it has looked at its pool again, unless it was asked for.
CLUSTER = "65536"
_LATE = f"target/clusterSize[@unit='B' and .='{CLUSTER}']"


def tidy(text: str) -> str:
    """The definition without what changes by itself, also from one look at the pool to the next."""
    root = markup.parse(text)
    _drop(root, f"{_MOVING} | {_LATE}")
    return markup.serialise(root)


def details(text: str) -> dict[str, str]:
    """What `status` says of a volume: its sizes, and where it is."""
    root = markup.parse(text)
    sizes = {name: root.findtext(name) for name in ("capacity", "allocation")}
    places = {"file": root.findtext("target/path"), "key": root.findtext("key")}
    return {
        **{name: format_size(int(size)) for name, size in sizes.items() if size},
        **{name: place for name, place in places.items() if place},
    }


def flat(text: str) -> dict[Address, str]:
    """The texts of a definition or of a part of one, each in one spelling; sizes are in bytes."""
    root = markup.parse(text)
    _drop(root, _MOVING)
    _drop(root, _PLACED)
    root.attrib.pop("type", None)
    for mode in root.xpath("target/permissions/mode"):
        mode.text = spell_mode((mode.text or "0").strip())
    return markup.flatten(root, IDENTITIES, unit=1, default_unit=1)


def read(text: str) -> dict[Address, str]:
    """The texts of a whole definition."""
    return flat(text)


def _drop(root: Element, path: str) -> None:
    for element in root.xpath(path):
        element.getparent().remove(element)


def spell_mode(mode: str) -> str:
    """An octal mode with four digits, as libvirt prints it: 640 and 0640 are 0640; what is no mode stays as it is."""
    return f"{int(mode, 8):04o}" if re.fullmatch("[0-7]+", mode) else mode


def same(address: Address, want: str, have: str) -> bool:
    """Whether two texts mean one thing.

    A backing file that no active pool knows is recognised by its last name; a raw image that holds an ISO file system
    is reported as iso (util/virstoragefile.c probes the content). Images have whole sectors, and libvirt asks qemu-img
    for whole KiB (storage/storage_util.c): a size is also what rounding makes of it. Which image a volume was made from
    is history.
    """
    if address == IMAGE:
        return True
    if address == "capacity":
        return want.isdecimal() and have in {str(-(-int(want) // block) * block) for block in _BLOCKS}
    if address == BACKING:
        return have.startswith("/") and have.rpartition("/")[2] == want.rpartition("/")[2]
    return address == FORMAT and {want, have} == {"raw", "iso"}


def render(spec: Spec, situation: Situation | None, diffs: Sequence[Diff]) -> str:
    """The definition of a new volume, or the host's own with the differences carried out."""
    if situation is not None:
        return definitions.revise(situation, diffs, IDENTITIES, {})
    skeleton = markup.parse("<volume><name/><target/></volume>")
    skeleton[0].text = spec.ref.name.rpartition("/")[2]
    return definitions.build(markup.serialise(skeleton), spec, IDENTITIES, {})
