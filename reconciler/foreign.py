"""Elements of other namespaces inside libvirt's XML: opaque values that are carried as they were written.

libvirt 9.0 keeps prefixes, comments and the order of attributes of what others put into <metadata>, and lays it out
anew; what it understands itself (`qemu:commandline`) it prints in its own order: the arguments, then the environment.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote

from lxml import etree

from reconciler.model.addresses import quote_key
from reconciler.model.documents import Address

Element = etree._Element

PREFIXES = {
    "http://libvirt.org/schemas/domain/qemu/1.0": "qemu",
    "http://libvirt.org/schemas/domain/lxc/1.0": "lxc",
    "http://libvirt.org/schemas/domain/xen/1.0": "xen",
    "http://libvirt.org/schemas/domain/vmware/1.0": "vmware",
    "http://libvirt.org/schemas/domain/bhyve/1.0": "bhyve",
    "http://libvirt.org/schemas/network/dnsmasq/1.0": "dnsmasq",
    "http://libvirt.org/schemas/storagepool/fs/1.0": "fs",
    "http://libvirt.org/schemas/storagepool/rbd/1.0": "rbd",
    "http://libosinfo.org/xmlns/libvirt/domain/1.0": "libosinfo",
    "https://reconciler.example/xmlns/1": "reconciler",
}
NAMESPACES = {prefix: uri for uri, prefix in PREFIXES.items()}
# Namespaces whose content libvirt itself reads and prints again.
_LIBVIRTS = "http://libvirt.org/schemas/"

_TOPS = etree.XPath("descendant::*[namespace-uri() != '' and namespace-uri(..) = '']")
_PROLOG = re.compile(r"(?:\s+|<\?.*?\?>|<!--.*?-->)*<[^\s/>!?]+", re.DOTALL)


def name_of(tag: str) -> str:
    """An element's or attribute's name in an address: `qemu:commandline`, `{urn%3Ax}app` for an unknown namespace."""
    if tag[0] != "{":
        return tag
    namespace, _, name = tag[1:].partition("}")
    prefix = PREFIXES.get(namespace)
    return f"{prefix}:{name}" if prefix else f"{{{quote_key(namespace)}}}{name}"


def tag_of(name: str) -> str:
    """The name of an address as lxml writes it."""
    if name[0] == "{":
        namespace, _, local = name[1:].partition("}")
        return f"{{{unquote(namespace)}}}{local}"
    prefix, colon, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}" if colon else name


def is_foreign(address: Address) -> bool:
    """Whether an address holds a whole element of another namespace."""
    name = address.rpartition("/")[2].partition("[")[0]
    return "@" not in name and (":" in name or name.startswith("{"))


def verbatim(element: Element) -> str:
    """The element as it stands, complete in itself: it declares the namespaces that it uses."""
    return etree.tostring(copy.copy(element), encoding="unicode", with_tail=False)


def made(value: str) -> Element:
    """The element of a verbatim value."""
    return etree.fromstring(value, _faithful())


def _faithful() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, strip_cdata=False)


def tops(root: Element) -> list[Element]:
    """The outermost elements of other namespaces, in order."""
    found: list[Element] = _TOPS(root)
    return found


def restore(root: Element, text: str) -> None:
    """Put comments, layout and character data back into the foreign parts of a tree that was parsed without them."""
    plain = tops(root)
    if not plain or not ("<!--" in text or "<?" in text[1:] or any(len(top) or top.text for top in plain)):
        return
    for old, new in zip(plain, tops(etree.fromstring(text.encode(), _faithful())), strict=True):
        whole = copy.copy(new)
        whole.tail = old.tail
        _replace(old, whole)


def _replace(old: Element, new: Element) -> None:
    parent = old.getparent()
    if parent is not None:
        parent.replace(old, new)


def indent(root: Element) -> None:
    """Lay out a tree by two blanks as libvirt does, all but its foreign parts."""
    kept = [(top, etree.Element("kept")) for top in tops(root)]
    for top, stand_in in kept:
        _replace(top, stand_in)
    etree.indent(root, space="  ")
    for top, stand_in in kept:
        top.tail = stand_in.tail
        _replace(stand_in, top)


def same(want: str, have: str) -> bool:
    """Whether two verbatim values say one thing, whatever their prefixes, quotes, comments or layout."""
    return want == have or _meaning(want) == _meaning(have)


@lru_cache(maxsize=256)  # The same machine is compared several times in one run.
def _meaning(value: str) -> str:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, remove_blank_text=True, remove_comments=True, remove_pis=True
    )
    root = etree.fromstring(value, parser)
    if str(root.tag).startswith(f"{{{_LIBVIRTS}"):
        root[:] = sorted(root, key=lambda child: str(child.tag))
    return etree.canonicalize(etree.tostring(root, encoding="unicode"), rewrite_prefixes=True)


def declared(text: str) -> tuple[str, int, int]:
    """The text with the well-known prefixes that it uses declared at its root, and where how many signs came in."""
    found = _PROLOG.match(text)
    if found is None:
        return text, 0, 0
    head = text[found.end() :].partition(">")[0]
    added = "".join(_declarations(text, head))
    return text[: found.end()] + added + text[found.end() :], found.end(), len(added)


def _declarations(text: str, head: str) -> Iterator[str]:
    for prefix, uri in NAMESPACES.items():
        if f"{prefix}:" in text and f"xmlns:{prefix}" not in head:
            yield f' xmlns:{prefix}="{uri}"'
