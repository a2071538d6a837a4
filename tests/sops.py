"""What `sops encrypt` makes, for tests: the format of getsops.io, written a second time and the other way round."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence

import pyrage
import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MODIFIED = "2026-11-25T08:00:00Z"


def identity() -> tuple[str, str]:
    """A new age identity and its recipient."""
    made = pyrage.x25519.Identity.generate()
    return str(made), str(made.to_public())


def encrypt(
    documents: Sequence[Mapping[str, object]], recipient: str, only: Sequence[str] = (), *, mac_only: bool = False
) -> str:
    """The YAML of documents whose values are encrypted: all, or those under the keys in `only`."""
    key = os.urandom(32)
    code = hashlib.sha512(hashlib.sha256(b"sops").digest() if mac_only else b"")

    def walk(value: object, path: tuple[str, ...]) -> object:
        if isinstance(value, Mapping):
            return {name: walk(inner, (*path, name)) for name, inner in value.items()}
        if isinstance(value, list):
            return [walk(inner, path) for inner in value]
        if value is None or value == "":
            return value
        hidden = not only or bool(set(only) & set(path))
        if hidden or not mac_only:
            code.update(_plain(value))
        return _seal(value, ":".join(path) + ":", key) if hidden else value

    found = [walk(document, ()) for document in documents]
    enc = pyrage.encrypt(key, [pyrage.x25519.Recipient.from_str(recipient)], armored=True).decode()
    block = {
        "age": [{"recipient": recipient, "enc": enc}],
        "lastmodified": MODIFIED,
        "mac": _seal(code.hexdigest().upper(), MODIFIED, key),
        "version": "3.9.4",
        **({"mac_only_encrypted": True} if mac_only else {}),
    }
    return "---\n".join(yaml.safe_dump({**each, "sops": block}, sort_keys=False) for each in found)


def encrypt_json(document: Mapping[str, object], recipient: str) -> str:
    return json.dumps(yaml.safe_load(encrypt([document], recipient)), indent="\t")


def _plain(value: object) -> bytes:
    return str(value).encode()


def _seal(value: object, about: str, key: bytes) -> str:
    nonce = os.urandom(32)
    sealed = AESGCM(key).encrypt(nonce, _plain(value), about.encode())
    data, iv, tag = (base64.b64encode(part).decode() for part in (sealed[:-16], nonce, sealed[-16:]))
    return f"ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:{type(value).__name__}]"
