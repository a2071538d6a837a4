"""The schemas for editors accept what is written, before anything is merged or filled in, and little else."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema
import jsonschema_rs
import pytest

from reconciler.app import schema
from reconciler.kinds import KINDS
from reconciler.manifest.load import load
from reconciler.shapes import schema as schema_of


@cache
def validator(kind: str | None) -> Any:
    return jsonschema_rs.Draft202012Validator(json.loads(schema.schema(kind, editor=True)))


def accepted(text: str, kind: str | None = None) -> bool:
    ((loaded,), problems) = load(text.encode(), "shown.yaml")
    assert problems == []
    answer: bool = validator(kind).is_valid(loaded.value)
    assert answer == validator(None).is_valid(loaded.value)
    return answer


def domain(spec: str, more: str = "") -> str:
    return f"apiVersion: reconciler/v1\nkind: Domain\nmetadata: {{name: web}}\n{more}spec: {spec}\n"


@pytest.mark.parametrize("kind", [*KINDS, None])
def test_it_is_valid_by_its_own_dialect(kind: str | None) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schema.schema(kind, editor=True)))


@pytest.mark.parametrize("kind", KINDS)
def test_every_example_of_the_outcome_can_be_written(kind: str) -> None:
    head = {"apiVersion": "reconciler/v1", "kind": kind, "metadata": {"name": "a"}}
    written = [{**head, "spec": {node.name: node.example}} for node in KINDS[kind].fields if node.example is not None]
    strict = [jsonschema_rs.Draft202012Validator(schema_of([node])) for node in KINDS[kind].fields]
    assert len(strict) >= len(written) > 0
    assert [each for each in written if not validator(kind).is_valid(each)] == []


@pytest.mark.parametrize(
    "text",
    [
        domain("{vcpus: '${values.cpus}', memory: '${values.size}', autostart: '${each.on}'}"),
        domain("{vcpus: null, memory: {max: null}, disks: null}"),
        domain(
            "{disks: [{name: root, $remove: true}, {name: data, size: '${values.size}'}], interfaces: '${each.nics}'}"
        ),
        domain("{profile: [a, b]}", "generate: {count: '${values.n}', start: 1}\n"),
        domain("{}", "generate: {forEach: [a, {name: b}]}\n"),
        domain("{}", "generate: {hosts: {labels: {role: hv}}}\n"),
        domain("{vcpus: 8}", "patch: merge\n"),
        "apiVersion: reconciler/v1\nkind: Host\nmetadata: {name: hv1}\npatch: remove\n",
    ],
)
def test_what_is_written_is_accepted(text: str) -> None:
    assert accepted(text)


@pytest.mark.parametrize(
    "text",
    [
        domain("{vcpus: many}"),
        domain("{vpcus: 2}"),
        domain("{disks: [{name: root, $remove: false}]}"),
        domain("{}", "generate: {count: 1, forEach: []}\n"),
        domain("{}", "patch: replace\n"),
        domain("{}", "patches: merge\n"),
    ],
)
def test_a_slip_is_still_seen_in_the_editor(text: str) -> None:
    assert not accepted(text)
