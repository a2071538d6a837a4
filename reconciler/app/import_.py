"""`import`: manifests from what is on the hosts, or from libvirt's own XML files; nothing is adopted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath

from reconciler.app import images, importing, layout, session, wiring
from reconciler.app.desired import own_schemas
from reconciler.app.importing import Draft, Found
from reconciler.app.session import Session, Workspace
from reconciler.app.settings import Selection, Settings
from reconciler.errors import Problem, ReconcilerError, trouble
from reconciler.model.refs import Ref


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Where the manifests go, which files they are made from instead of hosts, and whether they may replace others."""

    to: Path
    files: tuple[Path, ...] = ()
    overwrite: bool = False


class Result(Enum):
    """What became of a manifest's file."""

    NEW = "new"
    SAME = "unchanged"
    OTHER = "overwritten"


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One imported object. `host` is "" for one from a file; `rest` names the elements that have no field."""

    ref: Ref
    host: str
    path: Path
    result: Result
    rest: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What was imported and what could not be. `passed` are the XML files below a directory that define nothing."""

    items: tuple[Item, ...]
    problems: tuple[Problem, ...]
    passed: tuple[Path, ...] = ()

    @property
    def summary(self) -> Mapping[str, int]:
        """How many resources of each kind were imported, in the order of names."""
        return dict(sorted(Counter(item.ref.kind for item in self.items).items()))


# Told after each object: how many are done, and how many there are.
Report = Callable[[int, int], None]


def import_(settings: Settings, selection: Selection, wish: Wish, report: Report) -> Imported:
    """Write a manifest below `wish.to` for each selected object: all that no document declares if none is named.

    One that cannot be imported is a problem (R806, R807) and keeps none of the others. Raises R305 for one that no
    host has, R112 for a file that cannot be read.
    """
    if wish.files:
        gathered = importing.from_files(wish.files, wiring.kinds())
        found = [each for each in gathered.found if each.ref not in selection.exclude]
        done = _write_all(found, layout.paths(((each.host, each.ref) for each in found), wiring.kinds()), wish, report)
        return Imported(items=done.items, problems=(*gathered.problems, *done.problems), passed=gathered.passed)
    with session.opened(settings, selection, values=False) as workspace:
        paths = layout.paths(_every(workspace), workspace.kinds)
        done = _write_all(list(_chosen(workspace, wish, paths)), paths, wish, report)
        return Imported(items=done.items, problems=(*workspace.failures.values(), *done.problems))


def _every(workspace: Workspace) -> Iterator[tuple[str, Ref]]:
    """All objects of all hosts; where one goes must not depend on which others are imported with it."""
    for host in workspace.sessions.values():
        yield from ((_folder(workspace, host), ref) for ref in host.observed)


def _folder(workspace: Workspace, host: Session) -> str:
    """The host as manifests name it; "" where there is one only."""
    return host.host if len(workspace.sessions) > 1 else ""


def _chosen(workspace: Workspace, wish: Wish, paths: layout.Paths) -> Iterator[Found]:
    """Every object to import."""
    wanted = set(workspace.selection.refs)
    missing = wanted - {ref for host in workspace.sessions.values() for ref in host.observed}
    if missing:
        raise trouble("R305", f"no host has {sorted(missing)[0]}")
    for host in workspace.sessions.values():
        for ref, seen in sorted(host.observed.items()):
            declared = (host.host, ref) in workspace.desired.specs
            folder = _folder(workspace, host)
            again = declared and wish.overwrite and (wish.to / paths[folder, ref]).exists()
            kind = workspace.kinds[ref.kind]
            given = kind.given(seen) or images.image_of(workspace, ref)
            if not kind.root or ref in workspace.selection.exclude or (not wanted and given):
                continue
            if ref in wanted if wanted else (again or not declared):
                facts = images.with_image(workspace, seen.facts)
                yield Found(ref=ref, host=folder, where=host.host, xml=seen.xml, facts=facts)


def _write_all(found: Sequence[Found], paths: layout.Paths, wish: Wish, report: Report) -> Imported:
    items: list[Item] = []
    problems: list[Problem] = []
    kinds, schemas = wiring.kinds(), own_schemas()
    for number, each in enumerate(found, 1):
        try:
            draft = importing.draft(each, kinds[each.ref.kind], schemas)
            items.append(_write(draft, paths[each.host, each.ref], wish))
        except ReconcilerError as error:
            problems.extend(error.problems)
        report(number, len(found))
    return Imported(items=tuple(items), problems=tuple(problems))


def _write(draft: Draft, below: PurePosixPath, wish: Wish) -> Item:
    """Put the manifest into its file. Raises R807 where another is there, R805."""
    from reconciler.adapters.manifests import put, read

    path = wish.to / below
    there = read(path)
    if there is not None and there != draft.text and not wish.overwrite:
        message = f"{draft.ref} was not imported: this file is there already and says something else"
        raise trouble("R807", message, str(path))
    if there != draft.text:
        put(path, draft.text)
    result = Result.NEW if there is None else Result.SAME if there == draft.text else Result.OTHER
    return Item(ref=draft.ref, host=draft.host, path=path, result=result, rest=draft.rest)
