"""Pools in libvirt's words: read a definition into texts that compare, and write one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reconciler import definitions, markup
from reconciler.kind import Situation
from reconciler.markup import Element, Identities
from reconciler.model.documents import Address, Spec
from reconciler.model.plans import Diff
from reconciler.model.quantities import format_size

IDENTITIES: Identities = {"source/host": ("@name",), "source/device": ("@path",)}
# What the host counts; libvirt ignores it in a definition (formatstorage).
_COUNTED = ("capacity", "allocation", "available")


def spell_path(path: str) -> str:
    """A path as libvirt keeps it: single slashes, none at the end (util/virfile.c, virFileSanitizePath)."""
    doubled = "/" if path.startswith("//") and not path.startswith("///") else ""
    return doubled + (re.sub("/+", "/", path).rstrip("/") or "/")


def spell_mode(mode: str) -> str:
    """An octal mode with four digits, as libvirt prints it: 755 and 0755 are 0755; what is no mode stays as it is."""
    return f"{int(mode, 8):04o}" if re.fullmatch("[0-7]+", mode) else mode


def flat(text: str) -> dict[Address, str]:
    """The texts of a definition or of a part of one, each in one spelling."""
    root = _plain(text)
    for named in root.xpath("name | uuid"):
        root.remove(named)
    for extent in root.xpath("source/device/freeExtent"):
        extent.getparent().remove(extent)
    for path in root.xpath("target/path"):
        path.text = spell_path((path.text or "").strip())
    for directory in root.xpath("source/dir[@path]"):
        directory.set("path", spell_path(directory.get("path", "")))
    for mode in root.xpath("target/permissions/mode"):
        mode.text = spell_mode((mode.text or "0").strip())
    return markup.flatten(root, IDENTITIES, unit=1, default_unit=1)


def read(text: str) -> dict[Address, str]:
    """The texts of a whole definition."""
    return flat(text)


def tidy(text: str) -> str:
    """The definition without what the host counts."""
    return markup.serialise(_plain(text))


def details(text: str) -> dict[str, str]:
    """What `status` says of a pool: its directory, and while it runs how full it is."""
    root = markup.parse(text)
    found = {name: root.findtext(name) or "0" for name in _COUNTED}
    counted = {name: format_size(int(size)) for name, size in found.items() if size != "0"}
    path = root.findtext("target/path")
    return {**counted, **({"path": path} if path else {})}


def _plain(text: str) -> Element:
    root = markup.parse(text)
    for counted in root.findall("*"):
        if counted.tag in _COUNTED:
            root.remove(counted)
    return root


def render(spec: Spec, situation: Situation | None, diffs: Sequence[Diff]) -> str:
    """The definition to store: a new one, or the host's own with the differences carried out."""
    if situation is not None:
        return definitions.revise(situation, diffs, IDENTITIES, {})
    skeleton = markup.parse("<pool><name/></pool>")
    skeleton[0].text = spec.ref.name
    return definitions.build(markup.serialise(skeleton), spec, IDENTITIES, {})
