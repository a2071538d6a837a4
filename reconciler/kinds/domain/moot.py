"""Where a running definition says it otherwise than the persistent one and means the same (libvirt 9.0, QEMU 7.2).

libvirt writes into it what the guest really got: how its processor was checked, which firmware was picked, what its
drives hold by now. No restart would make it equal, so nothing waits for one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconciler.kind import Locate
from reconciler.kinds.domain import sources
from reconciler.model.addresses import pattern_of
from reconciler.model.documents import Address, Texts


def moot(address: Address, config: Texts, live: Texts, locate: Locate) -> bool:
    """Whether this difference of the two definitions is none."""
    if address.startswith("os/"):
        return _is_picked_firmware(address, config, live)
    if sources.is_source(address):
        disk = f"{address.partition(']')[0]}]"
        return sources.same_place(disk, config, live, locate)
    judge = _JUDGES.get(pattern_of(address))
    return judge is not None and judge(address, config, live)


def _is_picked_firmware(address: Address, config: Texts, live: Texts) -> bool:
    """The image and the features that were asked for are one file now."""
    asked = config.get("os@firmware") == "efi" and "os/loader" in live and "os/loader" not in config
    return asked and address.startswith(("os/firmware", "os/loader", "os/nvram"))


def _is_expanded(address: Address, config: Texts, live: Texts) -> bool:
    """A host's model, spelled out: only libvirt adds a vendor to it."""
    spelled = live.get("cpu@mode") == "custom" and "cpu/vendor" in live and "cpu/vendor" not in config
    return config.get("cpu@mode") == "host-model" and spelled


def _is_empty(address: Address, config: Texts, live: Texts) -> bool:
    """An empty drive has no format."""
    drive = f"{address.partition(']')[0]}]"
    holds = any(known.startswith((f"{drive}/source@", f"{drive}/source/")) for known in live)
    return live.get(f"{drive}@device") in ("cdrom", "floppy") and not holds


def _is_checked_feature(address: Address, config: Texts, live: Texts) -> bool:
    """After a start libvirt lists every feature that the guest's processor really has, and what became of the asked."""
    if live.get("cpu@check") != "full":
        return False
    return address not in config or config[address] == "optional"


def _always(address: Address, config: Texts, live: Texts) -> bool:
    return True


_JUDGES: Mapping[str, Callable[[Address, Texts, Texts], bool]] = {
    "cpu@check": _always,
    "cpu@match": _always,
    "cpu/model@fallback": _always,
    "cpu@mode": _is_expanded,
    "cpu/model": _is_expanded,
    "cpu/feature[]": _is_checked_feature,
    "cpu/feature[]@policy": _is_checked_feature,
    "devices/disk[]/driver@type": _is_empty,
    # The guest opens and closes it.
    "devices/disk[]/target@tray": _always,
}
