"""Every rule is played by a test that says so, and every mark names a rule that is there."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from reconciler.kinds import KINDS

ROOT = Path(__file__).parents[2]
# Profiles are merged into domains: their rules are those of Domain.
JUDGED = [kind for kind in KINDS.values() if kind.name not in ("Image", "Profile")]
RULES = [
    pytest.param(kind.name, rule.pattern, id=f"{kind.name}-{rule.pattern}") for kind in JUDGED for rule in kind.rules
]


@pytest.fixture(scope="module")
def proofs() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs"))
        yield importlib.import_module("proofs")


@pytest.fixture(scope="module")
def marks(proofs: ModuleType) -> list:
    """Every mark of the tests; reading them all takes a second."""
    return proofs.proofs(ROOT / "tests")


@pytest.mark.parametrize(("kind", "pattern"), RULES)
def test_a_rule_is_proven(marks, kind, pattern):
    found = [proof.test for proof in marks if proof.kind == kind and pattern in proof.patterns]
    assert found, f'no test says @pytest.mark.proves("{kind}", "{pattern}")'


def test_every_mark_names_a_rule_and_marks_a_test(marks):
    known = {(kind.name, rule.pattern) for kind in JUDGED for rule in kind.rules}
    assert [(proof.test, name) for proof in marks for name in proof.patterns if (proof.kind, name) not in known] == []
    assert [proof.test for proof in marks if not proof.patterns or not proof.test.startswith("test_")] == []


def test_every_kind_answers_for_whatever_is_left_and_says_no_pattern_twice():
    for kind in JUDGED:
        patterns = [rule.pattern for rule in kind.rules]
        assert len(set(patterns)) == len(patterns) and patterns[-1:] in (["*"], []), kind.name


def test_marks_are_read_from_the_source_without_running_it(proofs, tmp_path):
    (tmp_path / "test_some.py").write_text(
        'import nothing_of_that_name\n\n\n@pytest.mark.proves("Domain", "title", "metadata*")\n'
        "def test_a_thing_is_so():\n    pass\n\n\ndef test_unmarked():\n    pass\n"
    )
    (proof,) = proofs.proofs(tmp_path)
    assert (proof.kind, proof.patterns, proof.sentence) == ("Domain", ("title", "metadata*"), "a thing is so")
