"""How the ledger spells what it keeps: file names, the inventory and the applied fields, as text and back.

Every text is one line per fact in a fixed order, so that `git diff` between two commits reads as what happened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import quote, unquote

from reconciler.model.documents import Deletion
from reconciler.model.inventory import Applied, Crashes, Inventory, Owned, Suspension
from reconciler.model.refs import Ref

FORMAT_VERSION = 1

# YAML 1.2, 5.1: these may not stand in a text as they are. JSON would let them.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_QUOTE: Callable[[str], str] = json.encoder.encode_basestring


def encode_name(name: str) -> str:
    """The name as one part of a path that no system reads as anything else: no "/", never ".git" or "..".

    Letters, digits and `_ + -` stay, and a "." that is not the first; all else is percent-encoded UTF-8.
    """
    coded = quote(name, safe="+").replace("~", "%7E")
    return f"%2E{coded[1:]}" if coded.startswith(".") else coded


def decode_name(coded: str) -> str:
    """The name that `encode_name` was given."""
    return unquote(coded, errors="strict")


def path_of(folder: str, ref: Ref, suffix: str) -> str:
    """Where a resource's file lies: `domains/web-1.xml`, `volumes/default/web-1-data.xml`.

    A directory's name has no "." left, so that none is ever called as a file is; an empty one is written "%".
    """
    *above, name = map(encode_name, ref.name.split("/"))
    return "/".join([folder, *(part.replace(".", "%2E") or "%" for part in above), f"{name}.{suffix}"])


def branch_of(host: str) -> str:
    """The branch that holds the history of a host: `hosts/hv1.example.org` (git-check-ref-format(1))."""
    coded = encode_name(host)
    if ".." in coded or coded.endswith((".", ".lock")):
        coded = coded.replace(".", "%2E")
    return f"hosts/{coded}"


def write_inventory(inventory: Inventory) -> str:
    """`inventory.json`: one line for each object, by Ref, and one for each that is left alone."""
    objects = [_write_owned(inventory.objects[ref]) for ref in sorted(inventory.objects)]
    suspended = [_write_suspension(ref, each) for ref, each in sorted(inventory.suspended.items())]
    head = f'{{"formatVersion": {FORMAT_VERSION}, "host": {_QUOTE(inventory.host)}, "objects": {_lines(objects)}'
    return f'{head}, "suspended": {_lines(suspended)}}}\n' if suspended else f"{head}}}\n"


def _lines(rows: list[str]) -> str:
    """A JSON list with a line for each of its members."""
    listed = ",\n".join(rows)
    return f"[\n{listed}\n]" if rows else "[]"


def _write_suspension(ref: Ref, suspension: Suspension) -> str:
    return json.dumps({"ref": str(ref), **asdict(suspension)}, ensure_ascii=False)


def _write_owned(owned: Owned) -> str:
    """One object; what is at its default is left out."""
    protect = ', "protect": true' if owned.protect else ""
    deletion = "" if owned.deletion is Deletion.RETAIN else f', "deletion": {_QUOTE(owned.deletion.value)}'
    intended = ', "intended": true' if owned.intended else ""
    unhealthy = f', "unhealthy": {_QUOTE(owned.unhealthy)}' if owned.unhealthy else ""
    crashes = "" if owned.crashes is None else f', "crashes": {json.dumps(asdict(owned.crashes))}'
    return (
        f'{{"ref": {_QUOTE(f"{owned.ref.kind}/{owned.ref.name}")}, "uuid": {_QUOTE(owned.uuid)}, '
        f'"digest": {_QUOTE(owned.digest)}, "owner": {_QUOTE(owned.owner)}'
        f"{protect}{deletion}{intended}{unhealthy}{crashes}}}"
    )


def read_inventory(text: str) -> Inventory:
    """The inventory in a text. Raises ValueError where it is none, or of a newer format."""
    try:
        body = json.loads(text)
        _check_version(body["formatVersion"])
        owned = [_read_owned(row) for row in body["objects"]]
        suspended = dict(_read_suspension(**row) for row in body.get("suspended", ()))
        return Inventory(host=body["host"], objects={each.ref: each for each in owned}, suspended=suspended)
    except (KeyError, TypeError) as error:
        raise ValueError(f"it is no inventory ({error!r})") from error


def _read_suspension(ref: str, **more: str) -> tuple[Ref, Suspension]:
    return _read_ref(ref), Suspension(**more)


def _read_ref(text: str) -> Ref:
    kind, _, name = text.partition("/")
    return Ref(kind, name)


def _read_owned(row: Mapping[str, Any]) -> Owned:
    return Owned(
        ref=_read_ref(row["ref"]),
        uuid=row["uuid"],
        digest=row["digest"],
        owner=row["owner"],
        protect=bool(row.get("protect", False)),
        deletion=Deletion(row.get("deletion", Deletion.RETAIN.value)),
        intended=bool(row.get("intended", False)),
        unhealthy=row.get("unhealthy", ""),
        crashes=Crashes(**row["crashes"]) if "crashes" in row else None,
    )


def _check_version(found: object) -> None:
    if found != FORMAT_VERSION:
        raise ValueError(f"its format is {found}, and this program knows {FORMAT_VERSION} only")


def write_applied(applied: Applied) -> str:
    """`applied/…/name.yaml`: YAML for people, whose every value is also JSON, so that reading it needs no YAML."""
    lines = [
        f"formatVersion: {FORMAT_VERSION}",
        *_write_claims(applied),
        *_write_settled(applied),
        *_write_leaving(applied),
        *_write_origin(applied),
    ]
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", "\n".join(lines) + "\n")


def _write_claims(applied: Applied) -> Iterator[str]:
    if not applied.claims:
        return
    yield "claims:"
    for address, value in sorted(applied.claims.items()):
        yield f"  {_QUOTE(address)}: {'null' if value is None else _QUOTE(value)}"


def _write_settled(applied: Applied) -> Iterator[str]:
    if not applied.settled:
        return
    yield "settled:"
    for address, (asked, made) in sorted(applied.settled.items()):
        yield f'  {_QUOTE(address)}: {{"asked": {_QUOTE(asked)}, "made": {_QUOTE(made)}}}'


def _write_leaving(applied: Applied) -> Iterator[str]:
    if not applied.leaving:
        return
    yield "leaving:"
    for address in sorted(applied.leaving):
        yield f"  {_QUOTE(address)}: null"


def _write_origin(applied: Applied) -> Iterator[str]:
    if not applied.origin:
        return
    yield "origin:"
    for address, value in sorted(applied.origin.items()):
        yield f"  {_QUOTE(address)}: {_QUOTE(value)}"


def read_applied(text: str) -> Applied:
    """The applied fields in a text that `write_applied` wrote. Raises ValueError where it is none."""
    sections = _sections(text)
    try:
        _check_version(json.loads(sections.pop("formatVersion", "null")))
        claims = json.loads("{" + sections.get("claims", "") + "}")
        settled = json.loads("{" + sections.get("settled", "") + "}")
        leaving = json.loads("{" + sections.get("leaving", "") + "}")
        origin = json.loads("{" + sections.get("origin", "") + "}")
        return Applied(
            claims=claims,
            settled={key: (pair["asked"], pair["made"]) for key, pair in settled.items()},
            leaving=tuple(leaving),
            origin=origin,
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"it holds no applied fields ({error!r})") from error


def _sections(text: str) -> dict[str, str]:
    """The top-level keys; the lines below one are joined by commas, which makes them the members of a JSON object."""
    sections: dict[str, str] = {}
    for block in re.split(r"^(?=\w)", text, flags=re.MULTILINE):
        key, _, rest = block.partition(":")
        sections[key] = rest.strip("\n ").replace("\n", ",")
    return sections
