"""What the first bytes of a disk image tell: its format, and whether it would lead QEMU to other files of the host.

An image from outside is converted by `qemu-img` on the host, which follows what a header names: a backing file
`/etc/shadow` would end up inside the guest. So the header is read here, before the host gets a byte of it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

# How much of an image has to be at hand. The longest that is looked at: ISO 9660 has its mark at 32769.
HEAD = 64 << 10

RAW, QCOW2 = "raw", "qcow2"
FORMATS = (RAW, QCOW2)

# What QEMU or libvirt would take for another format (block/*.c of QEMU 7.2, storage_file_probe.c of libvirt 9.0).
_OTHERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"QFI\xfb\0\0\0\1", "qcow"),
    (0, b"QED\0", "qed"),
    (0, b"KDMV", "vmdk"),
    (0, b"COWD", "vmdk"),
    (0, b"# Disk DescriptorFile", "vmdk"),
    (0, b"conectix", "vpc"),
    (0, b"vhdxfile", "vhdx"),
    (64, b"\x7f\x10\xda\xbe", "vdi"),
    (0, b"WithoutFreeSpace", "parallels"),
    (0, b"WithouFreSpacExt", "parallels"),
    (0, b"Bochs Virtual HD Image", "bochs"),
    (0, b"#!/bin/sh\n#V2.0 Format\nmodprobe cloop", "cloop"),
    (0, b"LUKS\xba\xbe", "luks"),
)

# The fixed part of the header up to `snapshots_offset`, then that of version 3 (docs/interop/qcow2.txt, QEMU 7.2).
_VERSION_2 = struct.Struct(">4sIQIIQIIQQIIQ")
_FEATURES_AT, _LENGTH_AT = 72, 100
_DIRTY, _CORRUPT, _DATA_FILE, _COMPRESSION, _EXTENDED = (1 << bit for bit in range(5))
_HARMLESS = _DIRTY | _COMPRESSION | _EXTENDED
_DATA_FILE_NAME = 0x44415441
_BACKING_FORMAT = 0xE2792ACA


@dataclass(frozen=True, slots=True)
class Header:
    """An image's format, its size as a guest sees it (0 where the format does not say) and why it is refused ("")."""

    format: str
    size: int = 0
    refused: str = ""


def read_header(head: bytes) -> Header:
    """What the first `HEAD` bytes say, or all bytes of a smaller image."""
    other = next((name for at, mark, name in _OTHERS if head[at : at + len(mark)] == mark), "")
    if other:
        return Header(other)
    return _qcow2(head) if head[:4] == b"QFI\xfb" else Header(RAW)


def _qcow2(head: bytes) -> Header:
    if len(head) < _VERSION_2.size:
        return Header(QCOW2, refused="its header is cut off")
    _, version, backing, _, _, size, encrypted, *_ = _VERSION_2.unpack_from(head)
    if version not in (2, 3):
        return Header(QCOW2, size, f"its version is {version}, and only 2 and 3 are known")
    why = "it has a backing file of its own" if backing else "it is encrypted" if encrypted else ""
    return Header(QCOW2, size, why or _version_3(head, version))


def _version_3(head: bytes, version: int) -> str:
    """Why the features and extensions of a header are refused, "" if they are not."""
    start = _VERSION_2.size
    if version == 3:
        if len(head) < _LENGTH_AT + 4:
            return "its header is cut off"
        (features,) = struct.unpack_from(">Q", head, _FEATURES_AT)
        (start,) = struct.unpack_from(">I", head, _LENGTH_AT)
        if features & _DATA_FILE:
            return "it keeps its data in another file"
        if features & _CORRUPT:
            return "it is marked as corrupt"
        if features & ~_HARMLESS:
            return f"it has features that are not known ({features & ~_HARMLESS:#x})"
    return _extensions(head, start)


def _extensions(head: bytes, start: int) -> str:
    while start + 8 <= len(head):
        kind, length = struct.unpack_from(">II", head, start)
        if kind == 0:
            return ""
        if kind == _DATA_FILE_NAME:
            return "it names another file for its data"
        if kind == _BACKING_FORMAT:
            return "it has the format of a backing file"
        start += 8 + -(-length // 8) * 8
    return "the extensions of its header do not end"
