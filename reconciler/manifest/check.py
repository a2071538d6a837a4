"""The one door for JSON Schema: is a document valid, and if not, what is wrong with it in the user's own words.

A compiled validator says yes; only a no costs the slow one, whose errors lead to the very value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from json import loads
from typing import Any

from reconciler.errors import Problem
from reconciler.manifest.load import Loaded, Path
from reconciler.model.documents import Place

API_VERSION = "reconciler/v1"
# The share of letters two names must have in common to be taken for one: "vcpu" is vcpus, "nope" is not osType.
CLOSE = 0.65

_NAMES = "a name has no slash and nothing invisible in it, and does not start with a dot, a dash or a space"
_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}
_NOUNS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
    "null": "nothing",
}


class Schemas:
    """The JSON Schemas of all kinds, each read and compiled when it is first needed."""

    def __init__(self, kinds: Iterable[str], text_of: Callable[[str], str]) -> None:
        self.kinds = tuple(sorted(kinds))
        self._text_of = text_of
        self._compiled: dict[str, Callable[[object], bool]] = {}

    def check(self, loaded: Loaded, file: str) -> list[Problem]:
        """Everything that is wrong with one document, by place."""
        kind, problem = self._kind(loaded, file)
        if problem is not None:
            return [problem]
        if self._valid(kind, loaded.value):
            return []
        found = {problem for error in self._errors(kind, loaded.value) for problem in _explain(error, loaded, file)}
        return sorted(found, key=lambda problem: (_by_position(problem.where), problem.message))

    def _kind(self, loaded: Loaded, file: str) -> tuple[str, Problem | None]:
        """The kind of a document, or why it has none."""
        value = loaded.value
        if not isinstance(value, dict):
            return "", _not_a_resource("this is no mapping", loaded, file)
        if value.get("apiVersion") != API_VERSION:
            return "", _not_a_resource("apiVersion is missing or another program's", loaded, file, "apiVersion")
        kind = value.get("kind")
        if not isinstance(kind, str):
            return "", _not_a_resource("kind is missing or no text", loaded, file, "kind")
        if kind not in self.kinds:
            message = f"there is no kind {_shown(kind)}; {advice(kind, self.kinds)}"
            return "", Problem("R202", message, where(loaded, file, ("kind",)))
        return kind, None

    def _valid(self, kind: str, value: object) -> bool:
        valid = self._compiled.get(kind)
        if valid is None:
            import jsonschema_rs  # A run that finds everything in the cache never needs it.

            valid = self._compiled[kind] = jsonschema_rs.Draft202012Validator(loads(self._text_of(kind))).is_valid
        return valid(value)

    def _errors(self, kind: str, value: object) -> Iterator[Any]:
        """The errors of the slow validator, whose `pattern` means the whole text as in every other language."""
        import jsonschema  # 60 ms that only a wrong document has to pay.

        extend: Any = jsonschema.validators.extend
        validator = extend(jsonschema.Draft202012Validator, {"pattern": _pattern})
        yield from validator(loads(self._text_of(kind))).iter_errors(value)


def _pattern(validator: Any, pattern: str, instance: object, schema: object) -> Iterator[Any]:
    """As the keyword of the library, but `$` does not match in front of a last newline (Python's re does)."""
    from jsonschema import ValidationError

    whole = pattern[:-1] + r"\Z" if pattern.endswith("$") and not pattern.endswith(r"\$") else pattern
    if isinstance(instance, str) and re.search(whole, instance) is None:
        yield ValidationError(f"does not match {pattern!r}")


def _not_a_resource(why: str, loaded: Loaded, file: str, *path: str) -> Problem:
    needed = f"a resource has apiVersion: {API_VERSION}, kind, metadata and spec"
    return Problem("R201", f"{why}; {needed}", where(loaded, file, path))


def where(loaded: Loaded, file: str, path: Path, *, key: bool = False) -> str:
    """Where the value (or the key) at a path stands, or the nearest thing around it."""
    spot = loaded.keys.get(path) if key else None
    if spot is not None:
        return f"{loaded.key_files.get(path, file)}:{spot[0]}:{spot[1]}"
    while path and path not in loaded.places:
        path = path[:-1]
    line, column = loaded.places.get(path, (1, 1))
    return str(loaded.origins.get(path, Place(file, line, column)))


def _by_position(where: str) -> tuple[int, int]:
    _, line, column = where.rsplit(":", 2)
    return int(line), int(column)


def _explain(error: Any, loaded: Loaded, file: str) -> Iterator[Problem]:
    """What one error of the validator means to the reader."""
    path: Path = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        yield from _unknown(error, path, loaded, file)
    elif error.validator == "required":
        yield from _missing(error, path, loaded, file)
    elif error.validator in ("anyOf", "oneOf") and (branch := _branch(error)) is not None:
        for inner in error.context:
            if inner.relative_schema_path[0] == branch:
                yield from _explain(inner, loaded, file)
    elif path == ("metadata", "name") and error.validator != "type":
        yield Problem("R206", f"the name {_shown(error.instance)} is not usable; {_NAMES}", where(loaded, file, path))
    else:
        yield Problem("R204", f"{label(path)} {_wanted(error, loaded.private)}", where(loaded, file, path))


def _unknown(error: Any, path: Path, loaded: Loaded, file: str) -> Iterator[Problem]:
    known = sorted(error.schema.get("properties", {}))
    for name in error.instance:
        if name not in known:
            message = f"{label(path)} has no field {_shown(name)}; {advice(name, known)}"
            yield Problem("R203", message, where(loaded, file, (*path, name), key=True))


def _missing(error: Any, path: Path, loaded: Loaded, file: str) -> Iterator[Problem]:
    properties = error.schema.get("properties", {})
    for name in error.validator_value:
        if name not in error.instance:
            about = properties.get(name, {}).get("description", "")
            message = f"{label(path)} lacks {name}; add it{f' ({about})' if about else ''}"
            yield Problem("R205", message, where(loaded, file, path))


def _branch(error: Any) -> int | None:
    """The alternative that the value was meant to be, by its type; None where it is none of them."""
    for position, schema in enumerate(error.validator_value):
        kind = _TYPES.get(schema.get("type", ""))
        if kind and isinstance(error.instance, kind) and not (isinstance(error.instance, bool) and kind is not bool):
            return position
    return None


def _wanted(error: Any, private: bool) -> str:
    """`wants a whole number from 1 to 8, for example 2; not 9`."""
    schema, value = error.schema, error.instance
    hidden = private or schema.get("writeOnly", False)
    if error.validator == "oneOf" and all("required" in branch for branch in error.validator_value):
        return f"wants one of {', '.join(name for branch in error.validator_value for name in branch['required'])}"
    if error.validator == "dependentRequired":
        return f"wants {' and '.join(sorted(error.validator_value))} together"
    if error.validator in ("anyOf", "oneOf"):
        wants = " or ".join(_want(branch) for branch in error.validator_value)
    elif error.validator in ("type", "enum", "const", "pattern", "minimum", "maximum", "minLength", "maxLength"):
        wants = _want(schema)
    elif error.validator in ("minItems", "maxItems", "uniqueItems"):
        return f"{error.message.removeprefix(repr(value)).strip() or 'is not accepted'}; correct the list"
    else:
        return "is not accepted here" if hidden else f"is not accepted here: {error.message[:200]}"
    return f"wants {wants}" + ("" if hidden else f"; not {_shown(value)}{_nearest(value, schema)}")


def _want(schema: Mapping[str, Any]) -> str:
    unit = schema.get("description", "").partition(" Unit: ")[2].rstrip(".")
    examples = [each for each in schema.get("examples", ()) if not isinstance(each, dict | list)]
    sample = f"for example {_plain(examples[0])}" if examples and "for example" not in unit else ""
    # A unit says more than that it is written as text.
    noun = "" if unit and schema.get("type") == "string" else _noun(schema)
    return ", ".join(part for part in (noun, unit, sample) if part)


def _noun(schema: Mapping[str, Any]) -> str:
    if "const" in schema:
        return _plain(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(_plain(word) for word in schema["enum"])
    types = schema.get("type", "another value")
    nouns = " or ".join(_NOUNS.get(each, each) for each in ([types] if isinstance(types, str) else types))
    low, high = schema.get("minimum"), schema.get("maximum")
    return nouns + (f" from {low}" if low is not None else "") + (f" to {high}" if high is not None else "")


def _plain(value: object) -> str:
    """A value as the user would type it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _nearest(value: object, schema: Mapping[str, Any]) -> str:
    words = [word for word in schema.get("enum", ()) if isinstance(word, str)]
    close = closest(value, words) if isinstance(value, str) else ""
    return f"; did you mean {close}?" if close else ""


def advice(name: str, known: Sequence[str]) -> str:
    """The nearest right name, or what there is to choose from."""
    close = closest(name, known)
    if close:
        return f"did you mean {close}?"
    few = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    return f"known are {few}" if known else "remove it"


def closest(name: str, known: Iterable[str]) -> str:
    """The known name that looks most like this one, "" if none does."""
    from difflib import get_close_matches  # 5 ms that only a wrong document has to pay.

    folded = {each.lower(): each for each in known}
    return next((folded[each] for each in get_close_matches(name.lower(), folded, 1, CLOSE)), "")


def _shown(value: object) -> str:
    """A value for a message: short, and without anything that a terminal would obey."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else f'"{value}"'
    text = text if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def label(path: Path) -> str:
    """`spec.disks[0].size`; "the document" for its root."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.lstrip(".") if text else "the document"
