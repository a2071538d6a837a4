"""How far a document binds its host, and which fields it leaves to others."""

import pytest

from reconciler.app import wiring
from reconciler.engine.care import bound, told
from reconciler.engine.decide import Decided
from reconciler.engine.ignored import doubt, left_to_others
from reconciler.model.documents import Mode, Policy, Spec
from reconciler.model.plans import Action, Change, Condition, Disruption, FieldChange
from reconciler.model.refs import Ref

WEB = Ref("Domain", "web")
DOMAIN = wiring.kinds()["Domain"]


def change(action, *paths):
    fields = tuple(FieldChange(path, "a", "b", Disruption.NONE) for path in paths)
    return Change(ref=WEB, host="h", action=action, fields=fields)


@pytest.mark.parametrize(
    ("mode", "made"),
    [
        (Mode.ENFORCE, ["create", "adopt", "update", "replace", "delete"]),
        (Mode.CREATE_ONLY, ["create", "adopt"]),
        (Mode.OBSERVE, []),
        (Mode.IGNORE, []),
    ],
)
def test_a_mode_says_what_is_made(mode, made):
    decided = Decided(
        changes=tuple(change(Action(word)) for word in ("create", "adopt", "update", "replace", "delete"))
    )
    assert [each.action.value for each in bound(decided, mode).changes] == made


def test_what_is_not_made_is_told_with_its_fields_and_nothing_is_where_all_is_well():
    pending = Condition(WEB, "h", "RestartPending", "")
    decided = Decided(changes=(change(Action.ADOPT), change(Action.UPDATE, "memory", "vcpus")), conditions=(pending,))
    kept, drift = bound(decided, Mode.OBSERVE).conditions
    assert kept == pending and drift.type == "Drifted" and drift.fields == ("memory", "vcpus")
    assert drift.message == "apply would adopt and update, and leaves it so in mode observe"
    assert bound(Decided(conditions=(pending,)), Mode.OBSERVE).conditions == (pending,)
    assert bound(decided, Mode.IGNORE) == Decided()
    assert list(told((), Mode.OBSERVE)) == []


def test_of_two_modes_the_one_that_binds_less_holds():
    modes = list(Mode)
    assert [Mode.CREATE_ONLY.at_most(mode) for mode in modes] == [modes[1], modes[1], modes[2], modes[3]]


def left(*patterns):
    spec = Spec(ref=WEB, host="h", claims={}, policy=Policy(ignored=patterns))
    return left_to_others(DOMAIN, spec)


@pytest.mark.parametrize(
    ("pattern", "address", "leaves"),
    [
        ("memory.current", "currentMemory", True),
        ("memory", "currentMemory", True),
        ("memory", "vcpu", False),
        ("disks[root].cache", "devices/disk[root]/driver@cache", True),
        ("disks[root].cache", "devices/disk[root]/driver@io", False),
        ("disks[root].cache", "devices/disk[data]/driver@cache", False),
        ("disks[*].cache", "devices/disk[data]/driver@cache", True),
        ("disks[data]", "devices/disk[data]/driver@cache", True),
        ("disks[data]", "devices/disk[data]", True),
        ("disks", "devices/disk[data]", True),
        ("disks[data].cache", "devices/disk[data]", False),
        ("power", "!power", True),
        ("xml:sgx", "sgx/epc@size", True),
        ("xml:*", "sgx/epc@size", True),
    ],
)
def test_a_pattern_leaves_a_field_and_all_that_is_in_it(pattern, address, leaves):
    assert left(pattern)(address) is leaves
    assert left()(address) is False


def test_a_pattern_that_can_never_match_is_doubted_with_the_nearest_field():
    for good in ("memory", "memory.current", "disks", "disks[root]", "disks[*].cache", "*", "xml:devices", "power"):
        assert doubt(DOMAIN.table, good) == "", good
    assert doubt(DOMAIN.table, "memroy") == "there is no field 'memroy'; did you mean memory?"
    assert "disks[*].cache" in doubt(DOMAIN.table, "disks[root].cach")
