from dataclasses import replace

import pytest

from reconciler.engine import compare
from reconciler.engine.decide import Case, decide
from reconciler.model.documents import Policy, RestartPolicy
from reconciler.model.inventory import NOTHING_APPLIED, Applied, Owned
from reconciler.model.plans import Action, Allow, Define, Disruption, Mark
from tests.engine import widgets
from tests.engine.widgets import Host, spec

ME = ("me",)


def owned(wanted):
    return Owned(ref=wanted.ref, uuid="", digest=wanted.digest, owner="me")


def case(wanted, found, applied=NOTHING_APPLIED, allow=(), **more):
    known = more.pop("owned", owned(wanted))
    return Case(
        kind=widgets.KIND,
        spec=wanted,
        observed=found,
        owned=known,
        applied=applied,
        owners=ME,
        allow=frozenset(allow),
        **more,
    )


def carry_out(host, wanted, applied=NOTHING_APPLIED, **more):
    """Decide and do it; returns the changes and what would be remembered."""
    found = host.objects.get(wanted.ref)
    changes = decide(case(wanted, found, applied, **more)).changes
    for change in changes:
        assert change.blocked is None
        for step in change.steps:
            host.perform(wanted.ref, step)
    texts = {**widgets.read(host.objects[wanted.ref].xml), **host.objects[wanted.ref].facts}
    return changes, Applied(claims=wanted.claims, settled=compare.settle(widgets.KIND, wanted, texts))


def running(host, ref):
    old = host.objects[ref]
    host.objects[ref] = widgets.observed(ref, old.xml, old.xml, old.facts["!autostart"])


def test_what_is_missing_is_created_and_then_nothing_is_left_to_do():
    host, wanted = Host(), spec(size="2MiB", title="A", autostart=True, parts=[{"name": "p", "slot": "a"}])
    changes, applied = carry_out(host, wanted, owned=None)
    assert [change.action for change in changes] == [Action.CREATE]
    assert carry_out(host, wanted, applied)[0] == ()


def test_only_the_difference_is_written_and_unmanaged_values_stay():
    host, wanted = Host(), spec(size="2MiB")
    carry_out(host, wanted, owned=None)
    found = host.objects[wanted.ref]
    host.objects[wanted.ref] = widgets.observed(wanted.ref, found.xml.replace("</size>", "</size><uuid>7</uuid>"))
    (change,), _ = carry_out(host, spec(size="3MiB"))
    assert [(field.path, field.before, field.after) for field in change.fields] == [("size", "2MiB", "3MiB")]
    assert "<uuid>7</uuid>" in host.objects[wanted.ref].xml


def test_removing_a_line_removes_the_setting_and_what_libvirt_needs_stays():
    host = Host()
    _, applied = carry_out(host, spec(size="2MiB", title="A", limits={"heat": 3}), owned=None)
    (change,), applied = carry_out(host, spec(), applied)
    assert {field.path for field in change.fields} == {"title", "limits.heat"}
    assert "limits" not in host.objects[change.ref].xml and "<size" in host.objects[change.ref].xml
    assert carry_out(host, spec(), applied)[0] == ()


def test_a_part_added_by_hand_is_drift_where_the_list_is_managed_and_only_there():
    host, wanted = Host(), spec(size="2MiB", parts=[])
    carry_out(host, wanted, owned=None)
    found = host.objects[wanted.ref]
    by_hand = found.xml.replace("<name>", "<parts><part><slot dev='z'/></part></parts><name>")
    host.objects[wanted.ref] = widgets.observed(wanted.ref, by_hand)
    assert decide(case(spec(size="2MiB"), host.objects[wanted.ref])).changes == ()
    (change,), _ = carry_out(host, wanted)
    assert [(field.path, field.after) for field in change.fields] == [("parts[z]", None)]
    assert "part" not in host.objects[wanted.ref].xml.replace("parts", "")


def test_a_part_that_moved_to_another_slot_is_the_same_part():
    host = Host()
    _, applied = carry_out(host, spec(parts=[{"name": "p", "slot": "a", "paint": "red"}]), owned=None)
    (change,), _ = carry_out(host, spec(parts=[{"name": "p", "slot": "b", "paint": "red"}]), applied)
    assert [(field.path, field.before, field.after) for field in change.fields] == [("parts[p].slot", "a", "b")]


def test_an_object_of_nobody_is_adopted_by_its_mark_alone():
    host, wanted = Host(), spec(size="2MiB", parts=[{"name": "p", "slot": "a"}])
    xml = "<widget><name>one</name><size unit='KiB'>2048</size><parts><part><slot dev='a'/></part></parts></widget>"
    host.objects[wanted.ref] = widgets.observed(wanted.ref, xml)
    (change,) = decide(case(wanted, host.objects[wanted.ref], owned=None)).changes
    assert change.action is Action.ADOPT and change.steps == (Mark("me"),)
    _changes, applied = carry_out(host, wanted, owned=None)
    assert carry_out(host, wanted, applied)[0] == ()


def test_adoption_and_what_differs_are_two_changes():
    wanted = spec(size="4MiB")
    found = widgets.observed(wanted.ref, "<widget><name>one</name><size unit='KiB'>2048</size></widget>")
    changes = decide(case(wanted, found, owned=None)).changes
    assert [change.action for change in changes] == [Action.ADOPT, Action.UPDATE]


def test_an_object_of_another_owner_is_refused_and_never_touched():
    host = Host()
    carry_out(host, spec(owner="somebody"), owned=None)
    (change,) = decide(case(spec(size="3MiB"), host.objects[spec().ref], owned=None)).changes
    assert change.blocked.number == "R503" and not change.steps


def test_a_running_object_waits_for_its_restart_and_says_with_which_fields():
    host = Host()
    _, applied = carry_out(host, spec(size="2MiB"), owned=None)
    running(host, spec().ref)
    (change,), applied = carry_out(host, spec(size="3MiB"), applied)
    assert change.disruption is Disruption.RESTART and change.waits
    after = decide(case(spec(size="3MiB"), host.objects[change.ref], applied))
    assert after.changes == ()
    assert [(found.type, found.fields) for found in after.conditions] == [("RestartPending", ("size",))]


def test_reverting_clears_the_pending_restart():
    host = Host()
    _, applied = carry_out(host, spec(size="2MiB"), owned=None)
    running(host, spec().ref)
    _, applied = carry_out(host, spec(size="3MiB"), applied)
    _, applied = carry_out(host, spec(size="2MiB"), applied)
    assert decide(case(spec(size="2MiB"), host.objects[spec().ref], applied)).conditions == ()


def test_a_restart_that_is_overdue_shows_as_an_update_once_it_is_allowed():
    host = Host()
    _, applied = carry_out(host, spec(size="2MiB"), owned=None)
    running(host, spec().ref)
    _, applied = carry_out(host, spec(size="3MiB"), applied)
    willing = spec(size="3MiB", policy=Policy(restart=RestartPolicy.WHEN_REQUIRED))
    (change,) = decide(case(willing, host.objects[spec().ref], applied)).changes
    assert change.action is Action.UPDATE and [field.path for field in change.fields] == ["size"]


def test_what_cannot_be_changed_is_refused_with_its_reason():
    host = Host()
    _, applied = carry_out(host, spec(form="round"), owned=None)
    (change,) = decide(case(spec(form="square"), host.objects[spec().ref], applied)).changes
    assert (change.blocked.number, change.blocked.reason) == ("R403", "the form is for life")


@pytest.mark.parametrize(
    ("allow", "protect", "number"),
    [((), False, "R502"), ((Allow.REPLACE,), True, "R505"), ((Allow.REPLACE,), False, None)],
)
def test_replacing_needs_permission_and_no_protection(allow, protect, number):
    host = Host()
    _, applied = carry_out(host, spec(core="iron"), owned=None)
    wanted = spec(core="gold", policy=Policy(protect=protect))
    (change,) = decide(case(wanted, host.objects[spec().ref], applied, allow)).changes
    assert change.action is Action.REPLACE
    assert (change.blocked.number if change.blocked else None) == number


def test_libvirts_own_spelling_of_a_value_is_settled_and_no_drift():
    host, wanted = Host(), spec(title="a  b")
    carry_out(host, wanted, owned=None)
    found = host.objects[wanted.ref]
    host.objects[wanted.ref] = widgets.observed(wanted.ref, found.xml.replace("a  b", "a b"))
    texts = widgets.read(host.objects[wanted.ref].xml)
    applied = Applied(claims=wanted.claims, settled=compare.settle(widgets.KIND, wanted, texts))
    assert decide(case(wanted, host.objects[wanted.ref], applied)).changes == ()
    other = spec(title="c")
    assert decide(case(other, host.objects[wanted.ref], applied)).changes[0].fields[0].after == "c"


def test_what_libvirt_means_by_silence_is_no_difference():
    host = Host()
    wanted = spec(glow=False)
    found = widgets.observed(wanted.ref, "<widget><name>one</name></widget>")
    assert compare.compare(widgets.KIND, spec(glow=False, owner=""), widgets.read(found.xml), Applied())[:-1] == ()
    assert host.objects == {}


def test_every_step_of_a_created_object_is_data():
    (change,) = decide(case(spec(size="2MiB"), None, owned=None)).changes
    assert isinstance(change.steps[0], Define)


def test_what_made_an_object_unhealthy_is_not_done_again_without_a_word():
    host = Host()
    _, applied = carry_out(host, spec(title="old"), owned=None)
    wanted, found = spec(title="new"), host.objects[spec().ref]
    known = replace(owned(spec(title="old")), unhealthy=wanted.digest)
    (change,) = decide(case(wanted, found, applied, owned=known)).changes
    assert (change.blocked.number, change.blocked.allow) == ("R514", Allow.RETRY)
    (change,) = decide(case(wanted, found, applied, [Allow.RETRY], owned=known)).changes
    assert change.blocked is None
    (change,) = decide(case(spec(title="other"), found, applied, owned=known)).changes
    assert change.blocked is None
