"""Who uses a secret or a network filter: found in the definitions of those who could."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar, cast

from reconciler import definitions, markup
from reconciler.errors import trouble
from reconciler.model.documents import Claims, Need
from reconciler.model.refs import Ref
from reconciler.naming import USES, secret_name
from reconciler.ports import Handle, error_code
from reconciler.usage import named

Thing = TypeVar("Thing")
# Whether a definition uses something.
Uses = Callable[[str], bool]
# libvirt-domain.h: VIR_DOMAIN_XML_INACTIVE; virterror.h: VIR_ERR_NO_SUPPORT.
XML_INACTIVE = 2
UNSUPPORTED = 3
# How those who need a secret ask for it -> what libvirt says it is for, and the other way round.
_USED_FOR = {
    "passphrase": "volume",
    "luks": "volume",
    "qcow": "volume",
    "chap": "iscsi",
    "iscsi": "iscsi",
    "ceph": "ceph",
}
_ASKED_AS = {"iscsi": ("iscsi", "chap"), "ceph": ("ceph",)}


class Described(Protocol):
    """Anything with a name and a definition."""

    def name(self) -> str: ...
    def XMLDesc(self, flags: int) -> str: ...  # noqa: N802


class Domain(Described, Protocol):
    """What we use of libvirt's virDomain."""

    def isActive(self) -> int: ...  # noqa: N802


class Pool(Described, Protocol):
    """What we use of libvirt's virStoragePool."""

    def isActive(self) -> int: ...  # noqa: N802
    def listAllVolumes(self, flags: int) -> list[Described]: ...  # noqa: N802


class Connection(Protocol):
    """What we use of libvirt's virConnect."""

    def listAllDomains(self, flags: int) -> list[Domain]: ...  # noqa: N802
    def listAllStoragePools(self, flags: int) -> list[Pool]: ...  # noqa: N802
    def listAllNWFilters(self, flags: int) -> list[Described]: ...  # noqa: N802


def secret(definition: str) -> Uses:
    """What uses the secret of this definition: by its UUID, or by what it is for."""
    described = markup.parse(definition)
    uuid = (described.findtext("uuid") or "").strip().lower()
    usage = described.find("usage")
    use = usage.get("type", "") if usage is not None else ""
    called = described.findtext(f"usage/{USES.get(use, 'name')}") or ""

    def uses(xml: str) -> bool:
        if uuid not in xml and (not use or not _mentions(xml, called)):
            return False
        root = markup.parse(xml)
        if root.tag == "secret":
            return False
        return any(_asks(element, use, called, uuid) for element in root.iter("secret", "encryption"))

    return uses


def _mentions(xml: str, word: str) -> bool:
    """Whether a word may stand in a definition, whatever is spelled with an entity there."""
    return word in xml or "&" in xml


def _asks(element: markup.Element, use: str, called: str, uuid: str) -> bool:
    # An emulated TPM names its secret in an attribute of <encryption> (formatdomain, "TPM device").
    if (element.get("uuid") or element.get("secret") or "").lower() == uuid:
        return True
    if element.tag != "secret" or element.get("usage") != called:
        return False
    parent = element.getparent()
    asked = element.get("type") or (parent.get("type") if parent is not None else None)
    return asked in _ASKED_AS.get(use, (asked,)) if asked != "passphrase" else use == "volume"


def secret_needs(claims: Claims) -> tuple[Need, ...]:
    """The secrets that a definition asks for, by what they are for or by UUID (`uuid/2ec1…`).

    They may be on the host without any document: whether they are is seen before anything is done.
    """
    return tuple(Need(Ref("Secret", name), external=True) for name in dict.fromkeys(_asked_for(claims)))


def _asked_for(claims: Claims) -> Iterator[str]:
    for address, text in claims.items():
        if text is None:
            continue
        if address.endswith(("secret@uuid", "encryption@secret")):
            yield f"uuid/{text.lower()}"
        elif address.endswith("secret@usage"):
            secret = address.removesuffix("@usage")
            around = secret.rpartition("/")[0]
            asked = claims.get(f"{secret}@type") or claims.get(f"{around}@type")
            yield secret_name(_USED_FOR.get(asked or "", "ceph"), text, "")


def network_filter(name: str) -> Uses:
    """What uses a network filter: interfaces, and other filters."""

    def uses(xml: str) -> bool:
        if "<filterref" not in xml:
            return False
        return any(found.get("filter") == name for found in markup.parse(xml).iter("filterref"))

    return uses


def must_be_unused(handle: Handle, ref: Ref, uses: Uses) -> None:
    """Raises R403 while anything on the host uses this object: libvirt itself would let it go."""
    found = list(dict.fromkeys(str(user) for user in _users(cast(Connection, handle), uses) if user != ref))
    if found:
        raise trouble("R403", f"{ref} is used by {named(found)}; take it away there first")


def _users(connection: Connection, uses: Uses) -> Iterator[Ref]:
    for domain in _asked(lambda: connection.listAllDomains(0)):
        if uses(definitions.persistent(domain.XMLDesc, XML_INACTIVE)) or (
            domain.isActive() and uses(domain.XMLDesc(0))
        ):
            yield Ref("Domain", domain.name())
    for found in _asked(lambda: connection.listAllNWFilters(0)):
        if uses(found.XMLDesc(0)):
            yield Ref("NwFilter", found.name())
    for pool in _asked(lambda: connection.listAllStoragePools(0)):
        if uses(pool.XMLDesc(0)):
            yield Ref("Pool", pool.name())
        for volume in pool.listAllVolumes(0) if pool.isActive() else ():
            if uses(volume.XMLDesc(0)):
                yield Ref("Volume", f"{pool.name()}/{volume.name()}")


def _asked(ask: Callable[[], list[Thing]]) -> list[Thing]:
    """What a driver lists; nothing where it has no such objects."""
    try:
        return ask()
    except Exception as error:
        if error_code(error) != UNSUPPORTED:
            raise
        return []
