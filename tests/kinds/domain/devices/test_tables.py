"""Each device table against its own cases: the schema, both ways through the table, libvirt's schema."""

import jsonschema
import pytest

from reconciler import entries, fields, grammar, shapes
from reconciler.fields import Field, Group, Items
from reconciler.kinds.domain import devices
from reconciler.model.addresses import pattern_of

SCHEMA = jsonschema.Draft202012Validator(shapes.schema(devices.DEVICES))
TABLE = entries.index(devices.DEVICES)
RELAX = grammar.Schema("/usr/share/libvirt/schemas/domain.rng")


def every_field(nodes, path=""):
    for node in nodes:
        if isinstance(node, Field):
            yield f"{path}{node.name}", node
        else:
            yield from every_field(node.fields, f"{path}{node.name}.")


FIELDS = dict(every_field(devices.DEVICES))


def test_a_case_is_a_valid_document(case):
    assert [error.message for error in SCHEMA.iter_errors(case.body)] == []


def test_what_a_case_claims_is_what_import_writes(case):
    texts = {address: text for address, text in case.lowered.claims.items() if text is not None}
    texts |= case.lowered.hints
    lifted = fields.lift(devices.DEVICES, texts)
    assert lifted == shortest(devices.DEVICES, case.lifted or case.body)


def shortest(nodes, body):
    """The body with a plain value wherever that says the same."""
    return {node.name: _short(node, body[node.name]) for node in nodes if node.name in body}


def _short(node, value):
    if isinstance(node, Items):
        return [_plain(node, entry, {node.short}) for entry in value]
    return value if isinstance(node, Field) else _plain(node, value, set(node.short))


def _plain(node, value, names):
    """The one value of all that a mapping with these names alone says."""
    if not isinstance(value, dict):
        return value
    body = shortest(node.fields, value)
    values = list(body.values())
    same = set(body) == names and all(each == values[0] and not isinstance(each, dict) for each in values)
    return values[0] if same else body


def test_what_import_writes_claims_the_same(case):
    claims = {address: text for address, text in case.lowered.claims.items() if text is not None}
    secret = entries.secrets(claims, TABLE)
    lifted = fields.lift(devices.DEVICES, claims | case.lowered.hints)
    if secret:
        again = fields.lower(devices.DEVICES, lifted).claims
        assert not any(claims[address] == again.get(address) for address in secret)
        return
    again = {
        address: text for address, text in fields.lower(devices.DEVICES, lifted).claims.items() if text is not None
    }
    assert again == claims


def test_libvirts_schema_knows_what_is_rendered(case):
    complaint = RELAX.complaint(case.xml)
    if case.unschemed:
        assert complaint is not None, "the schema knows it now; take the excuse out of the case"
    else:
        assert complaint is None


@pytest.mark.parametrize("path", FIELDS)
def test_a_field_tells_what_it_is_in_one_sentence(path):
    doc = FIELDS[path].doc
    assert doc[0].isupper() and doc.endswith(".") and ". " not in doc


@pytest.mark.parametrize("path", FIELDS)
def test_a_fields_example_is_valid(path):
    node = FIELDS[path]
    jsonschema.validate(node.example, dict(node.codec.schema))
    node.codec.lower(node.example)


def groups(nodes):
    for node in nodes:
        if isinstance(node, (Group, Items)):
            yield node
            yield from groups(node.fields)


@pytest.mark.parametrize("node", list(groups(devices.DEVICES)), ids=lambda node: node.name)
def test_a_groups_example_is_valid(node):
    schema = shapes.schema((node,))
    assert node.example is not None
    jsonschema.validate({node.name: node.example}, schema)


def test_every_field_is_in_some_case(cases):
    """Fields that several devices share, such as those of character devices, need one case among them."""
    claimed = {pattern_of(address) for case in cases for address in case.lowered.claims}
    shown = {TABLE[pattern].field.at for pattern in claimed if pattern in TABLE and TABLE[pattern].field}
    held = {entry.field.at for entry in TABLE.values() if entry.field is not None and not entry.field.noted}
    assert held - shown - {"devices/channel[org.qemu.guest_agent.0]"} == set()


def test_every_repeated_element_of_the_tables_has_an_identity():
    lists = {pattern for pattern, entry in TABLE.items() if pattern.endswith("[]") and entry.field is None}
    assert {pattern.replace("[]", "") for pattern in lists} <= set(devices.IDENTITIES)


def test_people_see_a_path_of_theirs_for_all_that_is_claimed(case):
    paths = [entries.path_of(TABLE, address) for address, text in case.lowered.claims.items() if text is not None]
    assert [path for path in paths if path.startswith("xml:") and not path.endswith("@unit")] == []
