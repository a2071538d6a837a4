"""What a machine finds at its first boot, as bytes: a NoCloud ISO for cloud-init, a configuration for Ignition.

Equal input gives equal bytes, whoever builds it, wherever and whenever.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator, Mapping
from hashlib import sha256

from reconciler.codecs import Json
from reconciler.model.secrets import SOURCES, is_reference, reference_of

_HEADERS = {"user-data": "#cloud-config\n"}
LABEL = "cidata"
SECTOR = 2048
# Where volume descriptors begin, what they say they are, and where their dates and their root directory stand
# (ECMA-119, 6.2.1 and 8.4).
_FIRST_DESCRIPTOR, _LAST = 16, 255
_WITH_DIRECTORY = (1, 2)
_VOLUME_DATES = (813, 830, 864)
_ROOT = 156
# The first moment of the year 2000 in both of the standard's spellings (8.4.26.1 and 9.1.5).
_LONG_DATE = b"2000010100000000\0"
_SHORT_DATE = bytes((100, 1, 1, 0, 0, 0, 0))


def referring(value: Json) -> Json:
    """The content with the text of a reference in place of each mapping that says where a secret value is kept."""
    if isinstance(value, Mapping):
        if is_reference_to(value):
            return reference_of(value).text
        return {key: referring(inner) for key, inner in value.items()}
    return [referring(inner) for inner in value] if isinstance(value, list) else value


def is_reference_to(value: Json) -> bool:
    """Whether a mapping says where a secret value is kept: `{env: TOKEN}`, `{sops: secrets.yaml, key: web.token}`."""
    if not isinstance(value, Mapping) or len([name for name in SOURCES if name in value]) != 1:
        return False
    return not set(value) - {*SOURCES, "key", "encoding"} and ("key" in value) == ("sops" in value)


def references(value: Json) -> Iterator[str]:
    """The texts of the references in a content."""
    if isinstance(value, str) and is_reference(value):
        yield value
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from references(inner)


def name_of(reference: str) -> str:
    """What a reference is called where its value travels beside the content."""
    return f"secret {sha256(reference.encode()).hexdigest()[:16]}"


def filled(value: Json, secrets: Mapping[str, str]) -> Json:
    """The content with values in place of references."""
    if isinstance(value, str):
        return secrets[name_of(value)] if is_reference(value) else value
    if isinstance(value, Mapping):
        return {key: filled(inner, secrets) for key, inner in value.items()}
    return [filled(inner, secrets) for inner in value] if isinstance(value, list) else value


def built(name: str, files: Mapping[str, Json]) -> bytes:
    """The content of a seed by its volume's name: an image for `.iso`, else its only file, as JSON unless a text."""
    if name.endswith(".iso"):
        return iso({file: text_of(value, header=_HEADERS.get(file, "")) for file, value in files.items()})
    (value,) = files.values()
    return (value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def text_of(value: Json, *, header: str = "") -> str:
    """What a guest is given to read: text as it is, anything else as YAML in the order it was written."""
    if isinstance(value, str):
        return value
    import yaml  # Only an apply that makes a seed writes one.

    said = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=False, width=1 << 20)
    return f"{header}{said}"


def parsed(text: str) -> tuple[Json, str]:
    """What a text says in YAML, and why it says nothing: `is not valid YAML at line 3: …`."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, Loader=loader), ""
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return None, f"is not valid YAML at its line {line}: {error.problem}"
    except yaml.YAMLError:
        return None, "is not valid YAML"


def iso(files: Mapping[str, str]) -> bytes:
    """An ISO 9660 image with these files in its root, with Joliet and Rock Ridge names, labelled `cidata`."""
    import pycdlib

    image = pycdlib.PyCdlib()
    image.new(
        interchange_level=3, vol_ident=LABEL, joliet=3, rock_ridge="1.09", sys_ident="LINUX", app_ident_str="RECONCILER"
    )
    for name in sorted(files):
        data = files[name].encode()
        plain = name.replace("-", "").upper()[:8]
        image.add_fp(
            io.BytesIO(data),
            len(data),
            f"/{plain}.;1",
            rr_name=name,
            joliet_path=f"/{name}",
            file_mode=0o100444,
        )
    written = io.BytesIO()
    image.write_fp(written)
    image.close()
    return _timeless(written.getvalue())


def _timeless(image: bytes) -> bytes:
    """The image with every moment in it set to one and the same: the library takes the clock's, in local time."""
    found = bytearray(image)
    for at in _descriptors(found):
        for date in _VOLUME_DATES:
            found[at + date : at + date + len(_LONG_DATE)] = _LONG_DATE
        extent, length = struct.unpack_from("<I4xI", found, at + _ROOT + 2)
        for record in (at + _ROOT, *_records(found, extent * SECTOR, length)):
            for moment in _moments(found, record):
                found[moment : moment + len(_SHORT_DATE)] = _SHORT_DATE
    return bytes(found)


def _descriptors(image: bytearray) -> Iterator[int]:
    at = _FIRST_DESCRIPTOR * SECTOR
    while image[at] != _LAST:
        if image[at] in _WITH_DIRECTORY:
            yield at
        at += SECTOR


def _records(image: bytearray, start: int, length: int) -> Iterator[int]:
    """Where the records of a directory begin (9.1); none reaches over the end of a sector."""
    at = start
    while at < start + length:
        if image[at]:
            yield at
            at += image[at]
        else:
            at += SECTOR - at % SECTOR


def _moments(image: bytearray, record: int) -> Iterator[int]:
    """Where the dates of a record are: its own, and those of its Rock Ridge time stamps (RRIP 4.1.6)."""
    yield record + 18
    end = record + image[record]
    at = record + 33 + image[record + 32]
    at += (at - record) % 2
    while at + 4 <= end and image[at + 2] >= 4:
        if image[at : at + 2] == b"TF":
            yield from range(at + 5, at + image[at + 2], len(_SHORT_DATE))
        at += image[at + 2]
