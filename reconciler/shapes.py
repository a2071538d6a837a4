"""The JSON Schema of a field table: the public contract of a kind's documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.codecs import Json
from reconciler.fields import Field, Group, Node, When
from reconciler.model.secrets import SOURCES


def schema(nodes: Iterable[Node]) -> dict[str, Json]:
    """The JSON Schema of an object with these fields."""
    listed = tuple(nodes)
    result: dict[str, Json] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {node.name: _node_schema(node) for node in listed},
    }
    must = [node.name for node in listed if isinstance(node, Field) and node.must]
    bound = {node.name: _bound(node.when) for node in listed if node.when}
    if must:
        result["required"] = must
    if bound:
        result["dependentSchemas"] = bound
    return result


def _field_schema(node: Field) -> dict[str, Json]:
    about: dict[str, Json] = {"description": _sentence(node), "examples": [node.example]}
    if not node.secret:
        return {**node.codec.schema, **about}
    # Wherever an error is found, nothing of what was written there is shown.
    either: list[dict[str, Json]] = [{**each, "writeOnly": True} for each in (node.codec.schema, REFERENCE)]
    return {"anyOf": either, **about, "writeOnly": True}


def _bound(when: When) -> dict[str, Json]:
    """What has to hold of an object for a field in it to mean something."""
    values = {name: {"enum": list(values)} for name, values in when if values}
    return {"properties": values, "required": [name for name, values in when if not values]}


def _node_schema(node: Node) -> dict[str, Json]:
    if isinstance(node, Field):
        return _field_schema(node)
    inner = schema(node.fields)
    about: dict[str, Json] = {
        "description": node.doc,
        **({"examples": [node.example]} if node.example is not None else {}),
    }
    if isinstance(node, Group):
        if not node.short:
            return {**inner, **about}
        if node.plain:
            return {**node.fields[0].codec.schema, **about} if isinstance(node.fields[0], Field) else about
        plain = next(child for child in node.fields if child.name == node.short[0])
        return {"anyOf": [_node_schema(plain), inner], **about}
    if node.short:
        plain = next(child for child in node.fields if child.name == node.short)
        return {"type": "array", "items": {"anyOf": [_node_schema(plain), inner]}, **about}
    return {"type": "array", "items": inner, **about}


_PATH: Mapping[str, Json] = {"type": "string", "minLength": 1, "writeOnly": True}
# Where a secret value is kept, in place of the value (`model.secrets.Reference`).
REFERENCE: Mapping[str, Json] = {
    "type": "object",
    "description": "Where the value is kept: one of file, env, command, sops with key, age.",
    "additionalProperties": False,
    "properties": {
        "file": {**_PATH, "description": "A file on the machine where reconciler runs.", "examples": ["/run/keys/vnc"]},
        "env": {**_PATH, "description": "A variable of reconciler's environment.", "examples": ["VNC_PASSWORD"]},
        "command": {
            "type": "array",
            "minItems": 1,
            "items": _PATH,
            "writeOnly": True,
            "description": "A program and its arguments, run without a shell; it prints the value.",
            "examples": [["pass", "show", "vnc/web-1"]],
        },
        "sops": {
            **_PATH,
            "description": "A file of the repository that SOPS has encrypted, by its path from the top.",
            "examples": ["secrets/prod.yaml"],
        },
        "key": {**_PATH, "description": "Where the value is in that file.", "examples": ["vnc.web-1"]},
        "age": {
            **_PATH,
            "description": "A file of the repository that age has encrypted.",
            "examples": ["secrets/vnc.age"],
        },
        "encoding": {
            "enum": ["base64"],
            "writeOnly": True,
            "description": "How the source spells the bytes.",
            "examples": ["base64"],
        },
    },
    "oneOf": [{"required": [source]} for source in SOURCES],
    "dependentRequired": {"sops": ["key"], "key": ["sops"]},
}


def _sentence(node: Field) -> str:
    return f"{node.doc} Unit: {node.codec.unit}." if node.codec.unit else node.doc
