"""Volumes on a real libvirtd: what a document says is what the host then has."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest

from reconciler.errors import BusyError, RefusedError
from reconciler.kinds.volume import KIND
from reconciler.kinds.volume.driver import unseen
from reconciler.model.plans import KindStep, Undefine
from reconciler.model.refs import Ref
from tests.kinds.steering import Still, apply, differences, plan, spec_of
from tests.kinds.volume.documents import DOCUMENTS

pytestmark = pytest.mark.e2e
MIB = 1 << 20


@pytest.fixture
def directory(host: libvirt.virConnect, tmp_path: Path) -> Iterator[Path]:
    """The directory of a running pool `images`."""
    path = tmp_path / "images"
    path.mkdir()
    pool = host.storagePoolDefineXML(f"<pool type='dir'><name>images</name><target><path>{path}</path></target></pool>")
    pool.create()
    yield path


def base(host: libvirt.virConnect) -> None:
    apply(KIND, spec_of(KIND, "images/base", {"capacity": "12MiB"}), host)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_second_plan_is_empty(host: libvirt.virConnect, directory: Path, name: str) -> None:
    base(host)
    spec = spec_of(KIND, "images/v", DOCUMENTS[name])
    apply(KIND, spec, host)
    assert differences(KIND, spec, host) == []
    assert plan(KIND, spec, host) == ()
    seen = next(seen for seen in KIND.observe(host) if seen.ref == spec.ref)
    assert seen == KIND.look(host, spec.ref)
    body = KIND.dump({**KIND.read(seen.xml), **seen.facts})
    assert differences(KIND, spec_of(KIND, "images/v", body), host) == []
    assert differences(KIND, spec_of(KIND, "images/v", xml=seen.xml), host) == []


def test_an_overlay_has_the_path_format_and_size_of_its_base(host: libvirt.virConnect, directory: Path) -> None:
    base(host)
    apply(KIND, spec_of(KIND, "images/v", {"backing": "base"}), host)
    seen = KIND.look(host, Ref("Volume", "images/v"))
    texts = KIND.read(seen.xml)
    assert texts["backingStore/path"] == str(directory / "base")
    assert (texts["backingStore/format@type"], texts["capacity"]) == ("qcow2", str(12 * MIB))
    assert seen.facts["!backing"] == "images/base"


@pytest.mark.parametrize("written", ["raw", "qcow2"])
@pytest.mark.parametrize("wanted", ["raw", "qcow2"])
def test_a_source_fills_the_volume_in_the_format_that_is_asked_for(
    host: libvirt.virConnect, directory: Path, tmp_path: Path, written: str, wanted: str
) -> None:
    content = b"content " * (MIB // 8)
    (tmp_path / "raw").write_bytes(content)
    image = tmp_path / "image"
    subprocess.run(["qemu-img", "convert", "-O", written, tmp_path / "raw", image], check=True)
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    source = {"path": str(image), "sha256": digest}
    spec = spec_of(KIND, "images/v", {"source": source, "format": wanted, "capacity": "3MiB"})
    apply(KIND, spec, host)
    assert plan(KIND, spec, host) == ()
    subprocess.run(["qemu-img", "convert", "-O", "raw", directory / "v", tmp_path / "back"], check=True)
    assert (tmp_path / "back").read_bytes() == content.ljust(3 * MIB, b"\0")
    assert sorted(path.name for path in directory.iterdir()) == ["v"]


def test_a_source_that_is_not_what_was_said_makes_nothing(
    host: libvirt.virConnect, directory: Path, tmp_path: Path
) -> None:
    (tmp_path / "image").write_bytes(b"x" * 512)
    spec = spec_of(KIND, "images/v", {"source": {"path": str(tmp_path / "image"), "sha256": "0" * 64}})
    with pytest.raises(RefusedError, match="sha256"):
        apply(KIND, spec, host)
    assert list(directory.iterdir()) == []


@pytest.mark.proves("Volume", "capacity*")
def test_a_volume_grows_offline(host: libvirt.virConnect, directory: Path) -> None:
    apply(KIND, spec_of(KIND, "images/v", {"capacity": "1MiB"}), host)
    spec = spec_of(KIND, "images/v", {"capacity": "5MiB"})
    assert plan(KIND, spec, host) == (KindStep("resize", {"capacity": str(5 * MIB)}),)
    apply(KIND, spec, host)
    assert differences(KIND, spec, host) == []


GUEST = """<domain type='qemu'><name>kinds-guest</name><memory unit='MiB'>32</memory>
<os><type arch='x86_64' machine='q35'>hvm</type></os><devices><disk type='{type}' device='disk'>
<driver name='qemu' type='qcow2'/><source {source}/><target dev='vda' bus='virtio'/></disk></devices></domain>"""


@pytest.mark.parametrize("type_", ["file", "volume"])
@pytest.mark.proves("Volume", "capacity*")
def test_a_volume_grows_under_a_running_guest_and_is_kept_from_deletion(
    host: libvirt.virConnect, directory: Path, type_: str
) -> None:
    apply(KIND, spec_of(KIND, "images/v", {"capacity": "1MiB"}), host)
    source = f"file='{directory}/v'" if type_ == "file" else "pool='images' volume='v'"
    domain = host.createXML(GUEST.format(type=type_, source=source))
    spec = spec_of(KIND, "images/v", {"capacity": "6MiB"})
    apply(KIND, spec, host)
    assert differences(KIND, spec, host) == []
    assert domain.blockInfo("vda")[0] == 6 * MIB
    with pytest.raises(RefusedError, match="is used by Domain/kinds-guest"):
        KIND.perform(host, spec.ref, Undefine(True), Still())
    domain.destroy()
    KIND.perform(host, spec.ref, Undefine(True), Still())
    assert list(directory.iterdir()) == []


def test_a_backing_volume_is_kept_from_deletion(host: libvirt.virConnect, directory: Path) -> None:
    base(host)
    apply(KIND, spec_of(KIND, "images/v", {"backing": "base"}), host)
    with pytest.raises(RefusedError, match="is used by Volume/images/v"):
        KIND.perform(host, Ref("Volume", "images/base"), Undefine(True), Still())


@pytest.mark.proves("Volume", "target/format@type")
def test_another_format_is_a_replacement_that_makes_the_volume_anew(host: libvirt.virConnect, directory: Path) -> None:
    apply(KIND, spec_of(KIND, "images/v", {"capacity": "1MiB", "format": "raw"}), host)
    spec = spec_of(KIND, "images/v", {"capacity": "1MiB", "format": "qcow2"})
    apply(KIND, spec, host)
    assert differences(KIND, spec, host) == []


def test_an_inactive_pool_hides_its_volumes_and_says_so(host: libvirt.virConnect, directory: Path) -> None:
    spec = spec_of(KIND, "images/v", {"capacity": "1MiB"})
    apply(KIND, spec, host)
    pool = host.storagePoolLookupByName("images")
    assert unseen(host) == frozenset()
    pool.destroy()
    assert list(KIND.observe(host)) == []
    assert unseen(host) == frozenset({"images/"})
    steps = plan(KIND, spec, host)
    pool.create()
    with pytest.raises(BusyError, match="is there already"):
        KIND.perform(host, spec.ref, steps[0], Still())
    assert (directory / "v").exists()
