"""What cannot be looked at now is neither made blindly nor given up; what a policy protects stays."""

from dataclasses import replace

import pytest

from reconciler.engine.compare import compare
from reconciler.engine.guard import guard, protect
from reconciler.engine.prune import prune
from reconciler.engine.unseen import UNSEEN, in_sight
from reconciler.model.documents import UNKNOWN, Need
from reconciler.model.inventory import Applied, Inventory, Owned
from reconciler.model.plans import Action, Allow, Change, Diff, Start, Stop
from reconciler.model.refs import Ref
from tests.engine.widgets import KIND, spec

REF, HOLDER = Ref("Widget", "box/one"), Ref("Widget", "box")
CREATE = Change(ref=REF, host="h", action=Action.CREATE)
STARTS = Change(ref=HOLDER, host="h", action=Action.UPDATE, steps=(Start(),))
SPECS = {REF: replace(spec("box/one"), needs=(Need(HOLDER),)), HOLDER: spec("box")}


def owned(ref=REF, **fields):
    return {ref: Owned(ref=ref, uuid="", digest="", owner="me", **fields)}


def hidden(ref):
    return ref.name.startswith("box/")


def test_a_creation_in_a_holder_that_stays_inactive_is_blocked_and_says_which():
    stops = replace(STARTS, steps=(Stop(0),))
    (_, change), conditions = in_sight([stops, CREATE], SPECS, owned(), hidden)
    assert change.blocked.number == "R401" and "Widget/box is inactive" in change.blocked.reason
    assert conditions == []


def test_a_holder_whose_start_is_blocked_does_not_start():
    blocked = protect([replace(STARTS, action=Action.REPLACE)], ["Widget/*"])
    (_, change), _ = in_sight([*blocked, CREATE], SPECS, {}, hidden)
    assert change.blocked.number == "R401"


def test_what_is_ours_is_taken_to_be_there_while_its_holder_starts():
    changes, (condition,) = in_sight([STARTS, CREATE], SPECS, owned(), hidden)
    assert changes == [STARTS] and (condition.ref, condition.type) == (REF, UNSEEN)


@pytest.mark.parametrize("known", [{}, owned(intended=True)], ids=["new", "only intended"])
def test_what_was_never_made_is_made_after_its_holder_has_started(known):
    assert in_sight([STARTS, CREATE], SPECS, known, hidden) == ([STARTS, CREATE], [])


def test_what_can_be_seen_is_left_as_planned():
    assert in_sight([CREATE], SPECS, {}, lambda ref: False) == ([CREATE], [])


def test_what_cannot_be_seen_is_neither_deleted_nor_forgotten():
    inventory = Inventory(host="h", objects={**owned(), **owned(HOLDER)})
    kinds = {"Widget": KIND}
    found = prune(kinds, inventory, (), {}, frozenset(Allow), ("me",), hidden)
    assert [(change.ref, change.action) for change in found] == [(HOLDER, Action.FORGET)]


@pytest.mark.parametrize("action", [Action.DELETE, Action.REPLACE])
def test_a_protected_name_is_neither_deleted_nor_replaced(action):
    (change,) = protect([replace(CREATE, action=action)], ["Domain/*", "Widget/box/*"])
    assert change.blocked.number == "R505" and "Widget/box/*" in change.blocked.reason


@pytest.mark.parametrize("action", [Action.CREATE, Action.UPDATE, Action.ADOPT, Action.FORGET])
def test_protection_lets_everything_else_pass(action):
    change = replace(CREATE, action=action)
    assert protect([change], ["*"]) == (change,)


def test_a_protected_name_stays_protected_where_too_much_would_go():
    doomed = [Change(ref=Ref("Widget", f"w{number}"), host="h", action=Action.DELETE) for number in range(20)]
    found = guard(protect(doomed, ["Widget/w7"]), 20, 1, frozenset({Allow.DELETE}))
    assert {str(change.ref): change.blocked.number for change in found}["Widget/w7"] == "R505"
    assert sum(change.blocked.number == "R504" for change in found) == 19


@pytest.mark.parametrize(
    ("last", "expected"),
    [("iron", (Diff("core", "iron", "gold"),)), ("gold", ()), (None, ())],
    ids=["another", "the same", "never applied"],
)
def test_what_a_host_cannot_tell_is_compared_with_what_was_applied_last(last, expected):
    applied = Applied(claims={"core": last} if last else {})
    wanted = replace(spec(), claims={"core": "gold"})
    assert compare(KIND, wanted, {"core": UNKNOWN}, applied) == expected
