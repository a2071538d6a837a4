"""The committed reference is what the program would write now, and it is complete."""

from __future__ import annotations

import re
from pathlib import Path

from reconciler.catalogue import CATALOGUE, Family
from reconciler.kinds import KINDS

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
HINT = "run: python docs/generate.py"


def test_the_committed_pages_are_what_is_generated(generator):
    made = generator.pages()
    committed = {path.name: path.read_text(encoding="utf-8") for path in REFERENCE.glob("*.md")}
    assert committed.keys() == made.keys(), HINT
    for name, text in made.items():
        assert committed[name] == text, f"{name}: {HINT}"


def test_every_error_number_has_an_anchor_a_cure_and_an_exit_code(generator):
    page = generator.pages()["errors.md"]
    for entry in CATALOGUE.values():
        assert f'<a id="{entry.number.lower()}"></a>\n\n### {entry.number}: {entry.title}\n\nCure: {entry.cure}' in page


def test_every_exit_code_is_listed(generator):
    page = generator.pages()["cli.md"]
    for code in (0, 2, *(family.value for family in Family)):
        assert f"\n| {code} | " in page


def test_every_field_stands_on_its_kinds_page(generator):
    pages = generator.pages()
    for name, kind in KINDS.items():
        for node in kind.fields:
            assert f"\n## {node.name}\n" in pages[f"{name.lower()}.md"]


def test_every_managed_field_has_a_cost(costs):
    for kind in KINDS.values():
        if not kind.rules:
            continue
        rows = [row[0].strip("`") for row in costs.costs(kind)]
        for pattern, entry in kind.table.items():
            if pattern.startswith("!") or pattern.endswith("@unit") or (entry.field is not None and entry.field.noted):
                continue
            assert any(entry.path == row or entry.path.startswith((f"{row}.", f"{row}[]")) for row in rows), entry.path


def test_the_glossary_is_in_order_and_says_each_word_once():
    terms = re.findall(r"^\*\*(.+)\*\*$", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert terms == sorted(set(terms), key=str.lower)
