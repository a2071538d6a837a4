"""The JSON Schema of a field table: the public contract of a kind's documents."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.codecs import Json
from reconciler.fields import Field, Group, Node, When


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


def _bound(when: When) -> dict[str, Json]:
    """What has to hold of an object for a field in it to mean something."""
    values = {name: {"enum": list(values)} for name, values in when if values}
    return {"properties": values, "required": [name for name, values in when if not values]}


def _node_schema(node: Node) -> dict[str, Json]:
    if isinstance(node, Field):
        about: dict[str, Json] = {"description": _sentence(node), "examples": [node.example]}
        if node.secret:
            about["writeOnly"] = True
        return {**node.codec.schema, **about}
    inner = schema(node.fields)
    about = {"description": node.doc, **({"examples": [node.example]} if node.example is not None else {})}
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


def _sentence(node: Field) -> str:
    return f"{node.doc} Unit: {node.codec.unit}." if node.codec.unit else node.doc
