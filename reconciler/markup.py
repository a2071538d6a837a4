"""The one door for XML: parse it safely, flatten it to addresses, and write single values into it.

An address names one place of a definition (`devices/disk[root]/driver@cache`, see `model.documents.Address`).
Repeated elements carry a key: what an `Identities` table says identifies them, else their position.
Elements of foreign namespaces are opaque: one address holds the whole element as it was written (see `foreign`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from lxml import etree

from reconciler import foreign
from reconciler.errors import ManifestError, Problem, ReconcilerError, trouble
from reconciler.model.addresses import quote_key
from reconciler.model.documents import Address
from reconciler.model.quantities import scale_libvirt

Element = etree._Element

# Element path without keys -> the leaves, tried in order, whose text is an element's key. "alias" stands for a user
# alias (`<alias name='ua-root'/>` gives "root"); () means position. A path that is not here has no key while alone.
Identities = Mapping[str, tuple[str, ...]]

USER_ALIAS = "ua-"
PREFIXES, NAMESPACES = foreign.PREFIXES, foreign.NAMESPACES


def parse(text: str, where: str = "") -> Element:
    """The root element; comments, processing instructions and layout are dropped but in foreign parts. Raises R110.

    Entities are never expanded, nothing is fetched, a DOCTYPE is refused; libxml2's limits on depth and size hold.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_blank_text=True,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        place = f"{where}:{line}:{column}" if where else f"line {line}"
        raise trouble("R110", (error.msg or "not XML").rsplit(", line ", 1)[0], place) from error
    if root.getroottree().docinfo.doctype:
        raise trouble("R110", "a DOCTYPE is not accepted", where and f"{where}:1:1")
    foreign.restore(root, text)
    return root


# All that XML 1.0 cannot hold (section 2.2), and so no value of a definition.
_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def unfit(text: str) -> bool:
    """Whether a text has a character that no XML can hold."""
    return _UNFIT.search(text) is not None


def parse_piece(text: str, where: str = "") -> Element:
    """The root element of an `xml:` field, where the well-known prefixes need no declaration. Raises R110."""
    whole, start, added = foreign.declared(text)
    try:
        return parse(whole, where)
    except ReconcilerError as error:
        line = text.count("\n", 0, start) + 1
        raise ManifestError([_unshifted(problem, line, start, added) for problem in error.problems]) from error


def _unshifted(problem: Problem, line: int, start: int, added: int) -> Problem:
    """The problem at its place in the text as it was before the declarations came in."""
    head, _, column = problem.where.rpartition(":")
    if head.rpartition(":")[2] == str(line) and column.isdecimal() and int(column) > start:
        return Problem(problem.number, problem.message, f"{head}:{max(int(column) - added, 1)}")
    return problem


def serialise(root: Element) -> str:
    """The XML text, indented by two as libvirt does; foreign parts stay as they are."""
    foreign.indent(root)
    return etree.tostring(root, encoding="unicode") + "\n"


def canonical(root: Element) -> str:
    """A spelling that is equal for equal content, whatever the order of attributes, quotes, prefixes or layout."""
    return etree.tostring(_plain(root), method="c14n", exclusive=True).decode()


def _plain(element: Element, parent: Element | None = None) -> Element:
    """A copy with our own prefixes and stripped text."""
    namespace = etree.QName(element).namespace
    nsmap = {PREFIXES.get(namespace, "x"): namespace} if namespace else None
    copy = (
        etree.Element(element.tag, nsmap=nsmap)
        if parent is None
        else etree.SubElement(parent, element.tag, nsmap=nsmap)
    )
    for name in sorted(element.attrib):
        copy.set(name, element.attrib[name])
    copy.text = (element.text or "").strip() or None
    for child in element.iterchildren(etree.Element):
        _plain(child, copy)
    return copy


def same(address: Address, want: str, have: str) -> bool:
    """Whether two texts of one address are two spellings of one foreign element."""
    return foreign.is_foreign(address) and foreign.same(want, have)


def alias_of(element: Element) -> str:
    """A device's alias, "" where it has none."""
    alias = element.find("alias")
    return alias.get("name", "") if alias is not None else ""


def key_of(element: Element, leaves: tuple[str, ...]) -> str:
    """What identifies a repeated element, or "" where nothing does."""
    for leaf in leaves:
        if leaf == "alias":
            name = alias_of(element)
            if name.startswith(USER_ALIAS):
                return quote_key(name[len(USER_ALIAS) :])
            continue
        path, _, attribute = leaf.partition("@")
        holder = element.find(path) if path else element
        if holder is None:
            continue
        found = holder.get(attribute) if attribute else holder.text
        if found:
            return quote_key(found.strip())
    return ""


def walk(root: Element, identities: Identities) -> Iterator[tuple[Address, Element]]:
    """Every element below the root with its address, parents first."""
    stack: list[tuple[Address, str, Element]] = [("", "", root)]
    while stack:
        base, pattern, parent = stack.pop()
        found: list[tuple[Address, str, Element]] = []
        seen: dict[str, int] = {}
        for child in parent.iterchildren(etree.Element):
            tag = str(child.tag)
            if tag[0] == "{":
                name = foreign.name_of(tag)
                count = seen[name] = seen.get(name, -1) + 1
                yield f"{base}{name}[{count}]" if count else base + name, child
                continue
            path = pattern + tag
            leaves = identities.get(path)
            if leaves is None:
                count = seen[tag] = seen.get(tag, -1) + 1
                address = f"{base}{tag}[{count}]" if count else base + tag
            else:
                key = key_of(child, leaves)
                name = f"{tag}[{key}]"
                count = seen[name] = seen.get(name, -1) + 1
                if not key:
                    address = f"{base}{tag}[{count}]"
                else:
                    address = f"{base}{tag}[{key}#{count}]" if count else base + name
            yield address, child
            if len(child):
                found.append((address + "/", path + "/", child))
        stack.extend(reversed(found))


def flatten(root: Element, identities: Identities, *, unit: int, default_unit: int) -> dict[Address, str]:
    """Each element's text and attributes by address; an element without text has "".

    Amounts with a unit are converted to `unit` bytes (1024: KiB, 1: bytes) as libvirt prints them;
    `default_unit` is the factor of a missing one.
    """
    texts: dict[Address, str] = {f"@{foreign.name_of(name)}": value for name, value in root.items()}
    for address, element in walk(root, identities):
        if str(element.tag)[0] == "{":
            texts[address] = foreign.verbatim(element)
            continue
        text = element.text
        texts[address] = text.strip() if text else ""
        scaled = False
        for name, value in element.items():
            texts[f"{address}@{foreign.name_of(name)}"] = value
            scaled = scaled or name == "unit"
        if scaled:
            _scale(texts, address, unit, default_unit)
    return texts


def _scale(texts: dict[Address, str], address: Address, unit: int, default_unit: int) -> None:
    """Rewrite the amount beside a unit attribute in our unit."""
    written = texts[f"{address}@unit"]
    for leaf in (address, f"{address}@size", f"{address}@memory"):
        count = scale_libvirt(texts.get(leaf, ""), written, default_unit)
        if count is not None:
            texts[leaf] = str(-(-count // unit))
            texts[f"{address}@unit"] = "KiB" if unit == 1024 else "bytes"


def graft(
    root: Element,
    values: Iterable[tuple[Address, str | None]],
    identities: Identities,
    renamed: Mapping[Address, Address] | None = None,
) -> None:
    """Write each value at its address, making what is missing; None removes. Everything else stays as it is.

    `renamed` maps an element's address in `values` to the one it has in `root`
    (`devices/disk[root]` -> `devices/disk[vda]`).
    """
    places = dict(walk(root, identities))
    for ours, theirs in (renamed or {}).items():
        for address in [known for known in places if known == theirs or known.startswith(theirs + "/")]:
            places[ours + address[len(theirs) :]] = places.pop(address)
    places[""] = root
    # libvirt's extensions (`fs:mount_opts`) stand behind all else (formatstorage).
    for address, value in sorted(values, key=lambda pair: "/" not in pair[0] and foreign.is_foreign(pair[0])):
        if value is None:
            _remove(places, address)
        else:
            _write(places, address, value)


def _write(places: dict[Address, Element], address: Address, value: str) -> None:
    holder, at, attribute = address.rpartition("@")
    if at:
        _ensure(places, holder).set(foreign.tag_of(attribute), value)
        return
    if foreign.is_foreign(address):
        _put(places, address, foreign.made(value))
        return
    element = _ensure(places, address)
    if value:
        element.text = value


def _put(places: dict[Address, Element], address: Address, element: Element) -> None:
    """A foreign element in the place of the former one, else at the end."""
    former = places.get(address)
    parent = former.getparent() if former is not None else None
    if former is not None and parent is not None:
        parent.replace(former, element)
    else:
        _ensure(places, address.rpartition("/")[0]).append(element)
    places[address] = element


def _ensure(places: dict[Address, Element], address: Address) -> Element:
    """The element at this address, made after its last sibling of the same name if it is missing."""
    if address in places:
        return places[address]
    base, _, name = address.rpartition("/")
    parent = _ensure(places, base)
    tag = name.partition("[")[0]
    siblings = parent.findall(tag)
    element = parent.makeelement(tag)
    parent.insert(parent.index(siblings[-1]) + 1, element) if siblings else parent.append(element)
    places[address] = element
    return element


def _remove(places: dict[Address, Element], address: Address) -> None:
    """Drop a leaf or an element, and the elements around it that hold nothing any more."""
    holder, at, attribute = address.rpartition("@")
    element = places.get(holder if at else address)
    if element is None:
        return
    if at:
        element.attrib.pop(foreign.tag_of(attribute), None)
    else:
        _detach(places, element)
        element = places.get(address.rpartition("/")[0])
    while element is not None and not (len(element) or element.attrib or element.text):
        parent = element.getparent()
        if parent is None or (parent.getparent() is None and element.tag == "devices"):
            return
        _detach(places, element)
        element = parent


def _detach(places: dict[Address, Element], element: Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)
    gone = set(element.iter())
    for address in [address for address, known in places.items() if known in gone]:
        del places[address]
