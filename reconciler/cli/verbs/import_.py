"""`import`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from reconciler.app.import_ import Imported, Result, Wish, import_
from reconciler.app.settings import Selection
from reconciler.cli import render_json
from reconciler.cli.arguments import Options, Verb, exclude_option, path_option, with_options
from reconciler.cli.messages import exit_code, problem_lines, problems_json
from reconciler.cli.progress import progress
from reconciler.cli.terminal import answer, printable, tell
from reconciler.errors import trouble
from reconciler.model.refs import Ref

# Elements that are named in the summary; -v names all.
MOST = 8
_DID = {Result.NEW: "wrote", Result.OTHER: "overwrote"}


@click.command(cls=Verb, name="import")
@click.argument("names", metavar="[REF|FILE]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Everything on the hosts that no manifest declares.")
@exclude_option()
@path_option("--from", "files", metavar="PATH", multiple=True, help="libvirt XML: a file, or all files of a directory.")
@path_option("--to", metavar="DIR", help="Where the manifests go; the desired state otherwise.")
@click.option("--overwrite", is_flag=True, help="Write manifests anew that are there and say something else.")
@with_options
def command(
    options: Options,
    names: tuple[str, ...],
    everything: bool,
    exclude: tuple[Ref, ...],
    files: tuple[Path, ...],
    to: Path | None,
    overwrite: bool,
) -> int:
    """Write manifests from the objects on the hosts: those named, or --all. Adopts nothing and changes no host.

    With --from, they are made from libvirt's XML files instead, and what else stands on the command line are more such
    files. That needs no libvirt.
    """
    if (bool(names) + everything != 1) if not files else everything:
        raise trouble("R801", "name resources to import, or pass --all, or name files with --from")
    paths = (*files, *map(Path, names)) if files else ()
    refs = () if files else tuple(Ref.parse(name) for name in names)
    settings = options.settings()
    wish = Wish(to=to or settings.directory, files=paths, overwrite=overwrite)
    with progress("imported") as report:
        imported = import_(settings, Selection(refs=refs, exclude=exclude), wish, report)
    if imported.problems:
        tell("\n".join(problem_lines(imported.problems, options.terminal())))
    answer(_json(imported) if options.json else "\n".join(_text(imported, options.verbose)))
    return exit_code(imported.problems)


def _json(imported: Imported) -> str:
    return render_json.text(
        {
            "written": [str(item.path) for item in imported.items if item.result is not Result.SAME],
            "summary": dict(imported.summary),
            "imported": [
                {
                    "ref": str(item.ref),
                    "host": item.host or None,
                    "file": str(item.path),
                    "result": item.result.value,
                    "xml": list(item.rest),
                }
                for item in imported.items
            ],
            "passedOver": [str(path) for path in imported.passed],
            **problems_json(imported.problems),
        }
    )


def _text(imported: Imported, verbose: bool) -> Iterator[str]:
    """A line for each file that was written, then what it comes to."""
    for item in imported.items:
        if item.result in _DID:
            yield f"{_DID[item.result]} {printable(str(item.path))}"
    yield f"Imported: {', '.join(_counts(imported)) or 'nothing'}."
    same = sum(item.result is Result.SAME for item in imported.items)
    if same:
        yield f"  {same} {'file was' if same == 1 else 'files were'} there already and stayed."
    if imported.passed:
        named = f": {', '.join(printable(str(path)) for path in imported.passed)}" if verbose else " (-v names them)"
        files = "1 XML file defines" if len(imported.passed) == 1 else f"{len(imported.passed)} XML files define"
        yield f"  {files} nothing{named}."
    yield from _rest(imported, verbose)


def _counts(imported: Imported) -> Iterator[str]:
    return (f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in imported.summary.items())


def _rest(imported: Imported, verbose: bool) -> Iterator[str]:
    """What has no field and is in the words of libvirt, the most frequent first."""
    count = Counter(f"{item.ref.kind} {name}" for item in imported.items for name in item.rest)
    if not count:
        return
    some = sum(bool(item.rest) for item in imported.items)
    yield f"  {some} {'holds' if some == 1 else 'hold'} in xml: what has no field:"
    ordered = sorted(count.items(), key=lambda each: (-each[1], each[0]))
    for name, number in ordered if verbose else ordered[:MOST]:
        yield f"    {name} ({number})"
    if len(ordered) > MOST and not verbose:
        yield f"    and {len(ordered) - MOST} more (-v names them)"
