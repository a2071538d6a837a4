import pytest

from reconciler.engine.digest import matches, plan_digest
from reconciler.engine.guard import guard, one_life
from reconciler.engine.order import order
from reconciler.engine.prune import prune
from reconciler.errors import ManifestError
from reconciler.model.documents import Deletion, Need
from reconciler.model.inventory import Inventory, Owned
from reconciler.model.plans import Action, Allow, Change, Plan, Stop, Undefine
from reconciler.model.refs import Ref
from tests.engine import widgets
from tests.engine.widgets import spec

KINDS = {"Widget": widgets.KIND}


def entry(name, **more):
    ref = Ref("Widget", name)
    return Owned(ref=ref, uuid="", digest="", owner="me", **more)


def inventory(*entries):
    return Inventory(host="h", objects={item.ref: item for item in entries})


def there(*names, owner="me"):
    found = {}
    for name in names:
        host = widgets.Host()
        host.perform(Ref("Widget", name), widgets.create(spec(name, owner=owner))[0])
        found.update(host.objects)
    return found


def pruned(entries, observed, allow=(), kinds=KINDS, declared=()):
    return prune(kinds, inventory(*entries), declared, observed, frozenset(allow), ["me"])


def test_an_owned_object_that_nobody_declares_is_deleted_only_with_permission():
    (change,) = pruned([entry("a")], there("a"))
    assert change.action is Action.DELETE and change.blocked.allow is Allow.DELETE
    (change,) = pruned([entry("a")], there("a"), [Allow.DELETE])
    assert change.blocked is None


def test_a_deletion_cuts_a_guest_off_only_with_permission():
    (change,) = pruned([entry("a")], there("a"), [Allow.DELETE])
    assert change.steps == (Undefine(False),)
    (change,) = pruned([entry("a")], there("a"), [Allow.DELETE, Allow.FORCE_OFF])
    assert change.steps == (Stop(0, force=True), Undefine(False))


def test_what_is_declared_or_not_ours_is_never_pruned():
    assert pruned([entry("a")], there("a", "b"), [Allow.DELETE], declared={Ref("Widget", "a")}) == ()


def test_what_another_desired_state_owns_on_the_same_host_is_not_ours_to_remove():
    assert prune(KINDS, inventory(entry("a")), (), there("a"), frozenset([Allow.DELETE]), ["you"]) == ()


def test_an_object_that_lost_our_mark_is_forgotten_not_deleted():
    (change,) = pruned([entry("a")], there("a", owner="other"), [Allow.DELETE])
    assert change.action is Action.FORGET


def test_protection_outlives_the_document():
    (change,) = pruned([entry("a", protect=True)], there("a"), [Allow.DELETE, Allow.MASS_DELETE])
    assert change.blocked.number == "R505"


def test_data_is_retained_unless_its_document_said_delete():
    kinds = {"Widget": widgets.RETAINED}
    (change,) = pruned([entry("a")], there("a"), [Allow.DELETE], kinds)
    assert change.action is Action.FORGET
    (change,) = pruned([entry("a", deletion=Deletion.DELETE)], there("a"), [Allow.DELETE], kinds)
    assert change.action is Action.DELETE


def test_what_is_gone_already_is_forgotten():
    (change,) = pruned([entry("a")], {}, [])
    assert change.action is Action.FORGET and not change.steps


def deletions(count):
    return [Change(ref=Ref("Widget", f"w{n}"), host="h", action=Action.DELETE) for n in range(count)]


@pytest.mark.parametrize(
    ("count", "owned", "blocked"),
    [(10, 11, False), (11, 20, True), (30, 100, False), (31, 100, True), (2, 2, True), (1, 1, False), (10, 10, True)],
)
def test_more_deletions_than_the_cap_are_blocked_all_together(count, owned, blocked):
    changes = guard(deletions(count), owned, 5, frozenset({Allow.DELETE}))
    assert {change.blocked is not None for change in changes} == {blocked}
    assert all(change.blocked is None for change in guard(deletions(count), owned, 5, frozenset({Allow.MASS_DELETE})))


def test_an_emptied_repository_removes_and_forgets_nothing():
    forget = Change(ref=Ref("Widget", "x"), host="h", action=Action.FORGET)
    changes = guard([*deletions(1), forget], 20, 0, frozenset({Allow.DELETE}))
    assert {change.blocked.number for change in changes} == {"R504"}


def changes_of(specs):
    return [Change(ref=ref, host=host, action=Action.CREATE) for host, ref in specs]


def needing(name, *needs):
    wanted = spec(name)
    refs = tuple(Need(Ref("Widget", need)) for need in needs)
    return {("h", wanted.ref): widgets.replace(wanted, needs=refs)}


def test_what_is_needed_comes_first():
    specs = {**needing("a", "c"), **needing("b"), **needing("c", "b")}
    found = [change.ref.name for change in order(changes_of(specs), KINDS, specs)]
    assert found.index("b") < found.index("c") < found.index("a")


def test_a_cycle_of_needs_is_named():
    specs = {**needing("a", "b"), **needing("b", "a")}
    with pytest.raises(ManifestError, match="Widget/a"):
        order(changes_of(specs), KINDS, specs)


def test_removals_come_after_everything_else():
    specs = needing("z")
    changes = [*deletions(1), *changes_of(specs)]
    assert [change.action for change in order(changes, KINDS, specs)] == [Action.CREATE, Action.DELETE]


def test_the_digest_covers_revision_document_host_steps_and_what_was_seen():
    one = changes_of(needing("a"))
    seen = [widgets.replace(one[0], observed=widgets.observed(one[0].ref, "<widget/>"))]
    built = [widgets.replace(one[0], steps=widgets.create(spec("a")))]
    asked = [widgets.replace(one[0], spec_digest="another")]
    changed = {plan_digest("r1", changes, {}) for changes in (one, seen, built, asked)}
    elsewhere = {plan_digest("r1", one, {one[0].host: uri}) for uri in ("test:///one", "test:///two")}
    assert len({*changed, *elsewhere, plan_digest("r2", one, {})}) == 7
    assert plan_digest("r1", one, {}) == plan_digest("r1", changes_of(needing("a")), {})


def test_an_approval_is_the_digest_or_enough_of_its_start():
    plan = Plan(revision=None, changes=(), digest="abcdef0123")
    assert matches(plan, "abcdef") and matches(plan, "abcdef0123")
    assert not matches(plan, "abcde") and not matches(plan, "abcdff")


def test_what_still_lives_on_one_host_is_not_made_on_another():
    ref = Ref("Widget", "a")
    going = Change(ref=ref, host="north", action=Action.DELETE)
    coming = Change(ref=ref, host="south", action=Action.CREATE)
    other = Change(ref=Ref("Widget", "b"), host="south", action=Action.CREATE)
    found = one_life([going, coming, other])
    assert [change.blocked.number if change.blocked else None for change in found] == [None, "R510", None]
    assert one_life([coming, other]) == (coming, other)
