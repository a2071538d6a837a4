"""What each difference costs and which steps it takes: one YAML file a case.

`observed` is the body the host's domain was made from, `desired` the document's; `running` whether a guest runs in it.
`expect` holds the worst `disruption`, a piece of its reason `why`, and the names of the `steps`.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from reconciler.kinds.domain import KIND
from reconciler.model.inventory import Applied
from reconciler.model.plans import Allow, Define, Disruption
from tests.kinds.domain.machines import differences, judged, observed, parsed, rendered, updated

CASES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))


def step_names(steps):
    return [type(step).__name__ if not hasattr(step, "name") else f"KindStep {step.name}" for step in steps]


def loaded(path, stored=lambda xml: xml):
    """The spec, the observed domain, what is allowed and what was applied before, and what to expect."""
    case = yaml.safe_load(path.read_text())
    below = case.get("observed", {})
    facts = {"autostart": "yes" if below.get("autostart") else "no", **case.get("facts", {})}
    seen = observed(stored(rendered(below)), running=case.get("running", False), **facts)
    applied = Applied(claims=parsed(case["applied"]).claims) if "applied" in case else Applied()
    allow = frozenset(Allow(word) for word in case.get("allow", ()))
    return parsed({"power": "unmanaged", **case["desired"]}), seen, allow, applied, case["expect"]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path):
    *asked, expect = loaded(path)
    here, items = judged(*asked)
    worst = max((item.decision.disruption for item in items), default=Disruption.NONE)
    assert worst.word == expect["disruption"], items
    assert any(expect.get("why", "") in item.decision.why for item in items) or not items
    assert step_names(KIND.update(here, items)) == expect["steps"], items


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_libvirt_takes_the_new_definition_and_nothing_differs_then(path, oracle):
    spec, seen, allow, applied, _ = loaded(path, oracle.stored)
    for step in updated(spec, seen, allow, applied):
        if isinstance(step, Define):
            after = replace(seen, xml=oracle.stored(step.xml))
            left = [diff for diff in differences(spec, after, applied) if not diff.address.startswith("!")]
            assert left == []
            assert KIND.read(after.xml)["uuid"] == KIND.read(seen.xml)["uuid"]


def test_there_is_a_case_for_every_rule():
    judged_by = set()
    for path in CASES:
        *asked, _ = loaded(path)
        _, items = judged(*asked)
        judged_by |= {next(rule for rule in KIND.rules if rule.matches(item.diff.address)).pattern for item in items}
    # The last one is played on libvirt, which puts a processor of its own in the place of the one that goes.
    elsewhere = {"uuid", "name", "metadata/reconciler:owner", "metadata*", "cpu"}
    assert {rule.pattern for rule in KIND.rules} == judged_by | elsewhere


def test_every_rule_says_what_it_does():
    assert all(rule.doc.endswith(".") for rule in KIND.rules)
