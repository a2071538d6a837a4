"""Pools without a host: documents, definitions and rules."""

from __future__ import annotations

import pytest

from reconciler.errors import ManifestError
from reconciler.grammar import Schema
from reconciler.kind import Facts
from reconciler.kinds.pool import KIND
from reconciler.model.documents import Observed
from reconciler.model.plans import Autostart, Define, KindStep, Start, Stop, Undefine
from reconciler.model.refs import Ref
from tests.kinds.cases import Case, check_case, observed_as, read_cases
from tests.kinds.pool.documents import DEFINED
from tests.kinds.steering import judged, situation, spec_of

SCHEMA = Schema("/usr/share/libvirt/schemas/storagepool.rng")
REF = Ref("Pool", "p")


@pytest.mark.parametrize("case", read_cases(__file__))
def test_case(case: Case) -> None:
    check_case(KIND, "p", case)


@pytest.mark.parametrize("name", DEFINED)
def test_libvirts_schema_accepts_every_definition(name: str) -> None:
    assert SCHEMA.complaint(KIND.render(spec_of(KIND, "p", DEFINED[name]), None, ())) is None


@pytest.mark.parametrize("name", DEFINED)
def test_a_definition_read_back_has_what_its_document_claims(name: str) -> None:
    spec = spec_of(KIND, "p", DEFINED[name])
    assert judged(KIND, situation(KIND, spec, observed_as(KIND, "p", DEFINED[name]))) == []


def test_what_the_host_counts_is_not_read() -> None:
    full = (
        "<pool type='dir'><name>p</name><capacity unit='bytes'>9</capacity><available unit='bytes'>1</available></pool>"
    )
    assert KIND.read(full) == {"@type": "dir"}


def test_a_directory_pool_needs_its_path() -> None:
    with pytest.raises(ManifestError, match="needs path"):
        spec_of(KIND, "p", {"type": "dir"})


def test_a_new_directory_pool_is_defined_built_started_and_set_to_autostart() -> None:
    steps = KIND.create(spec_of(KIND, "p", {"path": "/srv/a", "autostart": True}))
    assert isinstance(steps[0], Define)
    assert steps[1:] == (KindStep("build"), Start(), Autostart(True))


def test_a_pool_made_of_devices_is_never_built() -> None:
    steps = KIND.create(spec_of(KIND, "p", DEFINED["logical"]))
    assert KindStep("build") not in steps


def test_only_deletion_policy_delete_takes_the_directory() -> None:
    observed = Observed(ref=REF, uuid="", xml="<pool/>", live="<pool/>")
    assert KIND.delete(observed, False, False) == (Stop(0), Undefine(False))
    assert KIND.delete(observed, True, False) == (KindStep("empty"), Stop(0), Undefine(True))


def test_devices_are_looked_for_before_anything_is_done() -> None:
    facts = Facts(exists=lambda path: False)
    problems = KIND.preflight(spec_of(KIND, "p", DEFINED["fs"]), None, facts)
    assert [problem.number for problem in problems] == ["R401"]
    assert KIND.preflight(spec_of(KIND, "p", DEFINED["rbd"]), None, facts) == ()


def test_every_example_in_the_table_is_understood() -> None:
    for pattern, entry in KIND.table.items():
        if entry.field is not None:
            assert entry.field.codec.lower(entry.field.example) is not None, pattern
            assert any(rule.matches(pattern) for rule in KIND.rules)
