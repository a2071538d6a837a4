"""What only the machine's operator may grant, and how the settings file says it.

The settings file beside the manifests is written by whoever may commit them. What would let them reach beyond their
manifests counts only from a settings file that is not in the desired state's own tree, or that --config names.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reconciler.model.secrets import Grants


def may_grant(file: Path, directory: Path, *, named: bool) -> bool:
    """Whether this settings file may grant anything to the manifests in `directory`; `named` is by --config."""
    return named or not file.resolve().is_relative_to(tree_of(directory))


def tree_of(directory: Path) -> Path:
    """All that those who commit manifests can write: the git work tree around the directory, else the directory."""
    real = directory.resolve()
    return next((above for above in (real, *real.parents) if (above / ".git").exists()), real)


def read_grants(value: object) -> Grants:
    """The value of the setting `secrets`. Raises ValueError."""
    if not isinstance(value, Mapping):
        raise ValueError("wants a mapping of commands, files, env and ageKeyFile")
    unknown = sorted(set(map(str, value)) - {"commands", "files", "env", "ageKeyFile"})
    if unknown:
        raise ValueError(f"there is no {unknown[0]!r}; known are commands, files, env and ageKeyFile")
    file = value.get("ageKeyFile", "")
    return Grants(
        commands=tuple(_command(each) for each in _list(value, "commands")),
        files=tuple(_absolute(each, "files") for each in _list(value, "files")),
        env=tuple(_text(each, "env") for each in _list(value, "env")),
        age_key_file=_absolute(file, "ageKeyFile") if file != "" else "",
    )


def _list(value: Mapping[object, object], name: str) -> list[object]:
    found = value.get(name, [])
    if not isinstance(found, list):
        raise ValueError(f"{name} wants a list")
    return found


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} wants texts")
    return value


def _command(value: object) -> tuple[str, ...]:
    """A program, or the beginning of a command line."""
    if isinstance(value, list) and value:
        return tuple(_text(each, "commands") for each in value)
    return (_text(value, "commands"),)


def _absolute(value: object, name: str) -> str:
    path = Path(_text(value, name)).expanduser()
    if not path.is_absolute():
        raise ValueError(f"{name} wants absolute paths")
    return str(path)
