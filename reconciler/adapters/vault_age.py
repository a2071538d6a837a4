"""age: which identities there are, and what they open (age-encryption.org/v1, by pyrage)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reconciler.errors import trouble

# Where SOPS looks for identities, so that whoever uses it has nothing to set up.
KEY, KEY_FILE = "SOPS_AGE_KEY", "SOPS_AGE_KEY_FILE"


def identities(file: str, environment: Mapping[str, str]) -> Sequence[object]:
    """Every age identity: from the `file` of the settings, and from where SOPS takes them. Raises R120."""
    files = [Path(name) for name in (file, environment.get(KEY_FILE, "")) if name]
    usual = _usual(environment)
    if not files and KEY not in environment and usual.is_file():
        files = [usual]
    texts = [(KEY, environment[KEY])] if KEY in environment else []
    texts += [(str(path), _text(path)) for path in files]
    return [identity for place, text in texts for identity in _identities(text, place)]


def _usual(environment: Mapping[str, str]) -> Path:
    base = environment.get("XDG_CONFIG_HOME") or f"{environment.get('HOME', '/')}/.config"
    return Path(base) / "sops/age/keys.txt"


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror or "") if isinstance(error, OSError) else "it is no text"
        raise trouble("R120", f"the file of age keys cannot be read: {why}", str(path)) from None


def _identities(text: str, place: str) -> list[object]:
    from pyrage import IdentityError, x25519

    lines = (line.strip() for line in text.splitlines())
    found: list[object] = []
    for line in lines:
        if not line or line.startswith("#"):
            continue
        try:
            found.append(x25519.Identity.from_str(line))
        except IdentityError:
            # pyrage's message may quote the line, which is a key; nothing of it is passed on.
            raise trouble("R120", "the file of age keys has a line that is no age identity", place) from None
    return found


def decrypt(content: bytes, file: str, known: Sequence[object]) -> bytes:
    """The content of an age file, binary or armored. Raises R120."""
    import pyrage

    # pyrage has the types of its identities in no stub.
    keys: Any = list(known)
    if not keys:
        raise trouble("R120", f"there is no age key to open it with; set {KEY_FILE}", file)
    try:
        return bytes(pyrage.decrypt(content, keys))
    except pyrage.DecryptError:
        raise trouble("R120", "none of the age keys here opens it, or it is no age file", file) from None
