"""Values files: what `${values.…}` stands for, one mapping from any number of files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.errors import Problem
from reconciler.manifest.check import API_VERSION
from reconciler.manifest.load import load
from reconciler.manifest.merge import merged, settled
from reconciler.manifest.placeholders import ROOTS, Filling, Lines
from reconciler.manifest.tree import EMPTY, Node, planted
from reconciler.ports import SourceFile

_PLAIN = "a value is taken as it stands, so no name is filled in here"


def values_of(files: Iterable[SourceFile], lines: Lines) -> tuple[Node, list[Problem]]:
    """The values of all files, those of a later one over those of an earlier, and what is wrong with them."""
    whole, problems = EMPTY, list[Problem]()
    for file in files:
        found, wrong = _one(file, lines)
        whole = merged(whole, found)
        problems += wrong
    return settled(whole), problems


def _one(file: SourceFile, lines: Lines) -> tuple[Node, list[Problem]]:
    loaded, problems = load(file.content, file.path)
    if problems or not loaded:
        return EMPTY, problems
    node = planted(loaded[0], file.path)
    if len(loaded) > 1 or not isinstance(node.value, dict):
        return EMPTY, [Problem("R118", "values are one mapping of names to values", str(node.place))]
    version = node.at("apiVersion")
    if version is not None and version.value == API_VERSION:
        message = "this file holds values and no resources; rename it, or move the resource elsewhere"
        return EMPTY, [Problem("R118", message, str(node.place))]
    if "sops" in node.value:
        message = "a values file cannot be encrypted; let the document say where its secret is kept"
        return EMPTY, [Problem("R118", message, str(node.place))]
    filling = Filling({}, lines, silent=dict.fromkeys(ROOTS, _PLAIN))
    filled = filling.fill(node)
    return filled, [replace(problem, number="R118") for problem in filling.problems]
