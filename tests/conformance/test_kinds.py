"""Every kind answers the same questions."""

import json
from pathlib import Path

import jsonschema
import pytest

from reconciler import fields
from reconciler.engine import compare
from reconciler.fields import Field, Group, Items
from reconciler.kind import Situation
from reconciler.kinds import KINDS
from reconciler.model.documents import Observed, Spec
from reconciler.model.inventory import Applied
from reconciler.model.plans import Diff
from reconciler.model.refs import Ref

ROOT = Path(__file__).parents[2]
SHAPE = {"__init__.py", "spec.py", "rules.py", "driver.py"}
HOSTED = [kind for kind in KINDS.values() if kind.root]


def every_field(nodes, path=""):
    for node in nodes:
        here = f"{path}.{node.name}" if path else node.name
        if isinstance(node, Field):
            yield here, node
        elif not (isinstance(node, Group) and node.plain):
            yield from every_field(node.fields, here)


def every_group(nodes):
    for node in nodes:
        if isinstance(node, Group | Items):
            yield node
            yield from every_group(node.fields)


ALL_FIELDS = [
    pytest.param(kind, field, id=f"{kind.name}.{path}")
    for kind in KINDS.values()
    for path, field in every_field(kind.fields)
]


@pytest.mark.parametrize("kind", HOSTED, ids=lambda kind: kind.name)
def test_a_kind_has_the_files_of_its_shape(kind):
    folder = ROOT / "reconciler" / "kinds" / kind.name.lower()
    assert {path.name for path in folder.glob("*.py")} >= SHAPE | {"xml.py"}


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_each_kind_has_its_schema_in_the_public_folder(kind):
    schema = json.loads((ROOT / "schemas" / f"{kind.name}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["kind"]["const"] == kind.name


@pytest.mark.parametrize(("kind", "field"), ALL_FIELDS)
def test_a_field_explains_itself_and_its_example_is_valid(kind, field):
    assert field.doc.endswith(".") and len(field.doc.split()) > 1
    jsonschema.validate(field.example, dict(field.codec.schema))


@pytest.mark.parametrize(("kind", "field"), ALL_FIELDS)
def test_an_example_survives_the_way_to_libvirt_and_back(kind, field):
    if field.noted or field.secret:
        return
    there = field.codec.lower(field.example)
    if there is not None:
        assert field.codec.lower(field.codec.lift(there)) == there


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_a_value_made_of_several_attributes_survives_it_too(kind):
    for group in every_group(kind.fields):
        if isinstance(group, Group) and group.plain:
            there = fields.lower((group,), {group.name: group.example}).claims
            body = fields.lift((group,), there)
            assert fields.lower((group,), body).claims == there


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_group_says_what_it_is(kind):
    for group in every_group(kind.fields):
        assert group.doc.endswith("."), group.name


@pytest.mark.parametrize(("kind", "field"), ALL_FIELDS)
def test_a_rule_judges_every_field_on_running_and_stopped_objects(kind, field):
    for address, entry in kind.table.items():
        if entry.field is not field:
            continue
        concrete = address.replace("[]", "[x]")
        for live in (None, "<x/>"):
            spec = Spec(ref=Ref(kind.name, "x"), host="h", claims={})
            seen = Observed(ref=spec.ref, uuid="", xml="<x/>", live=live)
            diff = Diff(concrete, "1", "2")
            assert kind.judge(diff, Situation(spec=spec, observed=seen, texts={})).disruption is not None


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_addresses_are_used_once(kind):
    seen = {}
    for path, field in every_field(kind.fields):
        matching = [
            address
            for address, entry in kind.table.items()
            if entry.field is field and entry.path.replace("[]", "") == path
        ]
        assert len(matching) <= 1, path
        for address in matching:
            assert seen.setdefault(address, path) == path


def samples():
    for kind in HOSTED:
        for path in sorted((ROOT / "tests" / "conformance" / "samples" / kind.folder).glob("*.xml")):
            yield pytest.param(kind, path, id=f"{kind.folder}/{path.name}")


SAMPLES = list(samples())


def test_each_hosted_kind_has_samples():
    assert {parameter.values[0].name for parameter in SAMPLES} == {kind.name for kind in HOSTED}


@pytest.mark.parametrize(("kind", "path"), SAMPLES)
def test_what_is_imported_claims_nothing_that_the_host_does_not_have(kind, path):
    texts = kind.read(path.read_text())
    body = kind.dump(texts)
    lowered = fields.lower(kind.fields, {key: value for key, value in body.items() if key != "xml"})
    spec = Spec(
        ref=Ref(kind.name, "x"), host="h", claims=lowered.claims, lists=frozenset(lowered.lists), hints=lowered.hints
    )
    from reconciler.matching import align, rename

    aligned = rename(texts, align(spec, texts, kind.identities))
    found = [diff for diff in compare.compare(kind, spec, aligned, Applied()) if not diff.address.startswith("!")]
    assert found == []


@pytest.mark.parametrize(("kind", "path"), SAMPLES)
def test_reading_is_repeatable(kind, path):
    assert kind.read(path.read_text()) == kind.read(path.read_text())
