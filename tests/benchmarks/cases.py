"""What is measured. Each case gives rows of a table; each row compares with the floor of the same run."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.virt import embedded
from reconciler.markup import NAMESPACES
from tests.benchmarks import corpus
from tests.benchmarks.measure import Sample, measure, median, middle

FLOOR = Path(__file__).with_name("floor.py")
LEDGER = Path(__file__).with_name("ledger.py")
MEBIBYTE = 1024 * 1024
OWNED = NAMESPACES["reconciler"]
IMPORT_LIMIT = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One measurement. `limit` is the largest ratio to the floor that is acceptable; `memory_limit` is in bytes."""

    what: str
    ours: Sample
    floor: Sample
    limit: float | None = None
    memory_limit: int | None = None

    @property
    def ratio(self) -> float:
        return self.ours.seconds / self.floor.seconds

    @property
    def within(self) -> bool:
        fast = self.limit is None or self.ratio <= self.limit
        return fast and (self.memory_limit is None or self.ours.memory < self.memory_limit)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where a run keeps its things, how many machines it takes, and how often it repeats what is short."""

    work: Path
    machines: int = 1000
    many: tuple[int, ...] = (1000, 3000, 10000)
    repeats: int = 5

    @property
    def cache(self) -> Path:
        return self.work / "cache"

    @property
    def state(self) -> Path:
        return self.work / "state"

    def program(self, *arguments: str | Path) -> list[str | Path]:
        program = Path(sys.executable).with_name("reconciler")
        return ["env", f"RECONCILER_CACHE_DIR={self.cache}", program, "--state-dir", self.state, *arguments]

    def forget(self) -> None:
        """The next run is cold: whatever can be computed again is gone."""
        shutil.rmtree(self.cache, ignore_errors=True)


def floor(*arguments: str | Path) -> list[str | Path]:
    return [sys.executable, FLOOR, *arguments]


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Documents and the host they are applied to: by its name for `--connect`, and by a URI that libvirt knows."""

    title: str
    documents: Path
    connect: str
    uri: str
    memory_limit: int | None = None


def _plan_rows(bench: Bench, place: Place, runs: int) -> Iterator[Row]:
    """Cold, warm, and with one changed document. An exit code of 2 says that there are changes."""
    where = ("-C", place.documents, "--connect", place.connect)
    plan = bench.program(*where, "plan", "--detailed-exitcode")

    def cold() -> Sample:
        bench.forget()
        return measure(plan)

    # The floor is measured beside ours each time, so that what else the machine has to do burdens both.
    rounds = [(measure(floor("read", place.uri)), cold(), measure(plan)) for _ in range(runs)]
    base, first, again = (middle(samples) for samples in zip(*rounds, strict=True))

    def row(what: str, ours: Sample, limit: float | None) -> Row:
        title = f"plan, {place.title}: {what}"
        return Row(what=title, ours=ours, floor=base, limit=limit, memory_limit=place.memory_limit)

    yield row("nothing to do, cold", first, 6)
    yield row("nothing to do, warm", again, 2)
    corpus.change_one(place.documents)
    yield row("one document changed", median(runs, lambda: measure(plan, expect=2)), None)


def _live_row(bench: Bench, place: Place) -> Row:
    """One limit of one running machine among many: the whole apply beside the plan of the same change."""
    where = ("-C", place.documents, "--connect", place.connect)
    plan, apply = bench.program(*where, "plan", "--detailed-exitcode"), bench.program(*where, "apply", "--yes")
    corpus.run_one(place.documents)
    measure(apply)
    rounds: list[tuple[Sample, Sample]] = []
    for number in range(bench.repeats):
        corpus.weigh_one(place.documents, 1100 + number)
        rounds.append((measure(plan, expect=2), measure(apply)))
    floor, ours = (middle(samples) for samples in zip(*rounds, strict=True))
    what = f"apply, {place.title}: one changes live (the floor is its plan)"
    return Row(what=what, ours=ours, floor=floor, limit=1.5)


def _import_row(bench: Bench, place: Place, runs: int) -> Row:
    """All machines of a host to manifests in an empty directory; its floor reads the same definitions."""
    empty, written = bench.work / "empty", bench.work / "imported"
    empty.mkdir(exist_ok=True)
    command = bench.program("-C", empty, "--connect", place.connect, "import", "--all", "--to")

    def afresh() -> Sample:
        # A new directory each time: ext4 looks long for a file's place where many were deleted minutes ago.
        written.mkdir(exist_ok=True)
        return measure([*command, tempfile.mkdtemp(dir=written)])

    rounds = [(measure(floor("read", place.uri)), afresh()) for _ in range(runs)]
    base, ours = (middle(samples) for samples in zip(*rounds, strict=True))
    return Row(what=f"import, {place.title}", ours=ours, floor=base, limit=IMPORT_LIMIT)


def real_host(bench: Bench) -> Iterator[Row]:
    """A real libvirtd with QEMU: make all machines, then plan with nothing to do."""
    home = embedded.home_of("embedded:floor", bench.state)
    assert home is not None
    definitions, documents = bench.work / "definitions", bench.work / "documents"
    corpus.write_definitions(definitions, bench.machines, type="qemu", namespace=OWNED)
    corpus.write_documents(documents, bench.machines, type="qemu", power="stopped")
    title = f"{bench.machines} machines on libvirtd"
    try:
        embedded.start(home)
        measure(floor("wake", embedded.uri_of(home)))
        base = measure(floor("define", embedded.uri_of(home), definitions))
        embedded.stop(bench.state, "floor")
        apply = bench.program("-C", documents, "--connect", "embedded", "apply", "--yes")
        measure(bench.program("-C", documents, "--connect", "embedded", "plan"))
        yield Row(what=f"apply, {title}: all are new", ours=measure(apply), floor=base, limit=2.5)
        ours = embedded.home_of("embedded", bench.state)
        assert ours is not None
        place = Place(title=title, documents=documents, connect="embedded", uri=embedded.uri_of(ours))
        yield from _plan_rows(bench, place, bench.repeats)
        yield _import_row(bench, place, bench.repeats)
        yield _live_row(bench, place)
    finally:
        embedded.stop(bench.state, "floor")
        embedded.stop(bench.state)


def many_machines(bench: Bench) -> Iterator[Row]:
    """libvirt's test driver with ever more machines: the same ratios, bounded memory, linear growth."""
    for count in bench.many:
        documents = bench.work / f"documents-{count}"
        corpus.write_documents(documents, count, type="test", power="running")
        uri = corpus.write_test_host(bench.work / f"host-{count}.xml", count, namespace=OWNED)
        measure(bench.program("-C", documents, "--connect", uri, "apply", "--yes"))
        title = f"{count} machines in the test driver"
        place = Place(title=title, documents=documents, connect=uri, uri=uri, memory_limit=500 * MEBIBYTE)
        yield from _plan_rows(bench, place, bench.repeats if count <= 3000 else 1)
        if count == bench.many[0]:
            yield _import_row(bench, place, bench.repeats)


def short_commands(bench: Bench) -> Iterator[Row]:
    """What needs no libvirt must be there before one notices."""
    base = median(2 * bench.repeats, lambda: measure([sys.executable, "-c", "import yaml"]))
    documents = bench.work / "one"
    corpus.write_documents(documents, 1, type="qemu", power="stopped")
    one = documents / f"{corpus.names(1)[0]}.yaml"
    commands = {"--help": bench.program("--help"), "validate, one file": bench.program("validate", one)}
    for what, command in commands.items():
        ours = median(2 * bench.repeats, lambda command=command: measure(command))  # type: ignore[misc]
        yield Row(what=what, ours=ours, floor=base, limit=3)


def first_commit(bench: Bench) -> Iterator[Row]:
    """The ledger's commit of very many definitions at once; its floor is git's own bulk import of the same files."""
    count = bench.many[-1]
    definitions = bench.work / "ledger-definitions"
    corpus.write_definitions(definitions, count, type="qemu", namespace=OWNED)
    base = measure([sys.executable, LEDGER, "import", bench.work / "floor.git", definitions])
    ours = measure([sys.executable, LEDGER, "record", bench.work / "ledger.git", definitions])
    yield Row(what=f"ledger, one commit of {count} definitions", ours=ours, floor=base)


CASES: Sequence[Callable[[Bench], Iterator[Row]]] = (short_commands, first_commit, real_host, many_machines)
