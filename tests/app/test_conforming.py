"""What libvirt's schemas do not accept is said offline, at its line; what libvirt takes is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.adapters.schemas import fault, installed
from reconciler.app.settings import Settings
from reconciler.app.validate import validate

OVERLAY = """apiVersion: reconciler/v1
kind: Domain
metadata: {{name: web}}
spec:
  memory: 1GiB
  xml: |
    <domain>
      <devices>
        <memballoon model='virtio' {more}/>
      </devices>
    </domain>
"""
FILE = (
    "<domain type='kvm'>\n  <name>db</name>\n  <memory>1</memory>\n  <os><type>hvm</type></os>\n  {part}\n</domain>\n"
)
NETWORK = (
    "apiVersion: reconciler/v1\nkind: Network\nmetadata: {name: web}\nspec:\n"
    "  xml: <network><bridge stp='perhaps'/></network>\n"
)


def found(root: Path, *texts: tuple[str, str]) -> list[str]:
    for name, text in texts:
        (root / name).write_text(text)
    settings = Settings(directory=root, state_dir=root / "state", cache_dir=root / "cache")
    problems = validate([], settings).problems
    assert {problem.number for problem in problems} <= {"R208"}
    return [f"{problem.where}: {problem.message}" for problem in problems]


def test_the_schemas_are_installed_here():
    assert all(map(installed, ("domain", "network", "pool", "volume", "filter", "secret")))
    assert not installed("nothing")


@pytest.mark.parametrize("runs", [1, 2])
def test_an_attribute_of_an_overlay_is_blamed_at_its_line_every_time(tmp_path: Path, runs: int):
    for _ in range(runs):
        (message,) = found(tmp_path, ("web.yaml", OVERLAY.format(more="wobble='yes'")), ("x.yaml", ""))
    assert message.startswith("web.yaml:9:9: Domain/web: libvirt's schema does not accept wobble='yes' in <memballoon>")


def test_an_element_of_an_xml_file_is_blamed_at_its_line(tmp_path: Path):
    (message,) = found(tmp_path, ("db.xml", FILE.format(part="<teleport/>")))
    assert message.startswith("db.xml:5:1: Domain/db: libvirt's schema does not accept <teleport>")


def test_other_kinds_are_held_to_their_schemas(tmp_path: Path):
    (message,) = found(tmp_path, ("net.yaml", NETWORK))
    assert message.startswith("net.yaml:5:8: Network/web")


def test_what_libvirt_takes_passes_again_and_again(tmp_path: Path):
    part = "<devices><hostdev mode='subsystem' type='usb'><address type='usb' bus='0'/><source><vendor id='0x1'/>"
    part += "<product id='0x2'/></source></hostdev></devices>"
    for _ in range(2):
        assert found(tmp_path, ("web.yaml", OVERLAY.format(more="")), ("db.xml", FILE.format(part=part))) == []


def test_the_order_of_elements_is_no_fault():
    source, address = "<source><vendor id='0x1'/><product id='0x2'/></source>", "<address type='usb' bus='0'/>"
    device = "<devices><hostdev mode='subsystem' type='usb'>{inner}</hostdev></devices>"
    for inner in (source + address, address + source):
        assert fault("domain", FILE.format(part=device.format(inner=inner))) is None
    assert fault("domain", FILE.format(part=device.format(inner=address + source + "<x/>"))) is not None
