"""libvirt's own schemas (RELAX NG), and which part of a document they do not accept."""

from __future__ import annotations

from lxml import etree

from reconciler.markup import Element

# libxml2 2.14 tries the optional attributes of an element in every order: eleven take 6 ms, fifteen take minutes.
MOST_ATTRIBUTES = 11


class Schema:
    """One of libvirt's RELAX NG schemas (`/usr/share/libvirt/schemas/domain.rng`, package libvirt0)."""

    def __init__(self, path: str) -> None:
        self._schema = etree.RelaxNG(etree.parse(path))

    def complaint(self, xml: str) -> str | None:
        """What libvirt's schema has against this document; None where it is valid, or too slow to be judged."""
        root = etree.fromstring(xml)
        if any(len(element.attrib) > MOST_ATTRIBUTES for element in root.iter(etree.Element)):
            return None
        if self._schema.validate(root):
            return None
        message = next((error.message for error in self._schema.error_log), "not valid")
        culprit = self._culprit(root, root)
        return f"libvirt's schema does not accept {culprit}" if culprit else message

    def _culprit(self, root: Element, parent: Element) -> str:
        """The smallest single part without which the document is valid; "" where there is no such part.

        libxml2 names only the outermost element that fails ("Extra element devices in interleave").
        """
        for name, value in parent.items():
            del parent.attrib[name]
            valid = self._schema.validate(root)
            parent.set(name, value)
            if valid:
                return f"{name!s}='{value!s}' in <{parent.tag!s}>"
        for place, child in enumerate(parent):
            parent.remove(child)
            valid = self._schema.validate(root)
            parent.insert(place, child)
            if valid:
                return self._culprit(root, child) or f"<{child.tag!s}> in <{parent.tag!s}>"
        return ""
