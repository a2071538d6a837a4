"""Parts of documents laid over each other: what is merged, what is replaced, what is taken away."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.manifest.load import load
from reconciler.manifest.merge import merged, settled
from reconciler.manifest.tree import EMPTY, Node, grown, lifted, places, plain, planted, walk


def node(value: object) -> Node:
    return grown(value, (), {}, {})


def laid(*parts: object) -> Any:
    whole = EMPTY
    for part in parts:
        whole = merged(whole, node(part))
    return plain(settled(whole))


@pytest.mark.parametrize(
    ("under", "over", "both"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": "4GiB"}, {"a": {"max": "8GiB"}}, {"a": {"max": "8GiB"}}),
        (
            {"d": [{"name": "x", "s": 1}, {"name": "y"}]},
            {"d": [{"name": "z"}, {"name": "x", "t": 2}]},
            {"d": [{"name": "x", "s": 1, "t": 2}, {"name": "y"}, {"name": "z"}]},
        ),
        ({"d": [{"name": "x"}]}, {"d": []}, {"d": []}),
        ({"d": [{"name": "x"}]}, {"d": [{"target": "vda"}]}, {"d": [{"target": "vda"}]}),
    ],
)
def test_mappings_and_named_entries_are_merged_and_everything_else_is_replaced(
    under: object, over: object, both: object
) -> None:
    assert laid(under, over) == both


def test_null_takes_an_inherited_field_away_however_deep() -> None:
    assert laid({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": None}, "d": None}) == {"a": {"c": 2}}


def test_an_entry_marked_for_removal_takes_the_inherited_one_away() -> None:
    under = {"d": [{"name": "x", "s": 1}, {"name": "y"}]}
    assert laid(under, {"d": [{"name": "x", "$remove": True}]}) == {"d": [{"name": "y"}]}


def test_what_was_taken_away_can_be_written_anew_further_up_and_inherits_nothing() -> None:
    under = {"d": [{"name": "x", "s": 1}], "m": {"max": 1}}
    gone = {"d": [{"name": "x", "$remove": True}], "m": None}
    assert laid(under, gone, {"d": [{"name": "x", "t": 2}], "m": {"now": 2}}) == {
        "d": [{"name": "x", "t": 2}],
        "m": {"now": 2},
    }


@pytest.mark.parametrize("mark", [{"$remove": False}, {"$remove": "yes"}, {"$remove": True, "size": 1}])
def test_a_mark_that_is_not_meant_so_stays_to_be_judged_by_the_schema(mark: dict[str, object]) -> None:
    assert laid({"d": [{"name": "x"}]}, {"d": [{"name": "x", **mark}]}) == {"d": [{"name": "x", **mark}]}


NAMES = st.sampled_from("abc")
NUMBERS = st.integers(0, 3)
# At one path all parts have one form, as a schema without short forms demands.
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "number": NUMBERS,
        "plain": st.lists(NUMBERS, max_size=2),
        "group": st.dictionaries(NAMES, NUMBERS, max_size=3),
        "named": st.dictionaries(NAMES, st.dictionaries(NAMES, NUMBERS), min_size=1, max_size=3).map(
            lambda entries: [
                {"name": name, **{f"f{key}": value for key, value in each.items()}} for name, each in entries.items()
            ]
        ),
    },
)


@given(PARTS, PARTS, PARTS)
def test_it_does_not_matter_which_two_of_three_are_merged_first(one: object, two: object, three: object) -> None:
    first, second, third = node(one), node(two), node(three)
    assert plain(merged(merged(first, second), third)) == plain(merged(first, merged(second, third)))


@given(PARTS)
def test_nothing_above_or_below_and_the_same_again_change_nothing(part: object) -> None:
    assert laid(part, {}) == laid({}, part) == laid(part, part) == part


@given(PARTS, PARTS)
def test_whatever_the_upper_part_says_holds(under: dict[str, Any], over: dict[str, Any]) -> None:
    both = laid(under, over)
    assert all(both[key] == over[key] for key in over if key in ("number", "plain"))
    assert all(both["group"][key] == value for key, value in over.get("group", {}).items())


def test_every_value_keeps_the_place_where_it_was_written() -> None:
    [low], _ = load(b"disks:\n  - name: root\n    size: 1\n", "low.yaml")
    [high], _ = load(b"x: 1\ndisks:\n  - {name: data}\n  - {name: root, bus: scsi}\n", "high.yaml")
    whole = merged(planted(low, "low.yaml"), planted(high, "high.yaml"))
    at = {path: str(place) for path, place in places(whole).items()}
    assert at["disks", 0, "size"] == "low.yaml:3:11"
    assert at["disks", 0, "bus"] == "high.yaml:4:23"
    assert at["disks", 1, "name"] == "high.yaml:3:12"
    loaded = lifted(whole)
    assert loaded.value == plain(whole)
    assert str(loaded.origins["disks", 0, "size"]) == "low.yaml:3:11"
    assert len(list(walk(whole))) == len(loaded.places)
