"""Documents that SOPS has encrypted, in the clear: only where what they say is kept secret from then on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.errors import ManifestError, Problem, ReconcilerError, trouble
from reconciler.manifest.check import label
from reconciler.manifest.load import Loaded, Path

# From the documents of an encrypted file to those in the clear; see `ports.Vault.opened`.
Opened = Callable[[Sequence[object], str], Sequence[object]]
# Whether the value at a path in a document of a kind is kept secret wherever it goes.
Secretive = Callable[[str, Path], bool]
BLOCK = "sops"
# Without these nobody can tell what a document is.
_HEAD: tuple[Path, ...] = (("apiVersion",), ("kind",))
# So many values are named in one message.
_NAMED = 3
_CURE = "encrypt the fields alone that are secrets: sops encrypt --encrypted-regex '^(value|password)$'"


def no_key(documents: Sequence[object], file: str) -> Sequence[object]:
    """For whom has nothing that opens encrypted files. Raises R120."""
    raise trouble("R120", "the file is encrypted, and there is nothing here to open it with", file)


def nothing_secret(kind: str, path: Path) -> bool:
    """For whom no field keeps a secret."""
    return False


def in_the_clear(loaded: Sequence[Loaded], file: str, opened: Opened, secretive: Secretive) -> list[Loaded]:
    """The documents of an encrypted file, each value where it was.

    Raises R120, R121; ManifestError R122, one for each document, where an encrypted value would not be kept secret.
    """
    try:
        values = opened([each.value for each in loaded], file)
    except ReconcilerError as error:
        raise ManifestError([replace(each, where=f"{file}:1:1") for each in error.problems]) from error
    clear = [replace(each, value=value, private=True) for each, value in zip(loaded, values, strict=True)]
    problems = [_loose(each.value, found, file, secretive) for each, found in zip(loaded, clear, strict=True)]
    # Whatever else there is to say of such a file could tell what is in it.
    if any(problems):
        raise ManifestError([problem for problem in problems if problem])
    return clear


def _loose(written: object, clear: Loaded, file: str, secretive: Secretive) -> Problem | None:
    """What is wrong with a document whose encrypted values would not all be kept secret."""
    paths = list(_encrypted(written, clear.value, ()))
    if any(path in _HEAD for path in paths):
        return Problem("R122", f"the whole document is encrypted, its kind too; {_CURE}", _place(clear, (), file))
    kind = str(written.get("kind")) if isinstance(written, Mapping) else ""
    loose = [path for path in paths if not secretive(kind, path)]
    if not loose:
        return None
    names = ", ".join(map(label, loose[:_NAMED])) + (f" and {len(loose) - _NAMED} more" if loose[_NAMED:] else "")
    verb = "is" if len(loose) == 1 else "are"
    message = f"{names} {verb} encrypted, and would not be kept secret; {_CURE}"
    return Problem("R122", message, _place(clear, loose[0], file))


def _encrypted(written: object, clear: object, path: Path) -> Iterator[Path]:
    """The values that are something else in the clear than in the file."""
    if isinstance(written, Mapping) and isinstance(clear, Mapping):
        for name, value in clear.items():
            yield from _encrypted(written[name], value, (*path, name))
    elif isinstance(written, list) and isinstance(clear, list):
        for step, (before, after) in enumerate(zip(written, clear, strict=True)):
            yield from _encrypted(before, after, (*path, step))
    elif written != clear:
        yield path


def _place(loaded: Loaded, path: Path, file: str) -> str:
    line, column = loaded.places[path]
    return f"{file}:{line}:{column}"
