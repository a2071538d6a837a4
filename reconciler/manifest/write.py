"""Documents as YAML text, in the order and style a person would write them."""

from __future__ import annotations

from collections.abc import Mapping

import yaml


class _Writer(yaml.SafeDumper):
    """Block style, lists indented, long texts as literal blocks."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(writer: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return writer.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Writer.add_representer(str, _text)


def write_document(kind: str, metadata: Mapping[str, object], body: Mapping[str, object]) -> str:
    """One document; equal input gives equal bytes."""
    document = {"apiVersion": "reconciler/v1", "kind": kind, "metadata": dict(metadata), "spec": dict(body)}
    return yaml.dump(document, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=120)
