"""What an import keeps of a definition: all but what libvirt 9.0 puts there again by itself where nobody says it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.kinds.domain import devices
from reconciler.kinds.domain.spec import OWNER
from reconciler.model.documents import Address, Texts

# What libvirt 9.0 writes into every definition that does not say it.
_FILLED = {
    "on_poweroff": "destroy",
    "on_reboot": "restart",
    "on_crash": "destroy",
    "clock@offset": "utc",
    "vcpu@placement": "static",
    "os/type": "hvm",
    "resource/partition": "/machine",
}
# The processor of an emulated x86 machine that asked for none.
_FILLED_CPU = {
    "cpu@mode": "custom",
    "cpu@match": "exact",
    "cpu@check": "none",
    "cpu/model": "qemu64",
    "cpu/model@fallback": "forbid",
}
_IDENTITY = ("name", "uuid", "@id", OWNER)
# Where distributions keep the programs that libvirt picks.
_EMULATOR = re.compile(r"/usr/bin/qemu-system-(\w+)|/usr/libexec/qemu-kvm|/usr/lib/libvirt/libvirt_lxc")


def keep(texts: Texts) -> dict[Address, str]:
    """The texts that a document has to say."""
    return dict(_kept(texts))


def _kept(texts: Texts) -> Iterator[tuple[Address, str]]:
    filled = {address for address, text in _FILLED.items() if texts.get(address) == text}
    if any(address.startswith(("clock@", "clock/")) and address != "clock@offset" for address in texts):
        filled.discard("clock@offset")
    processor = {at: text for at, text in texts.items() if at.startswith("cpu") and at != "cpu" and text}
    boots = [at for at in texts if at.startswith("os/boot[") and at.endswith("@dev")]
    default_boot = [texts[at] for at in boots] == ["hd"]
    for address, text in texts.items():
        if address in _IDENTITY or address in filled or address == "devices":
            continue
        if address == "os@firmware" and "os/loader" in texts:
            continue
        if address == "devices/emulator" and _is_picked(text, texts):
            continue
        if (default_boot and address.startswith("os/boot[")) or (
            processor == _FILLED_CPU and address.startswith("cpu")
        ):
            continue
        if not devices.is_noise(address, texts):
            yield address, text


def _is_picked(emulator: str, texts: Texts) -> bool:
    """Whether libvirt would run this very program."""
    found = _EMULATOR.fullmatch(emulator)
    return found is not None and found[1] in (None, texts.get("os/type@arch"))
