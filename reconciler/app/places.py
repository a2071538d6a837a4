"""The path of a volume where a definition takes nothing else: what a pool's own definition makes of its name."""

from __future__ import annotations

from dataclasses import replace

from reconciler.app.session import Session, Workspace
from reconciler.model.documents import PATH_OF, Spec
from reconciler.model.refs import Ref

_TARGET = "target/path"


def with_places(workspace: Workspace, host: Session, spec: Spec) -> Spec:
    """The Spec with paths in place of the volumes that it wants the paths of; those of unknown pools stay."""
    found = {at: text for at, text in spec.claims.items() if text is not None and text.startswith(PATH_OF)}
    if not found:
        return spec
    paths = {at: _path(workspace, host, text.removeprefix(PATH_OF)) for at, text in found.items()}
    return replace(spec, claims={**spec.claims, **{at: path for at, path in paths.items() if path}})


def _path(workspace: Workspace, host: Session, volume: str) -> str | None:
    """Where a volume is, or will be."""
    pool, _, name = volume.partition("/")
    ref = Ref("Pool", pool)
    kind = workspace.kinds.get("Pool")
    seen, declared = host.observed.get(ref), workspace.desired.specs.get((host.host, ref))
    if seen is not None and kind is not None:
        directory = kind.read(seen.xml).get(_TARGET)
    else:
        directory = declared.claims.get(_TARGET) if declared is not None else None
    return f"{directory.rstrip('/')}/{name}" if directory else None
