"""Whatever networks, pools and volumes a host has: imported they are as declared, and made anew they are the same."""

import difflib

import libvirt
import pytest

from reconciler import markup
from reconciler.kinds import KINDS
from tests.scenarios.conftest import sweep

pytestmark = pytest.mark.e2e

# libvirt gives these to each network of a host alone; the mark says whose it is.
OWN = ("bridge@name", "mac", "mac@address", "metadata", "metadata/reconciler:owner")
# libvirt counts these, or finds them out.
FOUND = (
    "capacity | allocation | available | physical | key | target/path | target/timestamps | backingStore/timestamps"
    " | backingStore/permissions | target/permissions/label"
)


def renamed(text, name):
    """The definition with a name, a bridge and a directory of its own, so that all of them fit on one host."""
    root = markup.parse(text)
    for uuid in root.findall("uuid"):
        root.remove(uuid)
    for given in root.findall("name"):
        given.text = name
    for bridge in root.xpath("bridge[starts-with(@name, 'virbr')]"):
        del bridge.attrib["name"]
    for path in root.xpath("target/path[not(starts-with(., '/dev'))]"):
        path.text = f"{path.text}/{name}"
    return markup.serialise(root)


def canonical(text):
    root = markup.parse(text)
    for found in root.xpath(FOUND):
        found.getparent().remove(found)
    return markup.serialise(root)


def define(call, definitions, stem):
    """Define all that this host accepts, and say how many it did."""
    count = 0
    for number, each in enumerate(definitions):
        try:
            call(renamed(each.text, f"{stem}{number}"))
            count += 1
        except libvirt.libvirtError:
            continue
    return count


def stored(connection):
    """All definitions, a line for each value, in the one spelling that a kind has for it."""
    found = [*(("Network", each) for each in connection.listAllNetworks())]
    found += [("Pool", each) for each in connection.listAllStoragePools()]
    return {f"{kind}/{each.name()}": lines(KINDS[kind].read(each.XMLDesc(1))) for kind, each in found}


def lines(texts):
    own = {at for at in OWN if at != "bridge@name" or texts.get(at, "").startswith("virbr")}
    return "\n".join(sorted(f"{at}: {text}" for at, text in texts.items() if at not in own))


def changed(before, after):
    """The lines that differ, each with the name of what it stands in."""
    return [
        f"{name}: {line}"
        for name, text in before.items()
        for line in difflib.unified_diff(text.splitlines(), after.get(name, "").splitlines(), lineterm="", n=0)
        if not line.startswith(("---", "+++", "@@"))
    ]


def test_networks_and_pools_that_others_wrote_are_adopted_and_made_anew(lab, collected):
    connection = lab.connect()
    libvirt.registerErrorHandler(lambda *ignored: None, None)
    accepted = (
        define(connection.networkDefineXML, collected("network"), "net"),
        define(lambda xml: connection.storagePoolDefineXML(xml, 0), collected("pool"), "pool"),
    )
    assert accepted[0] > 90 and accepted[1] >= 30, accepted
    before = stored(connection)
    lab.run("import", "--all", "--to", lab.directory)
    assert lab.actions() == [(ref, "adopt") for ref, _ in lab.actions()]
    assert len(lab.actions()) == len(before)
    sweep(lab.uri)
    lab.apply()
    assert lab.plan()["changes"] == []
    assert changed(before, stored(connection)) == []


VOLUME = "<volume><name>{}</name><capacity unit='bytes'>{}</capacity><target><format type='{}'/>{}</target></volume>"
VOLUMES = {
    **{f"plain-{form}": (1048576, form, "") for form in ("raw", "qcow2", "qcow", "qed", "vmdk", "vdi", "vpc")},
    "odd.raw": (1234567, "raw", ""),
    "odd.qcow2": (1234567, "qcow2", ""),
    "old": (1048576, "qcow2", "<compat>0.10</compat>"),
    "lazy": (1048576, "qcow2", "<compat>1.1</compat><features><lazy_refcounts/></features>"),
    "extended": (1048576, "qcow2", "<features><extended_l2/></features><clusterSize unit='KiB'>128</clusterSize>"),
    "clusters": (1048576, "qcow2", "<clusterSize unit='KiB'>4</clusterSize>"),
    "private": (1048576, "raw", "<permissions><mode>0640</mode></permissions>"),
    "name with blanks & more.img": (1048576, "raw", ""),
}


def test_volumes_of_all_formats_are_adopted_and_made_anew(lab):
    connection = lab.connect()
    disks = lab.state / "disks"
    disks.mkdir(parents=True)
    pool = connection.storagePoolDefineXML(
        f"<pool type='dir'><name>all</name><target><path>{disks}</path></target></pool>"
    )
    pool.create()
    for name, (capacity, form, more) in VOLUMES.items():
        pool.createXML(VOLUME.format(name.replace("&", "&amp;"), capacity, form, more))
    base = f"<path>{disks / 'plain-qcow2'}</path><format type='qcow2'/>"
    overlay = VOLUME.format("overlay", 2097152, "qcow2", "")
    pool.createXML(overlay.replace("</volume>", f"<backingStore>{base}</backingStore></volume>"))
    (disks / "directory").mkdir()
    (disks / "notes").write_text("x")
    pool.refresh()
    before = {each.name(): canonical(each.XMLDesc()) for each in pool.listAllVolumes()}
    lab.run("import", "--all", "--to", lab.directory)
    assert sorted(lab.actions()) == sorted(
        [("Pool/all", "adopt"), *((f"Volume/all/{name}", "adopt") for name in before)]
    )
    assert "    volume: plain-qcow2\n" in (lab.directory / "volumes/all/overlay.yaml").read_text()
    for each in pool.listAllVolumes():
        each.delete()
    lab.apply()
    assert lab.plan()["changes"] == []
    # What the content of a volume is like is looked at then.
    pool.refresh()
    after = {each.name(): canonical(each.XMLDesc()) for each in pool.listAllVolumes()}
    assert changed(before, after) == []
