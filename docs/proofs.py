"""The page that names the tests which prove each rule, found in the tests' own source by their marks.

A test is marked with the kind and the patterns of the rules that it plays: `@pytest.mark.proves("Domain", "title")`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from costs import Cost, asked_of, grouped
from tables import prose, table

from reconciler.kind import Kind, Rule

MARK = "proves"
# What cannot be seen without KVM, or in the places where tests run; written by hand, from what was seen.
LIMITS = (
    (
        "A vCPU is taken from a running guest",
        "The guest lets go of it, and QEMU 7.2 never completes the removal under software emulation.",
        "The plan says that it waits for a restart; everything else the apply had to do is done.",
    ),
    (
        "Bandwidth of an interface",
        "The host's kernel may lack the queues that libvirt sets up (`sch_htb`, `sch_sfq`).",
        "Played up to the call: libvirt's counters have the rates, or the apply says why not and the card stays.",
    ),
    (
        "USB devices, shared directories, watchdogs, sound",
        "The kernel of the test's guest has no drivers for them.",
        "The guest sees the device on its bus; USB devices are asked of QEMU's monitor (`info usb`).",
    ),
    (
        "I/O threads, CPU shares, pins, limits of memory and disks",
        "A guest cannot see them.",
        "libvirt's counters of the running guest, which read its cgroups, and QEMU's monitor.",
    ),
    (
        "Devices of the host (`hostdevs`), SR-IOV, vDPA, mediated devices",
        "The machines that tests run on have none to give away.",
        "A device that is not there: the error is told and nothing is lost.",
    ),
    (
        "The host's NUMA nodes (`numatune`)",
        "The machines that tests run on have one.",
        "The call and what libvirt shows of it.",
    ),
    (
        "A host-model processor",
        "Emulation has models of its own; what KVM adds to the running definition cannot be seen.",
        "Named models and their expansion by emulation: neither is shown as waiting.",
    ),
    (
        "SPICE viewers, GPUs",
        "There is nobody to look.",
        "VNC stands for them; a USB socket is one over TCP.",
    ),
)


@dataclass(frozen=True)
class Proof:
    """One mark on one test."""

    path: Path
    test: str
    kind: str
    patterns: tuple[str, ...]

    @property
    def sentence(self) -> str:
        return self.test.removeprefix("test_").replace("_", " ")


def proofs(tests: Path) -> list[Proof]:
    """Every mark in a directory of tests, in the order of files and lines. The files are read, not run."""
    return [proof for path in sorted(tests.rglob("test_*.py")) for proof in _marks(path)]


def _marks(path: Path) -> Iterator[Proof]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == f"pytest.mark.{MARK}":
                    kind, *patterns = (ast.literal_eval(argument) for argument in decorator.args)
                    yield Proof(path, node.name, kind, tuple(patterns))


def page(kinds: Iterable[Kind], tests: Path, root: Path) -> Iterator[str]:
    found = proofs(tests)
    yield "# What proves each rule"
    yield ""
    yield from prose("""Every field has a rule that says what a change of it costs
        ([What a change costs](disruption.md)). This page names the tests that play each rule, most of them on a real
        libvirt and QEMU: the change is planned, made, and looked for on the other side, in the guest where there is
        one. It is made from the marks on the tests (`@pytest.mark.proves`); a rule without a test, or a mark without a
        rule, fails the tests.""")
    for kind in kinds:
        mine = [proof for proof in found if proof.kind == kind.name]
        yield from ("", f"## {kind.name}", "")
        yield from table(
            ("Fields", "While it runs", "While it is stopped", "Rule", "Proven by"), _rows(kind, mine, root)
        )
    yield from ("", "## What cannot be seen", "")
    yield from prose(
        """Tests run without KVM, on whatever machine there is. What follows is played as far as that goes."""
    )
    yield ""
    yield from table(("What", "Why it cannot be seen", "What is seen instead"), LIMITS)


def _rows(kind: Kind, found: Sequence[Proof], root: Path) -> Iterator[Sequence[str]]:
    judged = list(grouped(fields_of(kind)))
    for rule in kind.rules:
        proven = _proven(rule, found, root)
        answers: dict[Cost, list[str]] = {}
        for name, (pattern, cost) in judged:
            if pattern == rule.pattern:
                answers.setdefault(cost, []).append(name)
        for (running, stopped, said), names in answers.items():
            yield ", ".join(names), running, stopped, said, proven
        if not answers:
            yield f"`{rule.pattern.lstrip('!')}` (no field of its own)", "", "", rule.doc, proven


def fields_of(kind: Kind) -> Mapping[str, tuple[str, Cost]]:
    """Path as people write it -> the pattern of the rule that judges it, and what it costs."""
    asked = dict(asked_of(kind))
    return {
        entry.path: (next(rule.pattern for rule in kind.rules if rule.matches(address)), asked[entry.path])
        for address, entry in kind.table.items()
        if entry.path in asked
    }


def _proven(rule: Rule, found: Sequence[Proof], root: Path) -> str:
    """The tests by file, each as the sentence that it is."""
    files: dict[Path, list[str]] = {}
    for proof in found:
        if rule.pattern in proof.patterns:
            files.setdefault(proof.path, []).append(proof.sentence)
    return "; ".join(
        f"[{path.stem.removeprefix('test_')}](../../{path.relative_to(root).as_posix()}): {', '.join(said)}"
        for path, said in files.items()
    )
