"""Strict YAML: plain values with their places, and a number for everything that is not plain."""

from __future__ import annotations

import pytest
import yaml

from reconciler.manifest.load import LIMIT_DEPTH, LIMIT_PROBLEMS, load


def value(text: str) -> object:
    documents, problems = load(text.encode(), "f.yaml")
    assert problems == []
    return documents[0].value


def problems(text: str | bytes) -> list[tuple[str, str]]:
    """Place and number of each problem."""
    content = text if isinstance(text, bytes) else text.encode()
    return [(problem.where.removeprefix("f.yaml:"), problem.number) for problem in load(content, "f.yaml")[1]]


def said(text: str) -> str:
    return load(text.encode(), "f.yaml")[1][0].message


@pytest.fixture(params=["libyaml", "pure Python"])
def either_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "pure Python":
        monkeypatch.delattr(yaml, "CSafeLoader")


@pytest.mark.usefixtures("either_parser")
def test_plain_values_follow_the_core_schema() -> None:
    text = (
        "{t: true, f: FALSE, u: null, e: , d: ~, i: -12, z: 0, h: 0x1F, r: 1.50, s: .5, x: 1.0e+3, w: a b, v: 10.0.0.1}"
    )
    assert value(text) == {
        "t": True, "f": False, "u": None, "e": None, "d": None, "i": -12, "z": 0, "h": 31, "r": 1.5, "s": 0.5,
        "x": 1000, "w": "a b", "v": "10.0.0.1",
    }  # fmt: skip


def test_a_whole_number_with_a_point_is_whole() -> None:
    assert isinstance(value("2.0"), int)


def test_quoted_and_block_scalars_are_text() -> None:
    assert value('["yes", \'0644\', "12:30", "1", ""]') == ["yes", "0644", "12:30", "1", ""]
    assert value("a: |\n  yes\n") == {"a": "yes\n"}


@pytest.mark.parametrize("nothing", ["", "# a comment\n", "---\n---\n# c\n", "\ufeff", "---\n...\n"])
def test_empty_documents_are_left_out(nothing: str) -> None:
    assert load(nothing.encode(), "f.yaml") == ([], [])


def test_a_file_holds_several_documents_with_places_of_their_own() -> None:
    documents, _ = load(b"%YAML 1.2\n---\na: 1\n---\nb:\n  - x\n  - {c: d}\n", "f.yaml")
    assert [each.value for each in documents] == [{"a": 1}, {"b": ["x", {"c": "d"}]}]
    assert documents[1].places == {
        (): (5, 1), ("b",): (6, 3), ("b", 0): (6, 5), ("b", 1): (7, 5), ("b", 1, "c"): (7, 9),
    }  # fmt: skip
    assert documents[1].keys == {("b",): (5, 1), ("b", 1, "c"): (7, 6)}


def test_columns_count_characters() -> None:
    assert load("ä: [öü, x]".encode(), "f.yaml")[0][0].places["ä", 1] == (1, 9)


@pytest.mark.parametrize("word", ["yes", "Yes", "YES", "no", "No", "on", "ON", "off", "Off", "y", "Y", "n", "N"])
def test_words_that_yaml_1_1_takes_for_booleans_are_refused(word: str) -> None:
    assert problems(f"a: {word}") == [("1:4", "R108")]
    assert problems(f"{word}: 1") == [("1:1", "R108")]
    assert f'"{word}" in quotes' in said(f"a: {word}")
    assert ("write true" if word[0] in "yY" or word.lower() == "on" else "write false") in said(f"a: {word}")


@pytest.mark.parametrize(
    "trap",
    [
        "0644", "-0644", "0o17", "0999", "12:30", "1:2:3", "52:54:00:12:34:56", "1_000", "1_0.5", "0x_1", "0b11",
        "2024-01-02", "2024-1-2", "2024-01-02T03:04:05Z", "2024-01-02 03:04:05", "=", "<<", "1e3", "1.0e10", ".inf",
        "-.INF", ".nan", "12345678901234567890", "9" * 5000, "1.0e+999",
    ],
)  # fmt: skip
def test_values_that_tools_read_differently_are_refused(trap: str) -> None:
    assert problems(f"a: [b, {trap}]") == [("1:8", "R108")]
    assert "quotes" in said(f"a: {trap}")
    assert problems(f"a: '{trap}'") == []


def test_a_mac_address_of_digits_is_called_one() -> None:
    assert "MAC address" in said("mac: 52:54:00:12:34:56")
    assert value("52:54:00:99:34:56") == "52:54:00:99:34:56"


def test_a_message_does_not_repeat_a_number_that_may_be_a_password() -> None:
    assert "0815" not in said("password: 0815")


@pytest.mark.usefixtures("either_parser")
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: 1\nb: 2\na: 3\n", [("3:1", "R104")]),
        ("a: {x: {k: 1, k: 2}}", [("1:15", "R104")]),
        ("a: &x 1\nb: *x\n", [("1:4", "R105"), ("2:4", "R105")]),
        ("a: {<<: {b: 1}}", [("1:5", "R105")]),
        ("a: !!python/object:os.system {}", [("1:4", "R105")]),
        ("a: !!str 1\n", [("1:4", "R105")]),
        ("a: ! 1\n", [("1:4", "R105")]),
        ("%TAG ! tag:x,2000:\n---\na: 1\n", [("1:1", "R105")]),
        ("1: a\n", [("1:1", "R107")]),
        ("true: a\n", [("1:1", "R107")]),
        ("? [a]\n: b\n", [("1:3", "R107")]),
        ("? {a: 1}\n: b\na: 2\n", [("1:3", "R107")]),
        ("? *x\n: b\n", [("1:3", "R105")]),
        ("yes: 0644\non: 12:30\n", [("1:1", "R108"), ("1:6", "R108"), ("2:1", "R108"), ("2:5", "R108")]),
        ("a:\n\t- b\n", [("2:1", "R101")]),
        ("a: b: c\n", [("1:5", "R101")]),
        ("a: 'b\n", [("2:1", "R101")]),
        ("a: \x07\n", [("1:4", "R101")]),
        ("ä: [1,\n  2\x00]\n", [("2:4", "R101")]),
        (b"a: 1\nb: \xff\n", [("2:4", "R102")]),
        (b"\xef\xbb\xbfa: \xc3(", [("1:4", "R102")]),
    ],
)
def test_every_problem_has_its_place_and_number(text: str | bytes, found: list[tuple[str, str]]) -> None:
    assert problems(text) == found


def test_what_stands_before_a_syntax_error_is_kept() -> None:
    documents, found = load(b"a: yes\n---\nb: [\n", "f.yaml")
    assert [each.value for each in documents] == [{"a": "yes"}]
    assert [problem.number for problem in found] == ["R108", "R101"]


def test_the_first_of_two_equal_keys_counts() -> None:
    documents, _ = load(b"a: {b: 1}\na: {b: 2, c: 3}\n", "f.yaml")
    assert documents[0].value == {"a": {"b": 1}}


@pytest.mark.usefixtures("either_parser")
@pytest.mark.parametrize(
    "bomb", [b"[" * 50_000, b"- " * 500_000, b"{a: " * 250_000, b"? " * 500_000, b"[[" * 20 + b"- [" * 10_000]
)
def test_no_nesting_is_deep_enough_to_crash(bomb: bytes) -> None:
    assert {number for _, number in problems(bomb)} <= {"R106", "R101", "R107"}
    assert problems(bomb)


def test_the_deepest_nesting_that_is_allowed_is_read() -> None:
    assert problems("[" * LIMIT_DEPTH + "]" * LIMIT_DEPTH) == []
    assert problems("[" * (LIMIT_DEPTH + 1) + "]" * (LIMIT_DEPTH + 1)) == [("1:65", "R106")]


def test_a_file_over_the_limit_is_not_parsed() -> None:
    assert problems(b"a: [" + b" " * (1 << 20)) == [("1:1", "R103")]


def test_a_file_full_of_mistakes_stops_being_read() -> None:
    assert len(problems("a: yes\n---\n" * 5000)) == LIMIT_PROBLEMS


def test_an_alias_bomb_stays_small() -> None:
    bomb = "a: &a [x]\n" + "".join(f"{'abcdefghi'[i]}: &{'abcdefghi'[i]} [*a, *a]\n" for i in range(1, 9))
    assert {number for _, number in problems(bomb)} == {"R105"}
