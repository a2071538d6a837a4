"""Writes what is made from the program itself: `schemas/` and `docs/reference/`.

Run it after a field, an error number, a setting or an option has changed: `python docs/generate.py`
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import click
from costs import disruption
from coverage import page as coverage_page
from proofs import page as proofs_page
from tables import prose, table

from reconciler.app import schema
from reconciler.app.settings_keys import KEYS
from reconciler.catalogue import CATALOGUE, Entry
from reconciler.cli import topics
from reconciler.cli.main import VERBS, program
from reconciler.codecs import Codec, Json
from reconciler.fields import Field, Group, Items, Node
from reconciler.kind import Kind
from reconciler.kinds import KINDS
from reconciler.policy.places import TABLE
from reconciler.policy.words import LIMITS, WORDS, Word

ROOT = Path(__file__).parent.parent
NOTE = "<!-- Made by docs/generate.py; edit that, or what it reads. -->"
# Kinds that are on no host: what their fields cost is said where they are used.
NO_OBJECTS = ("Image", "Profile")
AREAS = {
    "R1": "Reading manifests",
    "R2": "One document",
    "R3": "Documents together",
    "R4": "What the host lacks",
    "R5": "Guards",
    "R6": "Hosts",
    "R7": "Ledger",
    "R8": "Command line and settings",
    "R9": "Bugs",
}


def main() -> None:
    """Write every file, and take away those that are made no longer."""
    for folder, made in (("schemas", schema.files()), ("docs/reference", pages())):
        directory = ROOT / folder
        directory.mkdir(exist_ok=True)
        for name, text in made.items():
            (directory / name).write_text(text, encoding="utf-8")
        for path in directory.glob("*.json" if folder == "schemas" else "*.md"):
            if path.name not in made:
                path.unlink()


def pages() -> dict[str, str]:
    """Every page of the reference: file name -> text."""
    made: dict[str, Iterable[str]] = {
        "README.md": contents(),
        "cli.md": command_line(),
        "coverage.md": coverage_page(KINDS, ROOT / "docs/reference/coverage.md"),
        "disruption.md": disruption(kind for kind in KINDS.values() if kind.name not in NO_OBJECTS),
        "errors.md": errors(),
        "proofs.md": proofs_page(
            (kind for kind in KINDS.values() if kind.name not in NO_OBJECTS), ROOT / "tests", ROOT
        ),
        "policy.md": policy(),
        "settings.md": settings(),
        **{f"{name.lower()}.md": kind_page(kind) for name, kind in KINDS.items()},
    }
    return {name: "\n".join([NOTE, "", *lines]).rstrip() + "\n" for name, lines in made.items()}


def contents() -> Iterator[str]:
    yield "# Reference"
    yield ""
    yield from (f"* [{name}]({name.lower()}.md): {schema.DESCRIPTIONS[name]}" for name in KINDS)
    yield "* [Command line](cli.md): verbs, options and exit codes."
    yield "* [What a change costs](disruption.md): which fields change live, and which need a restart."
    yield "* [What proves each rule](proofs.md): the tests that play it, and what cannot be seen without KVM."
    yield "* [What goes where](coverage.md): each element and attribute of libvirt's formats, and its field or `xml:`."
    yield "* [Errors](errors.md): every number, its meaning and its cure."
    yield "* [Policy](policy.md): the words of what manifests may not ask for, and which places they judge."
    yield "* [Settings](settings.md): the settings file and the environment."


# Errors


def errors() -> Iterator[str]:
    yield "# Errors"
    yield ""
    yield from prose("""
        `reconciler help R203` shows one of these in the terminal. The exit code follows from the family;
        where problems of several families meet, it is 1.""")
    area = ""
    for entry in CATALOGUE.values():
        if not entry.number.startswith(area or "-"):
            area = entry.number[:2]
            yield from ("", f"## {AREAS[area]}")
        yield from _error(entry)


def _error(entry: Entry) -> Iterator[str]:
    yield ""
    yield f'<a id="{entry.number.lower()}"></a>'
    yield ""
    yield f"### {entry.number}: {entry.title}"
    yield ""
    yield f"Cure: {entry.cure}"
    yield ""
    yield f"Family: {entry.family.name.lower()}. Exit code: {entry.family.value}."


# Policy


def policy() -> Iterator[str]:
    yield "# Policy"
    yield ""
    yield from prose("""
        The words of a policy, each a list of what is permitted ([how to write one](../how-to/policy.md),
        [what it is good for](../explanation/policy.md)). Without the word anything is permitted, or with
        `preset: guarded` what the last column has.""")
    yield ""
    rows = (
        (f"`{word.name}`", word.doc, ", ".join(f"`{each}`" for each in word.example), _guarded(word)) for word in WORDS
    )
    yield from table(("Word", "What it is a list of", "Example", "In `preset: guarded`"), rows)
    yield from ("", "## Limits", "")
    yield from table(("Limit", "Meaning"), ((f"`{name}`", doc) for name, doc in LIMITS.items()))
    yield from ("", "## Which word judges what", "")
    yield from prose("""
        The first row that fits a place counts; `*` stands for any text. A place that no row is for is judged by its
        value: a path by `paths` (by `sources` where it is no part of libvirt's XML), a URL by `urls`.""")
    yield ""
    rows = (
        (place.kind, f"`{place.shape}`", f"`{place.word}`" if place.word else f"free: {place.why}") for place in TABLE
    )
    yield from table(("Kind", "Place", "Word"), rows)


def _guarded(word: Word) -> str:
    if word.guarded is None:
        return "anything"
    return ", ".join(f"`{each}`" for each in word.guarded) or "nothing"


# Settings


def settings() -> Iterator[str]:
    yield "# Settings"
    yield ""
    yield from prose("""
        The settings file is the one that `--config` names; else `reconciler.yaml` in the directory of the
        desired state; else `reconciler.yaml` beside that directory, if its `source` is that directory; else
        `/etc/reconciler/config.yaml`. The command line wins over the environment, and that over the file.
        An unknown key is an error ([R802](errors.md#r802)).""")
    yield ""
    yield "```yaml"
    yield from (f"{key.name}: {key.example}" for key in KEYS)
    yield "```"
    yield ""
    yield from table(("Key", "Meaning", "Default"), ((f"`{key.name}`", key.doc, key.default) for key in KEYS))
    yield ""
    yield "## Environment"
    yield ""
    yield from table(
        ("Variable", "Meaning"),
        (
            ("`LIBVIRT_DEFAULT_URI`", "Host where no Host document says otherwise, as for virsh."),
            ("`NO_COLOR`", "No colour unless `--color always` asks for it."),
            ("`XDG_STATE_HOME`", "Where an ordinary user's state directory is; `~/.local/state` otherwise."),
            (
                "`XDG_CACHE_HOME`",
                "Where an ordinary user's cache is; `~/.cache` otherwise. Root's is `/var/cache/reconciler`.",
            ),
            (
                "`RECONCILER_CACHE_DIR`",
                "The cache's directory, whoever runs the program. It can be removed at any time.",
            ),
        ),
    )


# Command line


def command_line() -> Iterator[str]:
    root = click.Context(program, info_name="reconciler", **{**program.context_settings, "terminal_width": 98})
    yield "# Command line"
    yield ""
    yield from prose("""The answer goes to standard output, everything else to standard error. With `-o json` standard
        output is one JSON document: the answer, or `{"problems": […]}` where there is none (with `status --watch` it is
        one document a line).""")
    yield ""
    yield "## Exit codes"
    yield ""
    codes = {**topics.CODES, **{family.value: text for family, text in topics.FAMILIES.items()}}
    yield from table(("Code", "Meaning"), ((str(code), codes[code]) for code in sorted(codes)))
    yield ""
    yield from prose("""Ctrl-C during `apply` lets the current step end and stops; a second one stops at once. Either
        leaves a state that the next apply completes. SIGTERM does the same.""")
    yield from ("", "## reconciler", "", "```text", program.get_help(root), "```")
    for name in VERBS:
        command = program.get_command(root, name)
        assert command is not None
        with click.Context(command, info_name=name, parent=root, terminal_width=98) as context:
            yield from ("", f"## reconciler {name}", "", "```text", _own_help(command, context), "```")


def _own_help(command: click.Command, context: click.Context) -> str:
    """The help without the global options, which are shown once."""
    before, _, _ = command.get_help(context).partition("\nGlobal options, before or after the verb:")
    return before.rstrip()


# Fields


def kind_page(kind: Kind) -> Iterator[str]:
    yield f"# {kind.name}"
    yield ""
    yield schema.DESCRIPTIONS[kind.name]
    yield f"The schema for editors and other tools is [schemas/{kind.name}.json](../../schemas/{kind.name}.json);"
    yield "what a change of a field costs stands in [What a change costs](disruption.md)."
    for node in kind.fields:
        yield from ("", f"## {node.name}", "", node.doc)
        if node.example is not None:
            yield from ("", "```yaml", f"{node.name}: {_flow(node.example)}", "```")
        if isinstance(node, Field):
            yield from ("", f"{_type(node.codec)}{_remarks(node)}")
        else:
            yield ""
            yield from table(("Field", "Value", "Meaning", "Example"), _rows(node, node.name))


def _rows(node: Node, path: str) -> Iterator[Sequence[str]]:
    """A row for each field below a group or list."""
    if isinstance(node, Field):
        yield f"`{path}`", _type(node.codec), node.doc + _remarks(node), f"`{_flow(node.example)}`"
        return
    inner = path + ("[]" if isinstance(node, Items) else "")
    for child in node.fields:
        here = f"{inner}.{child.name}"
        if isinstance(child, Group) and child.plain:
            yield f"`{here}`", "text", child.doc, f"`{_flow(child.example)}`"
            continue
        if not isinstance(child, Field):
            yield f"`{here}`", "list" if isinstance(child, Items) else "mapping", child.doc, ""
        yield from _rows(child, here)


def _type(codec: Codec) -> str:
    """What may be written, in words."""
    if "enum" in codec.schema:
        words = codec.schema["enum"]
        assert isinstance(words, list)
        return ", ".join(f"`{word}`" for word in words)
    kind = str(codec.schema.get("type", "any value"))
    words = {"string": "text", "integer": "whole number", "boolean": "`true` or `false`", "array": "list"}.get(
        kind, kind
    )
    low, high = codec.schema.get("minimum"), codec.schema.get("maximum")
    span = (f" from {low}" if low is not None else "") + (f" to {high}" if high is not None else "")
    return f"{words}{span}" + (f" ({codec.unit})" if codec.unit else "")


def _remarks(node: Field) -> str:
    said = {
        "Required.": node.must,
        "Stays as it is when the line is removed.": node.keep,
        "Never shown or stored; may be [kept elsewhere](../how-to/secrets.md).": node.secret,
    }
    return "".join(f" {sentence}" for sentence, true in said.items() if true)


def _flow(value: Json) -> str:
    """A value as a person would write it on one line of YAML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    text = str(value)
    plain = isinstance(value, int | float) or not (
        set(text) & set("{}[],#&*!|>'\"%@`\n") or ": " in text or text[:1] in "-? "
    )
    return text if plain else json.dumps(text, ensure_ascii=False)


if __name__ == "__main__":
    main()
