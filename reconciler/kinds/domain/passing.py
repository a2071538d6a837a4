"""What a definition holds only because its guest runs, or ran, on this host at this moment (libvirt 9.0)."""

from __future__ import annotations

import re

from reconciler.model.addresses import pattern_of
from reconciler.model.documents import Address, Texts

_ALWAYS = re.compile(
    r"@id"
    r"|devices/disk\[\]/source@index"
    r"|devices/interface\[\]/source@portid"
    r"|devices/(serial|console|parallel|channel)\[\](@tty|/target@state)"
)
# Only `virsh dumpxml` of a running guest shows these; a definition that holds them means them.
_LIVE = re.compile(
    r"resource(/partition)?|currentMemory(@unit)?|devices/disk\[\]/(backingStore|mirror)([/@].*)?"
    r"|devices/interface\[\]/source@bridge"
)
# After a start libvirt writes down what the guest's processor really got, and marks that as check='full'.
_CPU = re.compile(r"cpu@check|cpu/feature\[\]([/@].*)?")
_FIRMWARE = re.compile(r"os/(loader|nvram)([/@].*)?")
_SOCKET = re.compile(r"/dev/pts/\d+|.*/channel/target/.*|.*/domain-.*")


def passing(address: Address, texts: Texts) -> bool:
    """Whether a committed file should not ask for this, since the next start makes another."""
    pattern = pattern_of(address)
    if _ALWAYS.fullmatch(pattern) or _label(address, texts) or _device(pattern, address, texts):
        return True
    if "@id" not in texts:
        return False
    if pattern == "devices/interface[]/source@bridge":
        return texts.get(f"{address.partition(']')[0]}]@type") == "network"
    if _CPU.fullmatch(pattern):
        return texts.get("cpu@check") == "full"
    return bool(_LIVE.fullmatch(pattern)) or ("os@firmware" in texts and bool(_FIRMWARE.fullmatch(pattern)))


def _label(address: Address, texts: Texts) -> bool:
    """A security label that libvirt makes at each start."""
    if not address.startswith("seclabel["):
        return False
    return texts.get(f"{address.partition(']')[0]}]@type") in ("dynamic", "none")


def _device(pattern: str, address: Address, texts: Texts) -> bool:
    """An alias, a tap device, a port or a socket that libvirt chose."""
    text = texts[address]
    if pattern.endswith("/alias@name"):
        return not text.startswith("ua-")
    if pattern.endswith("/alias"):
        return not texts.get(f"{address}@name", "").startswith("ua-")
    if pattern == "devices/interface[]/target@dev":
        return text.startswith(("vnet", "macvtap", "macvlan"))
    if pattern.startswith("devices/graphics") and pattern.endswith("@port"):
        return texts.get(address.removesuffix("@port") + "@autoport") == "yes"
    if re.fullmatch(r"devices/(serial|console|parallel|channel)\[\]/source@(path|mode)", pattern):
        return bool(_SOCKET.fullmatch(texts.get(f"{address.partition('@')[0]}@path", "")))
    return pattern == "devices/vsock/cid@address" and texts.get("devices/vsock/cid@auto") == "yes"
