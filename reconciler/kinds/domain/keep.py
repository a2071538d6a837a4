"""What an import keeps of a definition: all but what libvirt 9.0 puts there again by itself where nobody says it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.kinds.domain import devices, wired
from reconciler.kinds.domain.born import born
from reconciler.kinds.domain.spec import OWNER
from reconciler.model.documents import Address, Spec, Texts
from reconciler.model.refs import Ref

# What libvirt 9.0 writes into every definition that does not say it.
_FILLED = {
    "on_poweroff": "destroy",
    "on_reboot": "restart",
    "on_crash": "destroy",
    "clock@offset": "utc",
    "vcpu@placement": "static",
    "os/type": "hvm",
}
# The processor of an emulated x86 machine that asked for none.
_FILLED_CPU = {
    "cpu@mode": "custom",
    "cpu@match": "exact",
    "cpu@check": "none",
    "cpu/model": "qemu64",
    "cpu/model@fallback": "forbid",
}
# A controller, or the place of a device: the element, and the device that it belongs to.
_WIRING = re.compile(r"(devices/controller\[[^]]*\])(?:/address)?|(devices/[^/@\[]+(?:\[[^]]*\])?)/address")
_OURS = re.compile(r"features/a(cpi|pic)|devices/(interface\[[^]]*\]/model@type|disk\[[^]]*\]/target@bus)")
_CHAIN = re.compile(r"devices/disk\[[^]]*\]/backingStore")
_BALLOON = "devices/memballoon@model"
_IDENTITY = ("name", "uuid", "@id", OWNER)
# Where distributions keep the programs that libvirt picks.
_EMULATOR = re.compile(r"/usr/bin/qemu-system-(\w+)|/usr/libexec/qemu-kvm|/usr/lib/libvirt/libvirt_lxc")


def keep(texts: Texts) -> dict[Address, str]:
    """The texts that a document has to say."""
    kept = dict(_kept(texts))
    if any(address.startswith("devices/memballoon/") for address in kept):
        # libvirt 9.0 takes no balloon without its model.
        kept[_BALLOON] = texts[_BALLOON]
    return kept


def _kept(texts: Texts) -> Iterator[tuple[Address, str]]:
    unsaid, quiet = wired.unsaid(texts), {*_IDENTITY, "devices", *_filled(texts), *_born(texts)}
    for address, text in texts.items():
        if address in quiet:
            continue
        if (wiring := _WIRING.match(address)) is not None:
            if wiring[0] not in unsaid and wiring[1] not in unsaid and not wired.follows(address, texts):
                yield address, text
        elif _CHAIN.match(address) and "@id" not in texts:
            # A chain that somebody wrote down; that of a running guest is what libvirt found.
            yield address, text
        elif not devices.is_noise(address, texts):
            yield address, text


def _filled(texts: Texts) -> Iterator[Address]:
    """What libvirt writes into a definition that says nothing of it."""
    yield from (at for at, text in _FILLED.items() if texts.get(at) == text and at != "clock@offset")
    clock = [at for at in texts if at.startswith(("clock@", "clock/"))]
    if clock == ["clock@offset"] and texts["clock@offset"] == "utc":
        yield "clock@offset"
    if "@id" in texts and texts.get("resource/partition") == "/machine":
        yield "resource/partition"
    if texts.get("os/loader"):
        yield "os@firmware"
    if _is_picked(texts.get("devices/emulator", ""), texts):
        yield "devices/emulator"
    boots = [at for at in texts if at.startswith("os/boot[")]
    if [texts[at] for at in boots if at.endswith("@dev")] == ["hd"]:
        yield from boots
    processor = [at for at in texts if at.startswith("cpu")]
    if texts.get("os/type@arch") == "x86_64" and {at: texts[at] for at in processor if texts[at]} == _FILLED_CPU:
        yield from processor


def _born(texts: Texts) -> frozenset[Address]:
    """What a new machine of ours has by itself, where this one has the very same."""
    candidates = frozenset(address for address in texts if _OURS.fullmatch(address))
    claims = {at: text for at, text in texts.items() if at not in candidates and at != "name"}
    values = born(Spec(ref=Ref("Domain", texts.get("name", "")), host="", claims=claims))
    return frozenset(address for address in candidates if values.get(address) == texts[address])


def _is_picked(emulator: str, texts: Texts) -> bool:
    """Whether libvirt would run this very program."""
    found = _EMULATOR.fullmatch(emulator)
    return found is not None and found[1] in (None, texts.get("os/type@arch"))
