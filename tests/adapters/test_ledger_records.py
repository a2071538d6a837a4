"""How the ledger spells names, inventories and applied fields."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.documents import Deletion
from reconciler.model.inventory import Applied, Crashes, Inventory, Owned, Suspension
from reconciler.model.records import (
    branch_of,
    decode_name,
    encode_name,
    path_of,
    read_applied,
    read_inventory,
    write_applied,
    write_inventory,
)
from reconciler.model.refs import Ref

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NAME = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
APPLIED = st.builds(
    Applied,
    claims=st.dictionaries(TEXT, st.none() | TEXT),
    settled=st.dictionaries(TEXT, st.tuples(TEXT, TEXT)),
)
OWNED = st.builds(
    Owned,
    ref=st.builds(Ref, kind=st.sampled_from(["Domain", "Volume"]), name=NAME),
    uuid=TEXT,
    digest=TEXT,
    owner=TEXT,
    protect=st.booleans(),
    deletion=st.sampled_from(Deletion),
    intended=st.booleans(),
    unhealthy=TEXT,
    crashes=st.none() | st.builds(Crashes, count=st.integers(1), started=TEXT, digest=TEXT),
)


@given(NAME)
def test_a_name_comes_back_from_its_file_name(name: str) -> None:
    assert decode_name(encode_name(name)) == name


@given(NAME)
def test_a_file_name_is_harmless(name: str) -> None:
    coded = encode_name(name)
    assert coded.isascii() and coded.isprintable()
    assert not set(coded) & set("/\\~:*?\"'<>| \n\0")
    assert not coded.startswith(".")


@pytest.mark.parametrize("name", [".", "..", ".git", ".GIT", "a/../b", "../../etc/passwd", "~root", "-rf", "web\n1"])
def test_tricks_with_names_stay_below_their_folder(name: str) -> None:
    folder, *parts = path_of("domains", Ref("Domain", name), "xml").split("/")
    assert folder == "domains"
    assert not {"", ".", "..", ".git", ".GIT"} & set(parts)


@given(NAME, NAME)
def test_two_resources_never_share_a_file_nor_does_one_lie_in_anothers_way(one: str, other: str) -> None:
    first, second = (path_of("volumes", Ref("Volume", name), "xml") for name in (one, other))
    assert (first == second) == (one == other)
    assert "//" not in first
    assert not second.startswith(f"{first}/")


def test_usual_names_stay_as_they_are() -> None:
    assert path_of("domains", Ref("Domain", "web-1.example_a+b"), "xml") == "domains/web-1.example_a+b.xml"
    assert path_of("volumes", Ref("Volume", "default/web-1"), "xml") == "volumes/default/web-1.xml"


@pytest.mark.parametrize(
    ("host", "branch"),
    [
        ("hv1.example.org", "hosts/hv1.example.org"),
        ("a..b", "hosts/a%2E%2Eb"),
        ("hv1.lock", "hosts/hv1%2Elock"),
        ("hv1.", "hosts/hv1%2E"),
        ("a/b", "hosts/a%2Fb"),
        ("test:///default", "hosts/test%3A%2F%2F%2Fdefault"),
    ],
)
def test_a_host_has_a_branch_that_git_accepts(host: str, branch: str) -> None:
    assert branch_of(host) == branch


@given(APPLIED)
def test_applied_fields_come_back(applied: Applied) -> None:
    assert read_applied(write_applied(applied)) == applied


# YAML wants a key of one line to be short (1,024 characters), so the strategy's default sizes are right here.
@given(APPLIED)
def test_applied_fields_are_yaml_for_everybody(applied: Applied) -> None:
    read = yaml.safe_load(write_applied(applied))
    assert read.pop("formatVersion") == 1
    assert read.pop("claims", {}) == dict(applied.claims)
    settled = {key: {"asked": asked, "made": made} for key, (asked, made) in applied.settled.items()}
    assert read.pop("settled", {}) == settled
    assert read == {}


def test_applied_fields_are_one_line_each_in_order() -> None:
    applied = Applied(claims={"vcpu": "2", "title": None, "devices/disk[root]/driver@cache": "none"}, settled={})
    assert write_applied(applied) == (
        'formatVersion: 1\nclaims:\n  "devices/disk[root]/driver@cache": "none"\n  "title": null\n  "vcpu": "2"\n'
    )


def test_what_is_suspended_comes_back_and_has_a_line_of_its_own() -> None:
    ref, owned = Ref("Domain", "web"), Owned(ref=Ref("Domain", "web"), uuid="u", digest="d", owner="o")
    for_good = Suspension(reason='"quoted"\nand more', author="Ann <ann@hv1>", since="2026-11-25T09:00:00Z")
    suspended = {ref: for_good, Ref("Volume", "p/v"): replace(for_good, until="2026-12-01T00:00:00Z")}
    for objects in ({}, {ref: owned}):
        inventory = Inventory(host="hv1", objects=objects, suspended=suspended)
        text = write_inventory(inventory)
        assert read_inventory(text) == inventory
        assert sum('"reason": ' in line for line in text.splitlines()) == 2
    assert "suspended" not in write_inventory(Inventory(host="hv1", objects={ref: owned}))


@given(st.lists(OWNED, unique_by=lambda owned: owned.ref), TEXT)
def test_an_inventory_comes_back(objects: list[Owned], host: str) -> None:
    inventory = Inventory(host=host, objects={owned.ref: owned for owned in objects})
    text = write_inventory(inventory)
    assert read_inventory(text) == inventory
    assert len(json.loads(text)["objects"]) == len(objects)


def test_an_inventory_is_one_line_an_object_whatever_the_order() -> None:
    refs = [Ref("Domain", "b"), Ref("Domain", "a"), Ref("Volume", "p/a")]
    objects = [Owned(ref=ref, uuid="u", digest="d", owner="o") for ref in refs]
    one, other = (
        write_inventory(Inventory(host="hv1", objects={each.ref: each for each in order}))
        for order in (objects, objects[::-1])
    )
    assert one == other
    assert one.splitlines()[1] == '{"ref": "Domain/a", "uuid": "u", "digest": "d", "owner": "o"},'
    assert len(one.splitlines()) == 5


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"formatVersion": 2, "host": "h", "objects": []}'])
def test_a_text_that_is_no_inventory_of_ours_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_inventory(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "claims:\n",
        "formatVersion: 2\n",
        "formatVersion: 1\nclaims:\n  a: b\n",
        'formatVersion: 1\nsettled:\n  "a": "b"\n',
        'formatVersion: 1\nsettled:\n  "a": {"asked": "b"}\n',
    ],
)
def test_a_text_that_holds_no_applied_fields_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_applied(text)
