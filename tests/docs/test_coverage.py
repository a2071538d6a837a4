"""Where everything in libvirt's formats goes, and the proof that it does."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from reconciler.kinds import KINDS
from tests.kinds.pieces import FILES, fault, schema_of

DOCS = Path(__file__).parents[2] / "docs"
# The places of one part of the format, so that a failure names it.
PARTS = 8


@pytest.fixture(scope="module")
def coverage() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        yield importlib.import_module("coverage")


@pytest.fixture(scope="module")
def covered(coverage: ModuleType) -> dict[str, list]:
    return {name: coverage.covers(KINDS[name], schema_of(KINDS[name]).places()) for name in FILES}


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", FILES)
def test_whatever_the_format_has_arrives_by_xml_and_a_second_look_finds_nothing_to_do(name, part, covered, coverage):
    schema, faults = schema_of(KINDS[name]), {}
    for each in covered[name][part::PARTS]:
        if each.where is coverage.Where.NOWHERE or each.place.removesuffix("@unit") in noted(KINDS[name]):
            continue
        meant = coverage.SPELT.get(f"{name}:{each.place}", "")
        if found := fault(KINDS[name], schema, each.place, meant):
            faults[each.place] = found
    assert faults == {}


def noted(kind) -> set[str]:
    """What a kind reads itself when it makes something, and manages no further."""
    return {pattern for pattern, entry in kind.table.items() if entry.field is not None and entry.field.noted}


def test_what_is_not_accepted_is_refused(covered, coverage):
    refused = [each.place for each in covered["Domain"] if each.where is coverage.Where.NOWHERE]
    assert "name" in refused and "@id" in refused
    schema = schema_of(KINDS["Domain"])
    for place in refused:
        assert fault(KINDS["Domain"], schema, place).startswith("refused"), place


def test_every_element_and_attribute_stands_on_the_page_once(covered, coverage):
    text = "\n".join(coverage.page(KINDS, DOCS / "reference" / "coverage.md"))
    for name, places in covered.items():
        assert len({each.place for each in places}) == len(places) > 30, name
    for field in ("`disks[].cache`", "`cpu.mode`", "`dhcp", "`@copy_on_read`"):
        assert field in text, field


def test_a_field_that_moves_out_of_the_table_becomes_a_matter_of_xml(coverage):
    kind = KINDS["Domain"]
    places = {"title": True, "vcpu": True, "vcpu@cpuset": True}
    assert next(each.where for each in coverage.covers(kind, places)) is coverage.Where.FIELD


def test_with_the_schemas_of_another_libvirt_the_committed_page_stays(coverage, monkeypatch):
    monkeypatch.setitem(coverage.SCHEMAS, "Domain", ("domain.rng", "another"))
    committed = DOCS / "reference" / "coverage.md"
    page = "\n".join(coverage.page(KINDS, committed)).rstrip()
    assert page == committed.read_text(encoding="utf-8").split("\n\n", 1)[1].rstrip()
