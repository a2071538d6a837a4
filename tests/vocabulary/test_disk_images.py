"""What the first bytes of a disk image tell, held against qemu-img's own images."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from reconciler.model.disk_images import HEAD, Header, read_header

MIB = 1 << 20


def made(path: Path, *options: str, form: str = "qcow2", size: str = "1M") -> bytes:
    subprocess.run(["qemu-img", "create", "-q", "-f", form, *options, path, *([size] if size else [])], check=True)
    return path.read_bytes()[:HEAD]


def patched(head: bytes, at: int, value: bytes) -> bytes:
    return head[:at] + value + head[at + len(value) :]


@pytest.mark.parametrize("options", [(), ("-o", "compat=0.10"), ("-o", "extended_l2=on"), ("-o", "cluster_size=2M")])
def test_an_image_that_stands_alone_is_taken(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert read_header(made(tmp_path / "x", *options)) == Header("qcow2", MIB)


def test_an_image_that_was_packed_with_zstd_inside_is_taken(tmp_path: Path) -> None:
    assert read_header(made(tmp_path / "x", "-o", "compression_type=zstd")) == Header("qcow2", MIB)


@pytest.mark.parametrize("compat", ["0.10", "1.1"])
def test_an_image_with_a_backing_file_is_refused(tmp_path: Path, compat: str) -> None:
    made(tmp_path / "base")
    head = made(tmp_path / "x", "-b", str(tmp_path / "base"), "-F", "qcow2", "-o", f"compat={compat}", size="")
    assert "backing file" in read_header(head).refused


def test_an_image_with_its_data_elsewhere_is_refused(tmp_path: Path) -> None:
    head = made(tmp_path / "x", "-o", f"data_file={tmp_path / 'data'},data_file_raw=on")
    assert "another file" in read_header(head).refused
    assert "another file" in read_header(patched(head, 72, bytes(8))).refused


@pytest.mark.parametrize("method", [1, 2], ids=["aes", "luks"])
def test_an_encrypted_image_is_refused(tmp_path: Path, method: int) -> None:
    head = patched(made(tmp_path / "x"), 32, struct.pack(">I", method))
    assert "encrypted" in read_header(head).refused


@pytest.mark.parametrize(
    ("at", "value", "why"),
    [
        (4, struct.pack(">I", 9), "version is 9"),
        (72, struct.pack(">Q", 2), "corrupt"),
        (72, struct.pack(">Q", 1 << 40), "not known"),
        (100, struct.pack(">I", 1 << 30), "do not end"),
    ],
)
def test_a_header_that_is_not_understood_is_refused(tmp_path: Path, at: int, value: bytes, why: str) -> None:
    assert why in read_header(patched(made(tmp_path / "x"), at, value)).refused


@pytest.mark.parametrize("length", [4, 71, 100])
def test_a_header_that_is_cut_off_is_refused(tmp_path: Path, length: int) -> None:
    assert "cut off" in read_header(made(tmp_path / "x")[:length]).refused


@pytest.mark.parametrize("form", ["vmdk", "vdi", "qed", "qcow", "vhdx", "vpc", "parallels"])
def test_other_formats_are_known_by_name(tmp_path: Path, form: str) -> None:
    assert read_header(made(tmp_path / "x", form=form)).format == form


def test_a_descriptor_that_names_files_is_not_raw(tmp_path: Path) -> None:
    head = made(tmp_path / "x.vmdk", "-o", "subformat=monolithicFlat", form="vmdk")
    assert read_header(head).format == "vmdk"


@pytest.mark.parametrize("head", [b"", b"x", bytes(HEAD)])
def test_everything_else_is_raw(head: bytes) -> None:
    assert read_header(head) == Header("raw")
