"""Policies as they are written: what they may say, and where they are wrong."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from reconciler.policy.connections import refusal
from reconciler.policy.matching import below, like, like_url, plain
from reconciler.policy.policies import complaints, parse
from reconciler.policy.words import SCHEMA, WORDS

WHOLE = {
    "preset": "guarded",
    **{word.name: list(word.example) for word in WORDS},
    "limits": {"vcpus": 8, "memory": "16GiB", "volume": "1TiB", "devices": 30},
    "names": {"Domain": ["web-*"]},
    "rules": [{"kind": "*", "address": "devices/panic*", "deny": ["*"]}],
    "exceptions": [{"resources": ["Domain/db-*"], "paths": ["/srv/db"], "limits": {"vcpus": 16}}],
}


def test_a_policy_can_say_all_of_this():
    assert list(complaints(WHOLE)) == []
    jsonschema.validate(WHOLE, SCHEMA)
    policy = parse(WHOLE, "the policy")
    assert policy.lists["networks"] == ("default", "web-*")
    assert policy.limits["memory"] == 16 << 30


@pytest.mark.parametrize(
    ("written", "path", "said"),
    [
        ([], (), "wants a mapping"),
        ({"preset": "safe"}, ("preset",), "one of open, guarded"),
        ({"path": []}, ("path",), "did you mean paths?"),
        ({"paths": "/srv"}, ("paths",), "list of texts"),
        ({"paths": ["srv"]}, ("paths", 0), "absolute"),
        ({"paths": ["/srv/../etc"]}, ("paths", 0), "without .."),
        ({"networks": [1]}, ("networks",), "list of texts"),
        ({"limits": {"cpus": 1}}, ("limits", "cpus"), "no limit"),
        ({"limits": {"memory": "much"}}, ("limits", "memory"), "not a size"),
        ({"limits": {"vcpus": True}}, ("limits", "vcpus"), "whole number"),
        ({"names": {"Domain": "web"}}, ("names", "Domain"), "list of texts"),
        ({"rules": {}}, ("rules",), "list of mappings"),
        ({"rules": [{"kind": "Domain", "address": "x"}]}, ("rules", 0), "one of allow and deny"),
        ({"rules": [{"kind": "Domain", "address": "x", "allow": ["a"], "deny": ["b"]}]}, ("rules", 0), "one of allow"),
        ({"exceptions": [{"paths": ["/srv"]}]}, ("exceptions", 0, "resources"), "wants resources"),
        ({"exceptions": [{"resources": ["*"], "path": []}]}, ("exceptions", 0, "path"), "did you mean"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(written, path, said):
    found = dict(complaints(written))
    assert said in found[path]
    with pytest.raises(ValueError, match=r"\w"):
        parse(written, "the policy")


def test_the_schema_for_hosts_and_the_check_of_the_settings_know_the_same_words():
    assert set(SCHEMA["properties"]) == {*WHOLE}
    host = json.loads((Path(__file__).parents[2] / "schemas" / "Host.json").read_text())
    assert set(host["properties"]["spec"]["properties"]["policy"]["properties"]["manifests"]["properties"]) == {*WHOLE}


def test_a_policy_that_says_something_else_has_another_digest():
    assert parse({"paths": ["/a"]}, "x").digest != parse({"paths": ["/b"]}, "x").digest


def test_patterns_know_one_sign_only():
    assert like("web-1", "web-*") and not like("a.web-1", "web-*") and not like("web-1", "web-?")
    assert like("[x]", "[x]") and not like("x", "[x]")


def test_roots_hold_what_is_below_them_and_no_neighbour():
    assert below("/srv", "/srv/") and below("/srv/a/b", "/srv") and below("/a", "/")
    assert not below("/srv2", "/srv") and not below("/", "/srv")
    assert below("/srv/abb/x", "/srv/a*b") and not below("/srv/a/b/x", "/srv/a*b")
    assert plain("srv//./x/") == "/srv/x"


@pytest.mark.parametrize(
    ("url", "pattern", "found"),
    [
        ("https://a.example.com/x", "https://*", True),
        ("http://a.example.com/x", "https://*", False),
        ("https://a.example.com/x", "https://*.example.com/*", True),
        ("https://evil/.example.com/x", "https://*.example.com/*", False),
        ("https://i.example.com@evil/x", "https://i.example.com*/*", False),
        ("https://evil?.example.com/", "https://*.example.com/*", False),
        ("https://i/pub/../x", "https://i/pub/*", False),
        ("https://i/pub/%2E%2e/x", "https://i/pub/*", False),
        ("https://i/pub/x", "https://i/pub/*", True),
        ("no url", "*", False),
    ],
)
def test_a_star_in_a_url_does_not_reach_beyond_its_part(url, pattern, found):
    assert like_url(url, pattern) is found


@pytest.mark.parametrize(
    ("uri", "permitted"),
    [
        ("qemu:///system", True),
        ("qemu+ssh://root@hv1.example.com/system", True),
        ("qemu+ssh://hv1.example.com/system?no_tty=1", True),
        ("qemu:///system?command=/srv/x", False),
        ("qemu+ssh://hv1/system?netcat=/srv/x", False),
        ("qemu+ssh://hv1/system?keyfile=/root/.ssh/id", False),
        ("qemu+unix:///system?socket=/srv/x", False),
        ("qemu+ext:///system?command=/srv/x", False),
        ("test:///etc/passwd", False),
        ("embedded", False),
    ],
)
def test_a_uri_that_runs_something_here_is_not_in_the_preset(uri, permitted):
    assert (refusal(parse({"preset": "guarded"}, "the policy"), "uri", uri) == "") is permitted


def test_a_uri_is_permitted_with_the_parameters_that_a_pattern_writes_out():
    policy = parse({"connections": ["qemu+ssh://hv1/system?keyfile=/etc/key"]}, "the policy")
    assert refusal(policy, "uri", "qemu+ssh://hv1/system?keyfile=/etc/key") == ""
    assert refusal(policy, "uri", "qemu+ssh://hv1/system?keyfile=/etc/other") != ""
