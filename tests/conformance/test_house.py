"""The source tree keeps its own rules."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.catalogue import CATALOGUE, Family
from reconciler.errors import FAMILIES

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "reconciler").rglob("*.py"))
PURE = ("model", "markup", "fields", "kind", "matching", "definitions", "manifest", "engine", "kinds")
# A row for each error number, looked up and never read through.
TABLES = {"catalogue.py": 400}
BLOCKED = ("libvirt", "git", "watchdog", "subprocess", "socket", "sqlite3")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_fits_on_a_few_screens_and_says_what_it_is(path):
    text = path.read_text()
    assert len(text.splitlines()) <= TABLES.get(path.name, 300)
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_stay_small(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 40, node.name


def test_the_deciding_core_needs_no_libvirt_git_process_or_socket():
    code = (
        "import sys\n"
        f"for name in {BLOCKED!r}: sys.modules[name] = None\n"
        "import importlib, pkgutil, reconciler\n"
        f"for part in {PURE!r}:\n"
        "    module = importlib.import_module('reconciler.' + part)\n"
        "    for found in pkgutil.walk_packages(getattr(module, '__path__', []), module.__name__ + '.'):\n"
        "        importlib.import_module(found.name)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.returncode == 0, result.stderr


def numbers_in(text):
    return set(re.findall(r'"(R[1-9][0-9]{2})"', text))


def test_every_number_that_is_raised_is_in_the_catalogue_and_the_other_way_round():
    used = set()
    for path in MODULES:
        if path.name != "catalogue.py":
            used |= numbers_in(path.read_text())
    assert used - set(CATALOGUE) == set()
    assert set(CATALOGUE) - used == set()


def test_every_family_has_an_exception_and_its_own_exit_code():
    assert set(FAMILIES) == set(Family)
    assert len({family.value for family in Family}) == len(Family)


def test_no_catch_all_hides_a_bug():
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler):
                name = node.type.id if isinstance(node.type, ast.Name) else ""
                allowed = path.name == "main.py" or any(isinstance(child, ast.Raise) for child in ast.walk(node))
                assert name not in ("Exception", "BaseException") or allowed, f"{path}:{node.lineno}"
