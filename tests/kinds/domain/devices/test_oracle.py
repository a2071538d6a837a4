"""libvirt itself: what a document claims is what libvirt stores, so a plan after an apply is empty."""

from dataclasses import replace

import jsonschema
import pytest

from reconciler import shapes
from reconciler.fields import Field, Group
from reconciler.kinds.domain import devices

pytestmark = pytest.mark.e2e
SCHEMA = jsonschema.Draft202012Validator(shapes.schema(devices.DEVICES))


def test_libvirt_keeps_all_that_a_case_claims(case, oracle, judge):
    answer = oracle(case.xml)
    if case.refused:
        assert case.refused in answer.get("error", "")
        return
    assert "error" not in answer, answer["error"]
    assert judge(case.spec.claims, answer["xml"]) == []


def test_libvirt_refuses_another_value_or_keeps_it(case, oracle, judge):
    """Each value that a case could have had instead, one at a time."""
    for path, other in variants(devices.DEVICES, case.body):
        if not SCHEMA.is_valid(other):
            continue
        changed = replace(case, body=other)
        answer = oracle(changed.xml)
        if "error" not in answer:
            assert judge(changed.spec.claims, answer["xml"]) == [], path


def variants(nodes, body, path=""):
    """The body with one choice or yes-or-no made otherwise, for each there is."""
    for node in nodes:
        if node.name not in body:
            continue
        here, value = f"{path}{node.name}", body[node.name]
        if isinstance(node, Field):
            others = [(f"{here}={other}", other) for other in choices(node) if other != value]
        elif isinstance(node, Group):
            others = variants(node.fields, value, f"{here}.") if isinstance(value, dict) else ()
        else:
            others = changed_entries(node, value, here)
        for name, other in others:
            yield name, {**body, node.name: other}


def choices(node):
    """What a field could say instead; names and keys stay, since two equal ones are one device."""
    if node.noted or node.name in ("name", "id"):
        return []
    return node.codec.schema.get("enum", [True, False] if node.codec.schema.get("type") == "boolean" else [])


def changed_entries(node, entries, path):
    for place, entry in enumerate(entries):
        for name, other in variants(node.fields, entry, f"{path}[{place}].") if isinstance(entry, dict) else ():
            yield name, [*entries[:place], other, *entries[place + 1 :]]
