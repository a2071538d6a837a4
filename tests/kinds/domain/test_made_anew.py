"""Domains of QEMU that libvirt itself has stored: imported into an empty host, they are what they were."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from reconciler.kinds.domain import KIND
from reconciler.model.refs import Ref
from tests.kinds.domain.machines import Oracle, observed, parsed, situation

pytestmark = pytest.mark.e2e

FOLDER = Path(__file__).parent / "imports"
# Every so many of the collected ones; some 1160 in all are taken by the QEMU of this machine.
SHARE = 11
# What is not made anew, by the names of libvirt's own tests, and why:
OTHERWISE = re.compile(
    # A password is not told, and what libvirt says of it means nothing without.
    r"/(qemuhotplug-)?graphics-spice-(timeout|listen-network)\."
    # A socket in the directory of the system's libvirt, which this private one takes for anybody's.
    r"|/user-aliases\."
    # BIOS is what a machine has of which nothing is said; only with a loader without a path does libvirt want the word.
    r"|/firmware-auto-bios-stateless\."
)


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    found = Oracle(tmp_path_factory.mktemp("oracle"))
    yield found
    found.close()


def of_this_machine(text):
    """The definition for QEMU without KVM, with the program that this machine has."""
    root = etree.fromstring(text)
    root.set("type", "qemu")
    for emulator in root.findall("devices/emulator"):
        emulator.getparent().remove(emulator)
    root.find("name").text = "web"
    return etree.tostring(root, encoding="unicode")


def told(spec, xml):
    """What a definition says, by the document's names for devices; without what is an object's own."""
    texts = situation(spec, observed(xml)).texts
    own = re.compile(r"name|uuid|!.*|.*/alias(@name)?")
    return {address: text for address, text in texts.items() if not own.fullmatch(address)}


def anew(stored, oracle):
    """The Spec of the import, and what libvirt makes of it where there is nothing yet."""
    texts = {**KIND.read(stored), "!power": "stopped"}
    spec = parsed(KIND.dump(texts), hints={"@type": "qemu", "os/type@arch": texts["os/type@arch"]})
    return spec, oracle.stored(KIND.render(replace(spec, ref=Ref("Domain", "web")), None, ()))


def test_a_collected_domain_is_made_anew_as_it_was(collected, oracle):
    tried = 0
    for each in collected("domain")[::SHARE]:
        if not re.search("<domain[^>]* type=.(kvm|qemu)", each.text) or OTHERWISE.search(each.path):
            continue
        definition = of_this_machine(each.text)
        if oracle.refusal(definition) or oracle.refusal(oracle.stored(definition)):
            continue
        # As it is after libvirt's own next start, which puts controllers in order and numbers consoles.
        stored = oracle.stored(oracle.stored(definition))
        spec, made = anew(stored, oracle)
        before, after = told(spec, stored), told(spec, made)
        assert {at: (text, after.get(at)) for at, text in before.items() if after.get(at) != text} == {}, each.path
        assert set(after) - set(before) == set(), each.path
        tried += 1
    assert tried > 40


WRITTEN = [path for path in sorted(FOLDER.glob("*-in.xml")) if "<domain type='qemu'" in path.read_text()]


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_a_written_down_domain_is_made_anew_as_it_was(path, oracle):
    spec, made = anew(path.read_text(), oracle)
    assert told(spec, made) == told(spec, path.read_text())
