"""One file called by its path or as a volume: the running guest has it already."""

import pytest

from reconciler.engine import compare, judge
from reconciler.kinds.domain import KIND
from reconciler.model.inventory import NOTHING_APPLIED
from reconciler.model.plans import Disruption
from tests.kinds.domain.machines import observed, parsed, rendered

VOLUMES = {"default/data": "/images/data", "default/other": "/images/other"}
AS_FILE, AS_VOLUME = {"file": "/images/data"}, {"volume": "data"}


def costs(had, wants, locate=VOLUMES.get):
    """What becomes of a disk's source when a document calls it otherwise."""
    spec = parsed({"power": "unmanaged", "disks": [{"name": "data", **wants}]})
    seen = observed(rendered({"disks": [{"name": "data", **had}]}), running=True)
    now = judge.situation_of(KIND, spec, seen, locate=locate)
    return [item.decision for diff in compare_sources(now) for item in judge.judged(KIND, diff, now)]


def compare_sources(now):
    found = compare.compare(KIND, now.spec, now.texts, NOTHING_APPLIED)
    assert found
    return [diff for diff in found if "/source" in diff.address or diff.address.endswith("@type")]


@pytest.mark.parametrize(("had", "wants"), [(AS_FILE, AS_VOLUME), (AS_VOLUME, AS_FILE)])
def test_the_same_file_in_other_words_costs_nothing(had, wants):
    found = costs(had, wants)
    assert found and all((each.disruption, each.way) == (Disruption.NONE, "define") for each in found)


@pytest.mark.parametrize(
    ("had", "wants"),
    [(AS_FILE, {"volume": "other"}), (AS_VOLUME, {"file": "/images/other"}), (AS_FILE, {"volume": "unknown"})],
)
def test_another_file_waits_for_a_restart(had, wants):
    assert {each.disruption for each in costs(had, wants)} == {Disruption.RESTART}


def test_a_volume_that_the_host_does_not_show_is_not_taken_for_a_file():
    assert {each.disruption for each in costs(AS_FILE, AS_VOLUME, locate=lambda name: None)} == {Disruption.RESTART}


def test_nothing_waits_for_a_restart_while_both_definitions_mean_one_file():
    spec = parsed({"disks": [{"name": "data", **AS_VOLUME}]})
    config, live = (KIND.read(rendered({"disks": [{"name": "data", **source}]})) for source in (AS_VOLUME, AS_FILE))
    assert compare.pending(KIND, spec, config, live, NOTHING_APPLIED, VOLUMES.get) == ()
    assert compare.pending(KIND, spec, config, live, NOTHING_APPLIED) != ()
