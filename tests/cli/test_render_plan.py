"""What people read about a plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.cli.render_plan import Style, plan_text
from reconciler.cli.terminal import Terminal
from reconciler.errors import Problem
from reconciler.model.plans import Action, Blocked, Condition, Disruption, FieldChange
from reconciler.model.refs import Ref
from tests.cli.examples import EMPTY, FULL, UNREACHABLE, created, doomed, plan, volume, web

PLAIN = Style(Terminal())
VERBOSE = Style(Terminal(), verbose=True)


def test_a_plan_reads_like_this():
    assert (
        plan_text(FULL, PLAIN)
        == """\
Domain/web-1 on hv1                                                       update
  ~ memory.current        2GiB -> 4GiB          live
  ~ disks[data].io        native -> io_uring    restart (running guest keeps the old value until then)
  + interfaces[dmz]       network=dmz           live
  - title                 old                   next boot
Volume/default/web-1-data on hv1                                          update
  ~ capacity              40GiB -> 60GiB        live
Domain/old-vm on hv1                                                      delete
  blocked: nothing declares it any more; --allow delete permits it [R502]

RestartPending  Domain/db on hv1: waits (cpu.mode)
Capacity of hv1: 14 vCPUs on 8 CPUs, 28GiB of 32GiB memory promised
  ! tight
1 object on the hosts is not managed (-v lists them)

Plan: 0 to add, 2 to change, 0 to destroy.  1 change is blocked.  1 change waits for a restart.  digest 3f9c1a7be2d0…"""
    )


def test_nothing_to_do_is_said_first():
    assert plan_text(EMPTY, PLAIN).startswith("No changes. The hosts match the desired state.")


def test_nothing_is_claimed_of_a_host_that_could_not_be_asked():
    text = plan_text(UNREACHABLE, PLAIN)
    assert "Not asked  hv2: the host cannot be reached [R601]" in text
    assert "The hosts that could be asked match" in text


def test_a_host_is_named_once_where_it_could_not_be_asked():
    text = plan_text(replace(EMPTY, failures=(("hv2", Problem("R601", "no route", "hv2")),)), PLAIN)
    assert text.startswith("Not asked  hv2: no route [R601]\n")


def test_a_replaced_object_counts_as_one_that_goes_and_one_that_comes():
    change = replace(
        volume(),
        action=Action.REPLACE,
        disruption=Disruption.REPLACE,
        fields=(FieldChange("format", "raw", "qcow2", Disruption.REPLACE, "x"),),
    )
    text = plan_text(plan(change), PLAIN)
    assert "replace (data is lost)" in text
    assert "Plan: 1 to add, 0 to change, 1 to destroy." in text


def test_adopting_and_forgetting_are_counted_where_they_occur():
    text = plan_text(plan(replace(volume(), action=Action.ADOPT), replace(web(), action=Action.FORGET)), PLAIN)
    assert "0 to destroy, 1 to adopt, 1 to forget." in text


def test_a_restart_that_is_permitted_is_said_to_come_now():
    assert "restart (of the guest, now)" in plan_text(plan(replace(web(), waits=False)), PLAIN)


def test_a_refusal_says_why():
    fields = (FieldChange("capacity", "2GiB", "1GiB", Disruption.REFUSED, "a volume cannot shrink"),)
    refused = replace(volume(), fields=fields, blocked=Blocked("R403", "a volume cannot shrink"))
    text = plan_text(plan(refused), PLAIN)
    assert "refused: a volume cannot shrink" in text
    assert "blocked: a volume cannot shrink [R403]" in text


def test_a_long_plan_tells_what_is_alike_once():
    changes = [created(f"vm-{number}") for number in range(300)]
    text = plan_text(plan(*changes), PLAIN)
    assert "300 x Domain on hv1" in text
    assert "vm-0, vm-1, vm-2, vm-3, vm-4 and 295 more (-v lists them)" in text
    assert len(text.splitlines()) < 10
    assert "vm-299" in plan_text(plan(*changes), VERBOSE)


@pytest.mark.parametrize("hurts", ["delete", "blocked", "restart"])
def test_whatever_hurts_is_named_in_a_long_plan_too(hurts):
    def change(number: int):
        if hurts == "restart":
            return replace(web(), ref=Ref("Domain", f"vm-{number}"), waits=False)
        gone = doomed(f"vm-{number}")
        return gone if hurts == "blocked" else replace(gone, blocked=None)

    text = plan_text(plan(*(change(number) for number in range(200))), PLAIN)
    assert all(f"Domain/vm-{number} on" in text for number in range(200))


def test_updates_of_different_fields_stay_apart_in_a_long_plan():
    def grown(number: int):
        fields = (FieldChange("memory.current", "1GiB", f"{number}GiB", Disruption.NONE),)
        return replace(web(), ref=Ref("Domain", f"vm-{number}"), fields=fields)

    text = plan_text(plan(*(grown(number) for number in range(2, 40))), PLAIN)
    assert text.count(" on hv1") == 38


def test_many_equal_conditions_take_one_line():
    conditions = tuple(
        Condition(Ref("Domain", f"vm-{number}"), "hv1", "RestartPending", "waits", ("cpu",)) for number in range(100)
    )
    text = plan_text(replace(EMPTY, conditions=conditions), PLAIN)
    assert "RestartPending  Domain/vm-0 and 99 more on hv1: waits (cpu)" in text
    assert text.count("RestartPending") == 1


def test_a_long_value_keeps_its_ends_unless_all_is_asked_for():
    change = replace(volume(), fields=(FieldChange("xml:x", None, f"<begin>{'x' * 500}</end>", Disruption.NONE),))
    short = plan_text(plan(change), PLAIN)
    assert "<begin>" in short
    assert "</end>" in short
    assert "x" * 100 not in short
    assert "x" * 500 in plan_text(plan(change), VERBOSE)


def test_nothing_from_outside_can_command_the_terminal():
    change = replace(
        volume(),
        fields=(FieldChange("title\x1b[2J", None, "a\x1b]0;owned\x07\nb\u202e", Disruption.NONE),),
        host="h\x9b1",
    )
    text = plan_text(plan(change), PLAIN)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert "\x9b" not in text
    assert "a\\x1b]0;owned\\x07\\nb" in text


def test_a_terminal_without_unicode_gets_ascii_alone():
    assert plan_text(FULL, Style(Terminal(unicode=False))).isascii()


def test_colour_only_where_it_is_wanted():
    assert "\x1b[" not in plan_text(FULL, PLAIN)
    assert "\x1b[31mdelete" in plan_text(FULL, Style(Terminal(colour=True)))
