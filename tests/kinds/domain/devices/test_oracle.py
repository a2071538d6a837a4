"""libvirt itself: what a document claims is what libvirt stores, so a plan after an apply is empty."""

import copy
from dataclasses import replace

import jsonschema
import pytest

from reconciler import fields
from reconciler.fields import Field, Group
from reconciler.kinds.domain import devices

pytestmark = pytest.mark.e2e
SCHEMA = jsonschema.Draft202012Validator(fields.schema(devices.DEVICES))


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
            if node.noted or node.name == "type" and path.startswith("interfaces"):
                continue
            if node.name in ("name", "id"):
                continue
            for other in node.codec.schema.get(
                "enum", [True, False] if node.codec.schema.get("type") == "boolean" else []
            ):
                if other != value:
                    yield f"{here}={other}", {**body, node.name: other}
        elif isinstance(node, Group):
            if isinstance(value, dict):
                for name, inner in variants(node.fields, value, f"{here}."):
                    yield name, {**body, node.name: inner}
        else:
            for place, entry in enumerate(value):
                if isinstance(entry, dict):
                    for name, inner in variants(node.fields, entry, f"{here}[{place}]."):
                        entries = copy.copy(value)
                        entries[place] = inner
                        yield name, {**body, node.name: entries}
