"""Volumes without a host: documents, definitions and rules."""

from __future__ import annotations

import pytest

from reconciler.errors import ManifestError
from reconciler.grammar import Schema
from reconciler.kind import Facts
from reconciler.kinds.volume import KIND
from reconciler.markup import graft, parse, serialise
from reconciler.model.documents import Need
from reconciler.model.refs import Ref
from tests.kinds.cases import Case, check_case, observed_as, read_cases
from tests.kinds.steering import judged, situation, spec_of
from tests.kinds.volume.documents import DOCUMENTS

SCHEMA = Schema("/usr/share/libvirt/schemas/storagevol.rng")
NAME = "images/v"


@pytest.mark.parametrize("case", read_cases(__file__))
def test_case(case: Case) -> None:
    check_case(KIND, NAME, case)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_libvirts_schema_accepts_every_definition(name: str) -> None:
    spec = spec_of(KIND, NAME, DOCUMENTS[name])
    root = parse(KIND.render(spec, None, ()))
    if "!backing" in spec.claims:
        # Only the host knows where a backing volume is; the driver writes it.
        graft(root, [("backingStore/path", "/srv/base")], {})
    assert SCHEMA.complaint(serialise(root)) is None


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_definition_read_back_has_what_its_document_claims(name: str) -> None:
    spec = spec_of(KIND, NAME, DOCUMENTS[name])
    assert judged(KIND, situation(KIND, spec, observed_as(KIND, NAME, DOCUMENTS[name]))) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "needs capacity"),
        ({"backing": "b", "source": "/srv/a"}, "backing and source"),
        ({"backing": {"volume": "b", "path": "/srv/b"}}, "keep one"),
    ],
)
def test_a_volume_begins_in_exactly_one_way(body: dict[str, object], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        spec_of(KIND, NAME, body)


def test_a_volume_needs_its_pool_and_its_backing_volume() -> None:
    spec = spec_of(KIND, NAME, {"backing": "base"})
    assert [(need.ref, need.external) for need in spec.needs] == [
        (Ref("Pool", "images"), False),
        (Ref("Volume", "images/base"), False),
    ]


def test_libvirts_own_pool_counts_as_present() -> None:
    assert spec_of(KIND, "default/v", {"capacity": "1MiB"}).needs == (
        Need(Ref("Pool", "default"), True, ("spec", "pool")),
    )


@pytest.mark.parametrize(
    ("address", "want", "have", "same"),
    [
        ("!backing", "images/base", "/elsewhere/base", True),
        ("!backing", "images/base", "/elsewhere/other", False),
        ("!backing", "images/base", "other/base", False),
        ("target/format@type", "raw", "iso", True),
        ("target/format@type", "raw", "qcow2", False),
        ("capacity", "1", "2", False),
    ],
)
def test_two_spellings_of_one_thing(address: str, want: str, have: str, same: bool) -> None:
    assert KIND.same(address, want, have) is same


def test_what_moves_by_itself_is_not_read() -> None:
    xml = (
        "<volume type='file'><name>v</name><key>/a/v</key><source></source><capacity unit='KiB'>1</capacity>"
        "<allocation unit='bytes'>7</allocation><physical unit='bytes'>7</physical><target><path>/a/v</path>"
        "<permissions><mode>600</mode><owner>107</owner></permissions><timestamps><atime>1.0</atime></timestamps>"
        "</target></volume>"
    )
    assert KIND.read(xml) == {
        "capacity": "1024",
        "capacity@unit": "bytes",
        "target": "",
        "target/permissions": "",
        "target/permissions/mode": "0600",
    }


def test_a_missing_pool_and_backing_volume_are_told_before_anything_is_done() -> None:
    spec = spec_of(KIND, NAME, {"backing": "base"})
    problems = KIND.preflight(spec, None, Facts(pools={}, volumes={}))
    assert [problem.number for problem in problems] == ["R401", "R401"]
    declared = frozenset(need.ref for need in spec.needs)
    assert KIND.preflight(spec, None, Facts(pools={}, volumes={}, declared=declared)) == ()


def test_every_example_in_the_table_is_understood() -> None:
    for pattern, entry in KIND.table.items():
        if entry.field is not None:
            assert entry.field.codec.lower(entry.field.example) is not None, pattern
            assert any(rule.matches(pattern) for rule in KIND.rules)
