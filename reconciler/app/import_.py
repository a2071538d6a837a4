"""`import`: manifests from what is on the hosts; nothing is adopted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.app import session
from reconciler.app.session import Session, Workspace
from reconciler.app.settings import Selection, Settings
from reconciler.errors import Problem, ReconcilerError, trouble
from reconciler.manifest.write import write_document
from reconciler.model.documents import Observed
from reconciler.model.refs import Ref


@dataclass(frozen=True, kw_only=True)
class Imported:
    """The files written, what could not be, and how many resources of each kind."""

    written: tuple[Path, ...]
    problems: tuple[Problem, ...]
    summary: Mapping[str, int]


def import_(settings: Settings, selection: Selection, to: Path) -> Imported:
    """Write a manifest for each selected object (all that no document declares if none is named) below `to`.

    Raises R305 for one that no host has, R804 where a file exists already.
    """
    with session.opened(settings, selection) as workspace:
        written: list[Path] = []
        problems: list[Problem] = list(workspace.failures.values())
        kinds: Counter[str] = Counter()
        for host, found in _chosen(workspace):
            try:
                written.append(_write(workspace, host, found, to))
                kinds[found.ref.kind] += 1
            except ReconcilerError as error:
                problems.extend(error.problems)
        return Imported(written=tuple(written), problems=tuple(problems), summary=dict(kinds))


def _chosen(workspace: Workspace) -> Iterator[tuple[Session, Observed]]:
    """Every object to import, with its host."""
    wanted = set(workspace.selection.refs)
    missing = wanted - {ref for host in workspace.sessions.values() for ref in host.observed}
    if missing:
        raise trouble("R305", f"no host has {sorted(missing)[0]}")
    for host in workspace.sessions.values():
        for ref, found in sorted(host.observed.items()):
            declared = (host.host, ref) in workspace.desired.specs
            if (
                ref.kind != "Host"
                and (ref in wanted if wanted else not declared)
                and ref not in workspace.selection.exclude
            ):
                yield host, found


def _write(workspace: Workspace, host: Session, found: Observed, to: Path) -> Path:
    kind = workspace.kinds[found.ref.kind]
    texts = {**kind.read(found.xml), **found.facts}
    name = found.ref.name.rpartition("/")[2]
    metadata: dict[str, object] = {"name": name}
    if len(workspace.sessions) > 1:
        metadata["host"] = host.host
    body = kind.dump(texts)
    text = write_document(found.ref.kind, metadata, body)
    path = to / kind.folder / _file_name(host, found.ref, many=len(workspace.sessions) > 1)
    if path.exists():
        raise trouble("R804", f"{path} exists already; move it away or choose another --to")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _file_name(host: Session, ref: Ref, *, many: bool) -> str:
    flat = ref.name.replace("/", "-")
    return f"{host.host}-{flat}.yaml" if many else f"{flat}.yaml"
