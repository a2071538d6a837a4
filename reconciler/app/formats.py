"""The format of a disk that names a volume and not how it is laid out: what the volume has.

libvirt takes such a disk for raw. A guest that writes to a qcow2 image as if it were raw destroys it (seen with 9.0).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.app.session import Session, Workspace
from reconciler.model.documents import Address, Spec
from reconciler.model.refs import Ref

_VOLUME, _FORMAT = "/source@volume", "target/format@type"
# What a new volume is in pools of files (see the driver of volumes), and how their types begin in a definition.
_USUAL = "qcow2"
_FILES = ("dir", "fs", "netfs", "gluster", "vstorage")
# Formats of volumes that a disk knows by the same name; an ISO image is raw to it.
_SAME = ("raw", "qcow2", "qcow", "qed", "vmdk", "vdi", "vpc", "bochs")


def with_formats(workspace: Workspace, host: Session, spec: Spec) -> Spec:
    """The Spec, with the formats for disks that come new; one that is there keeps what it has."""
    found = {
        f"{disk}/driver@type": form
        for disk, volume in _unsaid(spec)
        if (form := _format(workspace, host, Ref("Volume", volume)))
    }
    return replace(spec, hints={**found, **spec.hints}) if found else spec


def _unsaid(spec: Spec) -> Iterator[tuple[Address, str]]:
    """The disks on volumes whose format the document does not give, each with `pool/name`."""
    for address, name in spec.claims.items():
        disk = address.removesuffix(_VOLUME)
        pool = spec.claims.get(f"{disk}/source@pool")
        if name and disk != address and pool and f"{disk}/driver@type" not in spec.claims:
            yield disk, f"{pool}/{name}"


def _format(workspace: Workspace, host: Session, ref: Ref) -> str:
    """The format of a volume as the host has it, else as it will be made; "" where that is not known."""
    kind = workspace.kinds.get("Volume")
    seen, declared = host.observed.get(ref), workspace.desired.specs.get((host.host, ref))
    if seen is not None and kind is not None:
        form = kind.read(seen.xml).get(_FORMAT)
    elif declared is not None:
        form = declared.claims.get(_FORMAT) or (_USUAL if _holds_files(workspace, host, ref) else None)
    else:
        form = None
    return form if form in _SAME else "raw" if form == "iso" else ""


def _holds_files(workspace: Workspace, host: Session, volume: Ref) -> bool:
    ref = Ref("Pool", volume.name.rpartition("/")[0])
    kind = workspace.kinds.get("Pool")
    seen, declared = host.observed.get(ref), workspace.desired.specs.get((host.host, ref))
    if seen is not None and kind is not None:
        return kind.read(seen.xml).get("@type") in _FILES
    return declared is not None and declared.claims.get("@type") in _FILES
