"""Amounts of memory and time as people write them (`2GiB`, `5m`) and as whole bytes and seconds."""

from __future__ import annotations

import re

SIZES: dict[str, int] = {
    "B": 1,
    "KB": 1000,
    "KiB": 1 << 10,
    "MB": 1000**2,
    "MiB": 1 << 20,
    "GB": 1000**3,
    "GiB": 1 << 30,
    "TB": 1000**4,
    "TiB": 1 << 40,
    "PB": 1000**5,
    "PiB": 1 << 50,
    "EB": 1000**6,
    "EiB": 1 << 60,
}
SIZE_PATTERN = r"^[0-9]+(\.[0-9]+)? ?(B|[KMGTPE]i?B)$"

# libvirt's own spellings of the same units (virScaleInteger, util/virutil.c): a bare letter is binary.
LIBVIRT_SIZES: dict[str, int] = {
    **{unit.lower(): factor for unit, factor in SIZES.items()},
    **{letter: 1 << 10 * power for power, letter in enumerate("kmgtpe", start=1)},
    "bytes": 1,
}

SECONDS: dict[str, int] = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION_PATTERN = r"^[0-9]+(s|m|h|d)$"


def parse_size(text: str) -> int:
    """Bytes in `20GiB`; a fraction is cut to whole bytes. Raises ValueError."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([KMGTPE]?i?B)", text)
    if match is None or match[2] not in SIZES:
        raise ValueError(f"{text!r} is not a size such as 512MiB or 20GiB")
    whole, _, fraction = match[1].partition(".")
    factor = SIZES[match[2]]
    return int(whole) * factor + (int(fraction) * factor // 10 ** len(fraction) if fraction else 0)


def format_size(count: int) -> str:
    """Bytes in the largest binary unit that leaves no rest: `2GiB`, `1537MiB`, `10B`."""
    for unit in ("EiB", "PiB", "TiB", "GiB", "MiB", "KiB"):
        if count and count % SIZES[unit] == 0:
            return f"{count // SIZES[unit]}{unit}"
    return f"{count}B"


def scale_libvirt(text: str, unit: str, default: int) -> int | None:
    """Bytes in a number and a unit as libvirt's XML writes them; None where they are no such amount.

    `default` is the factor of a missing unit: 1024 for memory, 1 for volumes (libvirt formatdomain, formatstorage).
    """
    factor = LIBVIRT_SIZES.get(unit.lower()) if unit else default
    return int(text) * factor if factor and text.isdecimal() else None


def parse_duration(text: str) -> int:
    """Seconds in `90s`, `5m`, `2h` or `1d`. Raises ValueError."""
    if re.fullmatch(DURATION_PATTERN, text) is None:
        raise ValueError(f"{text!r} is not a duration such as 90s or 5m")
    return int(text[:-1]) * SECONDS[text[-1]]
