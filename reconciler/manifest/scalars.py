"""What a plain YAML scalar means, and whether all tools agree on it."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Beyond this JSON tools lose digits or overflow (a signed 64-bit integer has 19).
LIMIT_DIGITS = 18

_WORDS: dict[str, object] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def _forms(word: str) -> Iterator[str]:
    yield from (word, word.capitalize(), word.upper())


# yaml.org/type/bool: what YAML 1.1 takes for a boolean beyond true and false.
_SWITCHES: dict[str, str] = {
    **{form: "true" for word in ("y", "yes", "on") for form in _forms(word)},
    **{form: "false" for word in ("n", "no", "off") for form in _forms(word)},
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)\.[0-9]*)(?:[eE][-+][0-9]{1,2})?")
_QUOTE = "put it in quotes if it is text"
# In the order they are tried. Sources: yaml.org/type/{int,float,timestamp,value,merge} (1.1), YAML 1.2.2 section 10.3.
_TRAPS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"[0-9]{2}(?::[0-5][0-9]){5}"),
        "a MAC address of digits alone is a number in base 60 to YAML 1.1; put it in quotes",
    ),
    (
        re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"),
        f"YAML 1.1 reads a number in base 60 here; {_QUOTE}, or write the plain number",
    ),
    (
        re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9].*)?"),
        "YAML 1.1 reads a date here; put it in quotes",
    ),
    (re.compile(r"[-+]?0b[01_]+"), f"YAML 1.1 reads a binary number here; {_QUOTE}, or write it as a decimal number"),
    (
        re.compile(r"[-+]?0o?[0-9][0-9_]*"),
        f"the leading zero makes an octal number to some YAML tools; {_QUOTE}, or write it as a decimal number",
    ),
    (
        re.compile(r"[-+]?(?:0x[0-9a-fA-F_]+|\.?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?)"),
        f"not all YAML tools read the same number here; {_QUOTE}, or write plain digits",
    ),
    (re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"), f"this is no finite number; {_QUOTE}"),
    (re.compile(r"=|<<"), "this has a meaning of its own to YAML 1.1; put it in quotes"),
)


def resolve(text: str) -> tuple[object, str]:
    """The value of a plain scalar by YAML 1.2's core schema, and why it is a trap ("" where it is none)."""
    if text in _WORDS:
        return _WORDS[text], ""
    if text in _SWITCHES:
        return text, f'YAML 1.1 reads a boolean here; write {_SWITCHES[text]}, or "{text}" in quotes if it is text'
    if text[0] not in "+-.0123456789=<":
        return text, ""
    return _number(text)


def _number(text: str) -> tuple[object, str]:
    if len(text) <= LIMIT_DIGITS:
        if _INTEGER.fullmatch(text):
            return int(text), ""
        if _HEX.fullmatch(text):
            return int(text, 16), ""
        if _FLOAT.fullmatch(text):
            number = float(text)
            # To JSON Schema 2.0 is an integer, so it has to be one to everybody behind it.
            return int(number) if number.is_integer() else number, ""
    return text, next((why for pattern, why in _TRAPS if pattern.fullmatch(text)), "")
