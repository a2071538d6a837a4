"""The committed schemas are what the field tables say, describe everything, and accept their own examples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import jsonschema_rs
import pytest

from reconciler.adapters.build import schema_kinds
from reconciler.app import schema
from reconciler.fields import Field, Node
from reconciler.kinds import KINDS
from reconciler.shapes import schema as schema_of

SCHEMAS = Path(__file__).parents[2] / "schemas"
KIND_NAMES = sorted(KINDS)


def nodes(listed: tuple[Node, ...], path: str = "") -> Iterator[tuple[str, Node]]:
    for node in listed:
        here = f"{path}.{node.name}" if path else node.name
        yield here, node
        if not isinstance(node, Field):
            yield from nodes(node.fields, here)


def test_the_committed_schemas_are_what_is_generated():
    committed = {path.name: path.read_text(encoding="utf-8") for path in SCHEMAS.glob("*.json")}
    assert committed == schema.files(), "run: python docs/generate.py"


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_a_schema_is_valid_by_its_own_dialect(kind):
    jsonschema.Draft202012Validator.check_schema(json.loads(schema.schema(kind)))


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_every_field_says_what_it_means_in_a_sentence(kind):
    assert [path for path, node in nodes(KINDS[kind].fields) if not node.doc.strip().endswith((".", "?"))] == []


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_every_field_has_an_example(kind):
    fields = ((path, node) for path, node in nodes(KINDS[kind].fields) if isinstance(node, Field))
    assert [path for path, node in fields if node.example is None] == []


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_every_example_is_valid(kind):
    def complaints(node: Node) -> list[str]:
        validator = jsonschema_rs.Draft202012Validator(schema_of([node]))
        return [error.message for error in validator.iter_errors({node.name: node.example})]

    shown = {path: node for path, node in nodes(KINDS[kind].fields) if node.example is not None}
    assert {path: found for path, node in shown.items() if (found := complaints(node))} == {}


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_every_quantity_names_its_unit(kind):
    fields = [(path, node) for path, node in nodes(KINDS[kind].fields) if isinstance(node, Field)]
    assert [path for path, node in fields if is_quantity(node) and not node.codec.unit] == []


def is_quantity(field: Field) -> bool:
    """Whether a number means nothing without its unit: a size, or what the description counts in a unit."""
    if "iB" in str(field.codec.schema.get("pattern", "")):
        return True
    words = ("seconds", "bytes", "kib", "mib", "milliseconds", "microseconds", "percent")
    return field.codec.schema.get("type") == "integer" and any(word in field.doc.lower() for word in words)


@pytest.mark.parametrize("kind", KIND_NAMES)
@pytest.mark.parametrize("name", ["web-1", "a", "A.b_c+d-1"])
def test_a_plain_name_is_accepted(kind, name):
    assert not named(kind, name)


@pytest.mark.parametrize("kind", KIND_NAMES)
@pytest.mark.parametrize("name", ["Windows 10", "unit:0:0:1", "Büro (alt)", "_x"])
def test_a_name_that_others_gave_is_accepted_for_what_is_on_a_host(kind, name):
    assert bool(named(kind, name)) == (not KINDS[kind].root)


@pytest.mark.parametrize("kind", KIND_NAMES)
@pytest.mark.parametrize("name", ["", "web-1\n", "-web", ".web", " a", "a ", "../web", "a/b", "a\u202eb", "x" * 300, 7])
def test_a_name_that_could_be_a_path_an_option_or_a_trap_is_not(kind, name):
    assert named(kind, name)


def named(kind: str, name: object) -> list[str]:
    document = {"apiVersion": "reconciler/v1", "kind": kind, "metadata": {"name": name}, "spec": {}}
    validator = jsonschema_rs.Draft202012Validator(json.loads(schema.schema(kind)))
    return [
        str(error.message) for error in validator.iter_errors(document) if list(error.instance_path)[:1] == ["metadata"]
    ]


def test_the_schema_of_all_kinds_judges_by_the_kind_that_is_named():
    validator = jsonschema_rs.Draft202012Validator(json.loads(schema.schema(None)))
    base = {"apiVersion": "reconciler/v1", "metadata": {"name": "a"}}
    assert not validator.is_valid({**base, "kind": "Nonsense", "spec": {}})
    assert not validator.is_valid({**base, "kind": "Domain", "spec": {"nonsense": 1}})
    host = {**base, "kind": "Host", "spec": {"uri": "test:///default"}}
    assert validator.is_valid(host)
    assert not validator.is_valid({**host, "apiVersion": "reconciler/v2"})


def test_the_schemas_are_found_where_the_program_is_installed():
    assert set(schema_kinds()) == set(KINDS)


@pytest.mark.parametrize(("asked", "hint"), [("domain", "did you mean Domain?"), ("Nonsense", "the kinds are Domain")])
def test_an_unknown_kind_is_answered_with_the_known_ones(asked, hint):
    from reconciler.errors import ManifestError

    with pytest.raises(ManifestError, match="R202") as caught:
        schema.schema(asked)
    assert hint.split(" Domain")[0] in str(caught.value)
