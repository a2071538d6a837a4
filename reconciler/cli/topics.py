"""The help topics: exit codes, settings and error numbers."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping

from reconciler.catalogue import CATALOGUE, Entry, Family

CODES: Mapping[int, str] = {
    0: "done, or nothing to do",
    2: "`plan --detailed-exitcode` only: there are changes",
}
FAMILIES: Mapping[Family, str] = {
    Family.FAILED: "failed; or problems of several families at once",
    Family.USAGE: "the command line or the settings are wrong",
    Family.MANIFEST: "the manifests are wrong",
    Family.UNREACHABLE: "a host cannot be reached",
    Family.REFUSED: "refused by a guard, a missing permission or a missing approval",
    Family.BUSY: "busy, interrupted or overtaken: try again",
    Family.DENIED: "not allowed by libvirt or the system",
}
WIDTH = 98


def exit_codes() -> str:
    """What each exit code means."""
    meanings = {**CODES, **{family.value: text for family, text in FAMILIES.items()}}
    return "\n".join(f"{code:>3}  {meaning}" for code, meaning in sorted(meanings.items()))


def settings() -> str:
    """Where the settings file is looked for, and its keys."""
    from reconciler.app.settings_file import SYSTEM
    from reconciler.app.settings_keys import KEYS, NAME

    where = (
        f"The settings file is the one that --config names, else {NAME} in the directory of the desired state, "
        f"else {NAME} beside it if its source is that directory, else {SYSTEM}. "
        "The command line wins over the environment, that over the file."
    )
    keys = [f"{key.name}: {key.example}\n{_indented(key.doc)}\n{_indented(f'Default: {key.default}.')}" for key in KEYS]
    return "\n\n".join([textwrap.fill(where, WIDTH), *keys])


def _indented(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent="    ")


def errors() -> str:
    """Every error number with its meaning."""
    return "\n".join(f"{entry.number}  {entry.title}" for entry in CATALOGUE.values())


def error(entry: Entry) -> str:
    """One error number: meaning, cure, exit code."""
    family = entry.family
    return f"{entry.number}: {entry.title}\n\nCure: {entry.cure}\nExit code: {family.value} ({FAMILIES[family]})"


TOPICS: Mapping[str, Callable[[], str]] = {"exit-codes": exit_codes, "settings": settings, "errors": errors}


def topic(name: str) -> str | None:
    """The text of a topic or an error number; None for what is neither."""
    if name in TOPICS:
        return TOPICS[name]()
    entry = CATALOGUE.get(name.upper())
    return None if entry is None else error(entry)
