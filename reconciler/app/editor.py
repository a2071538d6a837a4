"""The JSON Schemas of what people write, for editors: like those of the outcome, but before anything is filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.codecs import Json

# Only a text can hold a placeholder, whatever type its value has.
PLACEHOLDER: Mapping[str, Json] = {"type": "string", "pattern": r"\$\{", "description": "A value to be filled in."}
NOTHING: Mapping[str, Json] = {"type": "null", "description": "Takes away what is inherited."}

GENERATE: Mapping[str, Json] = {
    "description": "Makes many documents from this one: by a count, for the entries of a list, or for hosts.",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "count": {
            "description": "How many, told apart by ${index}.",
            "anyOf": [{"type": "integer", "minimum": 0, "maximum": 10000}, PLACEHOLDER],
            "examples": [3],
        },
        "start": {
            "description": "The first ${index} of a count; 0 where nothing is said.",
            "anyOf": [{"type": "integer", "minimum": 0, "maximum": 10000}, PLACEHOLDER],
            "examples": [1],
        },
        "forEach": {
            "description": "One for each entry, which ${each} is, or ${each.name} a value in it.",
            "anyOf": [{"type": "array"}, PLACEHOLDER],
            "examples": [[{"name": "a"}, {"name": "b"}]],
        },
        "hosts": {
            "description": "One for each Host document that has all these labels.",
            "type": "object",
            "additionalProperties": False,
            "properties": {"labels": {"type": "object", "additionalProperties": {"type": "string"}}},
            "examples": [{"labels": {"role": "hv"}}],
        },
    },
    "oneOf": [{"required": [way]} for way in ("count", "forEach", "hosts")],
}
PATCH: Mapping[str, Json] = {
    "description": "Makes this a patch of the document with the same kind and name: merged over it, or removing it.",
    "enum": ["merge", "remove"],
}


def as_written(document: Mapping[str, Any]) -> dict[str, Json]:
    """The schema of a document of one kind as people write it, from that of the outcome."""
    properties = document["properties"]
    metadata = {name: _open(each) for name, each in properties["metadata"]["properties"].items()}
    return {
        **document,
        "required": [name for name in document["required"] if name != "spec"],
        "properties": {
            **properties,
            "metadata": {**properties["metadata"], "properties": metadata},
            "spec": _open(properties["spec"], partial=True),
            "generate": GENERATE,
            "patch": PATCH,
        },
    }


def _open(schema: Mapping[str, Any], *, partial: bool = False) -> dict[str, Json]:
    """A schema that accepts placeholders; a `partial` value may lack what it inherits, or take it away."""
    inner = _inner(schema, partial=partial)
    if schema.get("type") == "string" and not {"pattern", "enum", "const", "maxLength"} & schema.keys():
        branches: list[Json] = [inner]
    else:
        branches = [inner, PLACEHOLDER]
    if partial:
        branches.append(NOTHING)
    if len(branches) == 1:
        return inner
    about = {key: schema[key] for key in ("description", "examples", "writeOnly") if key in schema}
    return {"anyOf": branches, **about}


def _inner(schema: Mapping[str, Any], *, partial: bool) -> dict[str, Json]:
    found: dict[str, Json] = dict(schema)
    if "properties" in schema:
        found["properties"] = {name: _open(each, partial=partial) for name, each in schema["properties"].items()}
    if partial:
        found.pop("required", None)
    # What one field demands of another is judged when both are filled in.
    found.pop("dependentSchemas", None)
    if "items" in schema:
        found["items"] = _entry(schema["items"])
    if "anyOf" in schema:
        found["anyOf"] = [_inner(each, partial=partial) for each in schema["anyOf"]]
    return found


def _entry(items: Mapping[str, Any]) -> dict[str, Json]:
    """One entry of a list; one with a name may be a part of an inherited entry, or take it away."""
    if "anyOf" in items:
        return {**items, "anyOf": [_entry(each) for each in items["anyOf"]]}
    if "name" not in items.get("properties", {}):
        return _open(items)
    properties = {"name": items["properties"]["name"], "$remove": {"const": True}}
    gone = {"type": "object", "additionalProperties": False, "properties": properties, "required": [*properties]}
    return {"anyOf": [_inner(items, partial=True), PLACEHOLDER, gone]}
