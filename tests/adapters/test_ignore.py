"""Which files of a desired state are manifests."""

from __future__ import annotations

import pytest

from reconciler.adapters.ignore import Ignore
from reconciler.errors import ReconcilerError


@pytest.mark.parametrize("path", ["web.yaml", "a/b/web.yml", "a/web.xml", "a/reconciler.yaml"])
def test_yaml_and_xml_are_manifests(path: str) -> None:
    assert Ignore().wanted(path)


@pytest.mark.parametrize(
    "path", ["README.md", "web.yaml.bak", "reconciler.yaml", ".hidden.yaml", ".github/ci.yaml", "a/.b/c/web.yaml"]
)
def test_settings_hidden_files_and_other_suffixes_are_none(path: str) -> None:
    assert not Ignore().wanted(path)


def test_an_ignored_directory_cannot_be_opened_again_from_inside() -> None:
    ignore = Ignore({"": "charts/\n", "charts": "!web.yaml\n"})
    assert not ignore.wanted("charts/web.yaml")
    assert not ignore.enters("charts")


def test_a_deeper_file_overrules_a_higher_one() -> None:
    ignore = Ignore({"": "*.draft.yaml\n", "lab": "!web.draft.yaml\n"})
    assert ignore.wanted("lab/web.draft.yaml")
    assert not ignore.wanted("lab/db.draft.yaml")
    assert not ignore.wanted("web.draft.yaml")


def test_a_pattern_with_a_slash_counts_from_its_own_directory() -> None:
    ignore = Ignore({"lab": "/old/*.yaml\n# a comment\n\n"})
    assert not ignore.wanted("lab/old/web.yaml")
    assert ignore.wanted("lab/new/old/web.yaml")
    assert ignore.wanted("old/web.yaml")


def test_rules_found_on_the_way_down_count() -> None:
    ignore = Ignore()
    assert ignore.enters("lab")
    ignore.add("lab", "secret.yaml")
    assert not ignore.wanted("lab/secret.yaml")


def test_a_line_that_is_no_pattern_is_named_with_its_file() -> None:
    with pytest.raises(ReconcilerError, match=r"lab/\.reconcilerignore: .*R112"):
        Ignore({"lab": "!\n"})


def test_a_tree_deeper_than_the_stack_is_answered() -> None:
    assert Ignore().wanted("a/" * 5000 + "web.yaml")
