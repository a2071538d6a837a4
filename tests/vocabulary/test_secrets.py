"""A secret value is seen by nobody, and its seal tells nothing without the key."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import asdict, dataclass

import pytest

from reconciler.model.secrets import (
    Reference,
    Seal,
    Secret,
    is_reference,
    is_seal,
    read_reference,
    reference_of,
    without,
)


@dataclass
class Holder:
    value: Secret


def test_a_secret_prints_as_hidden_however_it_is_printed() -> None:
    secret = Secret(b"hunter2")
    said = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{[secret]}",
        str({"a": secret}),
        repr(Holder(secret)),
    ]
    assert not any("hunter2" in each for each in said)


@pytest.mark.parametrize(
    "write", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, lambda each: asdict(Holder(each)), hash]
)
def test_a_secret_cannot_be_written_or_copied(write) -> None:
    with pytest.raises(TypeError) as caught:
        write(Secret(b"hunter2"))
    assert "hunter2" not in str(caught.value)


def test_a_seal_is_the_same_for_the_same_value_about_the_same_thing_with_the_same_key() -> None:
    one, again, other = Seal(lambda: b"k" * 32), Seal(lambda: b"k" * 32), Seal(lambda: b"x" * 32)
    assert one.close("hunter2", "a") == again.close("hunter2", "a")
    assert (
        len(
            {
                one.close("hunter2", "a"),
                one.close("hunter2", "b"),
                one.close("hunter3", "a"),
                other.close("hunter2", "a"),
            }
        )
        == 4
    )
    assert one.close(one.close("hunter2")) == one.close("hunter2")


def test_a_seal_in_xml_is_opened_as_xml_and_alone_as_it_is() -> None:
    seal = Seal(lambda: b"k" * 32)
    token = seal.close("a<b>&\"'\n")
    assert is_seal(token) and not is_seal(f"x{token}")
    assert seal.open(token) == "a<b>&\"'\n"
    assert seal.open(f"<g p='{token}'/>") == "<g p='a&lt;b&gt;&amp;&quot;&apos;&#10;'/>"
    assert seal.open("<g p='sealed:'/>") == "<g p='sealed:'/>"


def test_messages_from_elsewhere_and_texts_for_people_have_no_values_and_no_seals() -> None:
    seal = Seal(lambda: b"k" * 32)
    token = seal.close("a&b")
    assert seal.hide("wrong password 'a&b' in <x y='a&amp;b'>") == "wrong password '(hidden)' in <x y='(hidden)'>"
    assert without(f"<g p='{token}'/>") == "<g p='(hidden)'/>"


def test_the_key_is_not_asked_for_before_there_is_a_secret() -> None:
    seal = Seal(lambda: pytest.fail("nobody needs a key here"))
    assert seal.open("<domain/>") == "<domain/>"
    assert seal.hide("nothing") == "nothing"


@pytest.mark.parametrize(
    "written",
    [
        {"file": "/a"},
        {"env": "A"},
        {"command": ["a", "b"], "encoding": "base64"},
        {"sops": "s.yaml", "key": "a.b"},
        {"age": "a"},
    ],
)
def test_a_reference_in_a_claim_is_read_back(written) -> None:
    reference = reference_of(written)
    assert is_reference(reference.text) and not is_reference("text") and not is_reference(None)
    assert read_reference(reference.text) == reference


def test_a_message_names_a_program_without_its_arguments() -> None:
    assert str(Reference(source="command", at=("vault", "hunter2"))) == "command vault"
