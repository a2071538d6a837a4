"""Pieces of libvirt's XML made from its schemas, and whether a piece arrives where it says."""

from __future__ import annotations

import re

from lxml import etree

from docs import formats
from reconciler.adapters.schemas import complaint
from reconciler.engine import compare
from reconciler.engine.judge import situation_of
from reconciler.errors import ReconcilerError
from reconciler.kind import Context
from reconciler.model.documents import Document, Observed, Place
from reconciler.model.inventory import NOTHING_APPLIED
from reconciler.model.refs import Ref

FILES = {"Domain": "domain.rng", "Network": "network.rng", "Pool": "storagepool.rng", "Volume": "storagevol.rng"}
BODIES = {"Domain": {"power": "unmanaged"}, "Network": {}, "Pool": {}, "Volume": {"capacity": "1GiB"}}
# What libvirt's element means something beside, in fields.
BESIDE = {
    "cpu": {"cpu": {"mode": "custom", "model": "qemu64"}},
    "os/loader@": {"firmware": {"loader": "/x"}},
    "os/nvram@": {"firmware": {"loader": "/x"}},
    "devices/memory": {
        "memory": {"max": "1GiB", "current": "1GiB", "hotplug": {"max": "4GiB", "slots": 4}},
    },
}
# The hypervisors of some guests.
_TYPES = {"xen": "xen", "linux": "xen", "exe": "lxc"}
# Devices that only their names tell apart.
_NAMED = ("interface", "hostdev", "memory")


def piece(schema: formats.Format, place: str) -> str:
    """The smallest piece with something at a place."""
    root = schema.example(place)
    first = re.split("[/@:]", place)[0] or None
    for child in list(root):
        prefixed = etree.QName(child).namespace is not None
        own = child.tag in ("name", "uuid") or (root.tag == "domain" and not prefixed)
        if own and child.tag != first:
            root.remove(child)
    if root.tag == "domain":
        _meant(root, place)
    if place.endswith("@family"):
        # The other one is what libvirt means by none.
        for address in root.iter("ip", "route"):
            address.set("family", "ipv6")
    return etree.tostring(root, encoding="unicode")


def _meant(root: etree._Element, place: str) -> None:
    """The example as a person would write it: with names, and of the right hypervisor."""
    root.set("type", _TYPES.get(root.findtext("os/type") or "", "qemu"))
    if place == "os@firmware":
        root[0].set("firmware", "efi")
    for device in root.iterfind("devices/*"):
        if device.tag in _NAMED and device.find("alias") is None:
            etree.SubElement(device, "alias")
    for alias in root.iter("alias"):
        alias.set("name", "ua-example")


def document(kind, xml: str, place: str = "") -> Document:
    body = dict(BODIES[kind.name])
    for start, more in BESIDE.items():
        if kind.name == "Domain" and place.startswith(start):
            body |= more
    name = "default/web" if kind.name == "Volume" else "web"
    places = {(): Place("web.yaml")}
    return Document(ref=Ref(kind.name, name), host=None, labels={}, body={**body, "xml": xml}, places=places)


def fault(kind, schema: formats.Format, place: str, meant: str = "") -> str:
    """What is wrong with how something at a place goes through the program; "" if nothing.

    `meant` is the place that it is another spelling of.
    """
    try:
        spec = kind.parse(document(kind, piece(schema, place), place), Context("hv1", ""))
    except ReconcilerError as error:
        return f"refused: {error}"
    claimed = {re.sub(r"\[[^\]]*\]", "", address) for address in spec.claims}
    known = (meant or place).removesuffix("/*")
    if not any(each == known or each.startswith((f"{known}/", f"{known}@")) for each in claimed):
        return f"not claimed: {sorted(claimed)}"
    return _lost(kind, spec, kind.render(spec, None, ()))


def _lost(kind, spec, text: str) -> str:
    """What the definition lacks of what was asked, or libvirt's schema has against it."""
    seen = Observed(ref=spec.ref, uuid="u", xml=text)
    texts = situation_of(kind, spec, seen).texts
    found = compare.compare(kind, spec, texts, NOTHING_APPLIED)
    lost = [diff for diff in found if not diff.address.startswith("!")]
    against = complaint(kind.root, text)
    return f"lost: {lost}" if lost else against or ""


def schema_of(kind) -> formats.Format:
    return formats.Format.read(FILES[kind.name])
