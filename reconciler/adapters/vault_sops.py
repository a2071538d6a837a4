"""SOPS files: values encrypted one by one, with a code over all of them that tells whether anybody changed one.

The format is that of getsops.io (encryption protocol, message authentication code): AES-256-GCM with a key of the
file, each value bound to its path, and the file's key encrypted for age recipients. Other kinds of keys are not
followed: they would make this program call services that a manifest names.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from reconciler.adapters import vault_age
from reconciler.errors import ReconcilerError, trouble

BLOCK = "sops"
Identities = Callable[[], Sequence[object]]
_SEALED = re.compile(r"ENC\[AES256_GCM,data:(.+),iv:(.+),tag:(.+),type:(str|int|float|bool|bytes)\]", re.DOTALL)
# What the code begins with where it covers encrypted values only.
_ONLY_ENCRYPTED = hashlib.sha256(b"sops").digest()


class Digest(Protocol):
    def update(self, content: bytes, /) -> None: ...


@dataclass(frozen=True, slots=True)
class _Opening:
    """One file being opened: its key, the code over what was read so far, and what that covers."""

    file: str
    key: bytes
    code: Digest
    only_encrypted: bool


def decrypt(documents: Sequence[object], file: str, identities: Identities) -> list[object]:
    """The documents of a file without SOPS's block, every value in the clear. Raises R120, R121."""
    block = next((each[BLOCK] for each in documents if isinstance(each, Mapping) and BLOCK in each), None)
    if not isinstance(block, Mapping):
        raise trouble("R121", "there is no sops block; encrypt the file with sops", file)
    code = hashlib.sha512()
    only = str(block.get("mac_only_encrypted", "false")).lower() == "true"
    if only:
        code.update(_ONLY_ENCRYPTED)
    opening = _Opening(file, _data_key(block, file, identities), code, only)
    found = [_document(each, opening) for each in documents]
    _check(block, opening, code.hexdigest().upper())
    return found


def _document(document: object, opening: _Opening) -> object:
    if not isinstance(document, Mapping):
        raise trouble("R121", "an encrypted document is a mapping", opening.file)
    plain = {name: value for name, value in document.items() if name != BLOCK}
    return _walk(plain, (), opening)


def _walk(value: object, path: tuple[str, ...], opening: _Opening) -> object:
    """The value in the clear, in the order of the file; entries of a list have the list's path."""
    if isinstance(value, Mapping):
        return {name: _walk(inner, (*path, str(name)), opening) for name, inner in value.items()}
    if isinstance(value, list):
        return [_walk(inner, path, opening) for inner in value]
    found = _SEALED.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        if not opening.only_encrypted and value is not None:
            opening.code.update(spelled(value))
        return value
    content = _open(found, opening.key, f"{':'.join(path)}:", opening.file)
    plain = _typed(content, found[4], opening.file)
    opening.code.update(content)
    return plain


def spelled(value: object) -> bytes:
    """A plain value as SOPS counts it in its code."""
    if isinstance(value, bool):
        return b"True" if value else b"False"
    if isinstance(value, float):
        return _shortest(value)
    return str(value).encode("utf-8", "surrogateescape")


def _shortest(value: float) -> bytes:
    """The fewest digits that mean this number, without an exponent (Go: FormatFloat(x, 'f', -1, 64))."""
    from decimal import Decimal

    return format(Decimal(repr(value)), "f").removesuffix(".0").encode()


def _open(found: re.Match[str], key: bytes, about: str, file: str) -> bytes:
    """One encrypted value. Raises R121 for what is no such value, R120 for one that was changed or moved."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        data, nonce, tag = (base64.b64decode(found[part], validate=True) for part in (1, 2, 3))
        return AESGCM(key).decrypt(nonce, data + tag, about.encode())
    except (binascii.Error, ValueError):
        raise trouble("R121", f"the encrypted value {about.rstrip(':')} is damaged", file) from None
    except InvalidTag:
        message = f"the encrypted value {about.rstrip(':')} was changed or moved by hand; edit the file with sops"
        raise trouble("R120", message, file) from None


def _typed(content: bytes, kind: str, file: str) -> object:
    try:
        match kind:
            case "int":
                return int(content)
            case "float":
                return float(content)
            case "bool":
                return content.lower() == b"true"
            case _:
                return content.decode()
    except ValueError:
        raise trouble("R121", f"an encrypted value is no {kind}", file) from None


def _data_key(block: Mapping[str, Any], file: str, identities: Identities) -> bytes:
    """The file's own key, by the first age recipient whose identity is here."""
    groups = block.get("key_groups") or [block]
    if len(groups) != 1 or not isinstance(groups[0], Mapping):
        raise trouble("R121", "the file's key is split over several key groups; use one", file)
    recipients = groups[0].get("age") or []
    if not isinstance(recipients, list) or not all(isinstance(each, Mapping) for each in recipients) or not recipients:
        raise trouble("R121", "the file is encrypted for no age recipient; add one with sops", file)
    known, refusal = identities(), None
    for each in recipients:
        try:
            key = vault_age.decrypt(str(each.get("enc", "")).encode(), file, known)
        except ReconcilerError as error:
            refusal = error
            continue
        if len(key) != 32:
            raise trouble("R121", "the file's key has not 32 bytes", file)
        return key
    assert refusal is not None
    raise refusal


def _check(block: Mapping[str, Any], opening: _Opening, code: str) -> None:
    """Raises R120 where anybody changed, added or removed a value without SOPS."""
    found = _SEALED.fullmatch(str(block.get("mac", "")))
    if found is None:
        raise trouble(
            "R121", "the sops block has no mac, so nobody can tell whether the file was changed", opening.file
        )
    said = _open(found, opening.key, str(block.get("lastmodified", "")), opening.file)
    if not hmac.compare_digest(said, code.encode()):
        message = "a value was changed, added or removed by hand; edit the file with sops"
        raise trouble("R120", message, opening.file)
