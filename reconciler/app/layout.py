"""Where imported manifests go: names that people like, that every file system takes and that never clash."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import PurePosixPath
from unicodedata import normalize

from reconciler.kind import Kind
from reconciler.model.refs import Ref

# From a host's name ("" where there is one only) and a Ref to the path of its manifest.
Paths = Mapping[tuple[str, Ref], PurePosixPath]
# Letters of any script, digits and what is harmless between them.
_ODD = re.compile(r"[^\w.+@-]+")
# A file name may have 255 bytes; a letter takes up to four.
LONGEST = 50


def paths(objects: Iterable[tuple[str, Ref]], kinds: Mapping[str, Kind]) -> Paths:
    """`domains/web-1.yaml`, `volumes/default/web-1.qcow2.yaml`, `hv1/domains/web-1.yaml` where there are many hosts.

    Names that would share a file, also on a file system that takes large and small letters for the same, are told
    apart by a digest; the one in small letters keeps its name.
    """
    found: dict[tuple[str, Ref], PurePosixPath] = {}
    taken: set[str] = set()
    for host, ref in sorted(
        objects, key=lambda each: (each[0], each[1].kind, each[1].name.lower() != each[1].name, each)
    ):
        path = _path(host, ref, kinds[ref.kind].folder)
        if _folded(path) in taken:
            path = path.with_name(f"{path.stem}-{sha256(str(ref).encode()).hexdigest()[:8]}.yaml")
        taken.add(_folded(path))
        found[host, ref] = path
    return found


def _path(host: str, ref: Ref, folder: str) -> PurePosixPath:
    *above, name = (_plain(part) for part in ref.name.split("/"))
    return PurePosixPath(*([_plain(host)] if host else []), folder, *above, f"{name}.yaml")


def _plain(name: str) -> str:
    """The name as far as it is fit for a file: never hidden, never empty, never too long."""
    plain = _ODD.sub("-", normalize("NFC", name)).strip("-.") or "unnamed"
    if len(plain) <= LONGEST:
        return plain
    return f"{plain[:LONGEST]}-{sha256(name.encode()).hexdigest()[:8]}"


def _folded(path: PurePosixPath) -> str:
    return normalize("NFKC", str(path)).casefold()
