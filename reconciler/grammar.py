"""libvirt's own schemas (RELAX NG), and which part of a document they do not accept."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from reconciler.markup import Element

# libxml2 2.14 tries the optional attributes of an element in every order: eleven take 6 ms, fifteen take minutes.
MOST_ATTRIBUTES = 11


@dataclass(frozen=True, slots=True)
class Fault:
    """What a schema has against a document. `tag` is the element that it does not accept, with `attribute` if it is
    only that with this `value`; "" where no single part is to blame.
    """

    message: str
    tag: str = ""
    attribute: str = ""
    value: str = ""


class Schema:
    """One of libvirt's RELAX NG schemas (`/usr/share/libvirt/schemas/domain.rng`, package libvirt0)."""

    def __init__(self, path: str) -> None:
        self._schema = etree.RelaxNG(etree.parse(path))

    def complaint(self, xml: str) -> str | None:
        """What libvirt's schema has against this document; None where it is valid, or too slow to be judged."""
        fault = self.fault(xml)
        return fault.message if fault else None

    def fault(self, xml: str) -> Fault | None:
        """The same with what is to blame."""
        root = etree.fromstring(xml)
        if any(len(element.attrib) > MOST_ATTRIBUTES for element in root.iter(etree.Element)):
            return None
        if self._schema.validate(root) or self._schema.validate(_in_order(root)):
            return None
        message = next((error.message for error in self._schema.error_log), "not valid")
        return self._culprit(root, root) or Fault(message)

    def _culprit(self, root: Element, parent: Element) -> Fault | None:
        """The smallest single part without which the document is valid; None where there is no such part.

        libxml2 names only the outermost element that fails ("Extra element devices in interleave").
        """
        refusal = "libvirt's schema does not accept"
        for name, value in parent.items():
            del parent.attrib[name]
            valid = self._schema.validate(root)
            parent.set(name, value)
            if valid:
                message = f"{refusal} {name!s}='{value!s}' in <{parent.tag!s}>"
                return Fault(message, str(parent.tag), str(name), str(value))
        for place, child in enumerate(parent):
            parent.remove(child)
            valid = self._schema.validate(root)
            parent.insert(place, child)
            if valid:
                whole = Fault(f"{refusal} <{child.tag!s}> in <{parent.tag!s}>", str(child.tag))
                return self._culprit(root, child) or whole
        return None


# What the schema wants first and last among its siblings in places; libvirt takes any order.
_FIRST, _LAST = ("bootloader", "bootloader_args", "source", "target"), ("alias", "address")


def _in_order(root: Element) -> Element:
    """The same document, its elements where the schema wants them; it is changed in place."""
    for tag in reversed(_FIRST):
        for element in root.findall(f".//{tag}"):
            _move(element, 0)
    for tag in _LAST:
        for element in root.findall(f".//{tag}"):
            _move(element, -1)
    return root


def _move(element: Element, to: int) -> None:
    parent = element.getparent()
    if parent is not None and len(parent.findall(str(element.tag))) == 1:
        parent.remove(element)
        parent.insert(to if to == 0 else len(parent), element)
