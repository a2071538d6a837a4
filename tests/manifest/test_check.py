"""What is wrong with one document, in words that help."""

from __future__ import annotations

import pytest

from reconciler.errors import Problem
from reconciler.manifest.check import Schemas
from reconciler.manifest.load import load
from tests.app import kinds

HEAD = "apiVersion: reconciler/v1\nkind: Domain\nmetadata: {name: web}\n"


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    return kinds.schemas()


def problems(schemas: Schemas, text: str) -> list[Problem]:
    documents, wrong = load(text.encode(), "f.yaml")
    assert wrong == []
    return schemas.check(documents[0], "f.yaml")


def only(schemas: Schemas, text: str) -> tuple[str, str, str]:
    """Place, number and message of the one problem."""
    (problem,) = problems(schemas, text)
    return problem.where.removeprefix("f.yaml:"), problem.number, problem.message


def test_a_valid_document_has_no_problems(schemas: Schemas) -> None:
    assert problems(schemas, HEAD + "spec: {memory: 2GiB, vcpus: 2, interfaces: [lan, {network: dmz}]}") == []


@pytest.mark.parametrize(
    ("text", "place", "number", "words"),
    [
        ("[1, 2]", "1:1", "R201", "no mapping"),
        ("a: 1", "1:1", "R201", "apiVersion is missing"),
        ("{kind: Domain, apiVersion: v1}", "1:28", "R201", "another program's"),
        ("{apiVersion: reconciler/v1}", "1:1", "R201", "kind is missing"),
        ("{apiVersion: reconciler/v1, kind: 1}", "1:35", "R201", "kind is missing or no text"),
        ("{apiVersion: reconciler/v1, kind: Domian}", "1:35", "R202", "did you mean Domain?"),
        ("{apiVersion: reconciler/v1, kind: domain}", "1:35", "R202", "did you mean Domain?"),
        ("{apiVersion: reconciler/v1, kind: Xyzzy}", "1:35", "R202", "known are Domain, Host, Network"),
        (HEAD, "1:1", "R205", "lacks spec"),
        (HEAD + "spec:\n  vcpu: 2", "5:3", "R203", 'spec has no field "vcpu"; did you mean vcpus?'),
        (HEAD + "spec: {Memory: 2GiB}", "4:8", "R203", "did you mean memory?"),
        (HEAD + "spec: {zzz: 2}", "4:8", "R203", "known are disks, interfaces, kind, memory"),
        (HEAD + "extra: 1\nspec: {}", "4:1", "R203", "the document has no field"),
        (HEAD + "spec: {vcpus: '2'}", "4:15", "R204", 'wants a whole number from 1 to 64, for example 2; not "2"'),
        (HEAD + "spec: {vcpus: true}", "4:15", "R204", "not true"),
        (HEAD + "spec: {vcpus: 65}", "4:15", "R204", "a whole number from 1 to 64"),
        (HEAD + "spec: {title: 5}", "4:15", "R204", "wants text, for example The web server; not 5"),
        (HEAD + "spec: {kind: qemv}", "4:14", "R204", 'one of kvm, qemu, for example kvm; not "qemv"; did you mean qemu?'),  # noqa: E501
        (HEAD + "spec: {memory: 2G}", "4:16", "R204", 'bytes with a unit, for example 2GiB; not "2G"'),
        (HEAD + "spec: {memory: {max: 5}}", "4:22", "R204", "spec.memory.max wants bytes with a unit"),
        (HEAD + "spec: {memory: {maxi: 5GiB}}", "4:17", "R203", "did you mean max?"),
        (HEAD + "spec: {memory: 2048}", "4:16", "R204", "spec.memory wants bytes with a unit, for example 2GiB or a mapping"),  # noqa: E501
        (HEAD + "spec: {memory: [1]}", "4:16", "R204", "not a list"),
        (HEAD + "spec: {disks: [{size: 1GiB}]}", "4:16", "R205", "spec.disks[0] lacks name"),
        (HEAD + "spec: {disks: [{name: a, readOnly: true}]}", "4:26", "R203", "did you mean"),
        (HEAD + "spec: {interfaces: [{mac: no-mac}]}", "4:27", "R204", "spec.interfaces[0].mac wants"),
        (HEAD + "spec: []", "4:7", "R204", "spec wants a mapping; not a list"),
    ],
)  # fmt: skip
def test_a_problem_says_where_what_and_what_to_do(
    schemas: Schemas, text: str, place: str, number: str, words: str
) -> None:
    found = only(schemas, text)
    assert found[:2] == (place, number)
    assert words in found[2]


@pytest.mark.parametrize(
    "name", ["a/b", "..", ".", ".hidden", " a", "a ", "", "web\\n", "a\\u0001b", "-x", "a\\x1b[31m"]
)
def test_unusable_names_are_refused(schemas: Schemas, name: str) -> None:
    text = f'apiVersion: reconciler/v1\nkind: Domain\nmetadata: {{name: "{name}"}}\nspec: {{}}\n'
    place, number, message = only(schemas, text)
    assert (place, number) == ("3:18", "R206")
    assert message.isprintable()


def test_a_name_that_is_a_number_wants_to_be_text(schemas: Schemas) -> None:
    assert only(schemas, HEAD.replace("web", "12") + "spec: {}")[:2] == ("3:18", "R204")


def test_all_problems_come_in_the_order_of_the_file(schemas: Schemas) -> None:
    found = problems(schemas, HEAD + "spec:\n  vcpu: 1\n  title: 1\n  disks: [{}, {name: 1}]\n  zzz: 1\n")
    assert [(each.where, each.number) for each in found] == [
        ("f.yaml:5:3", "R203"),
        ("f.yaml:6:10", "R204"),
        ("f.yaml:7:11", "R205"),
        ("f.yaml:7:22", "R204"),
        ("f.yaml:8:3", "R203"),
    ]


def test_a_secret_is_not_repeated(schemas: Schemas) -> None:
    assert "12345" not in only(schemas, HEAD + "spec: {password: 12345}")[2]


def test_a_long_value_is_cut(schemas: Schemas) -> None:
    assert len(only(schemas, HEAD + f"spec: {{memory: {'x' * 5000}}}")[2]) < 300
