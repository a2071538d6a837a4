"""Memory modules in libvirt's totals: `memory` counts all of them, and the balloon works on the dimms as well.

A document's memory.max and memory.current are what the machine has without its modules, whatever is plugged in.
(libvirt 9.0: virDomainDefGetMemoryTotal; QEMU 7.2: get_current_ram_size counts pc-dimm.)
"""

from __future__ import annotations

import re

from reconciler import markup
from reconciler.model.addresses import entry_keys
from reconciler.model.documents import Address, Texts

_AT = "devices/memory"
_DIMM = re.compile(r"<memory model='dimm'.*?<size unit='KiB'>(\d+)<", re.DOTALL)


def without_modules(texts: dict[Address, str]) -> None:
    """Take the modules out of the totals of a definition."""
    if "memory" not in texts or not entry_keys(texts, _AT):
        return
    dimms, all_ = _sizes(texts)
    memory = int(texts["memory"]) - all_
    texts["memory"] = str(memory)
    if "currentMemory" in texts:
        # Where nobody said anything, libvirt counts virtio-mem here too.
        texts["currentMemory"] = str(min(memory, int(texts["currentMemory"]) - dimms))


def _sizes(texts: Texts) -> tuple[int, int]:
    """KiB of dimms, and of all modules."""
    sizes = [
        (texts.get(f"{_AT}[{key}]@model"), int(texts.get(f"{_AT}[{key}]/target/size", "0")))
        for key in entry_keys(texts, _AT)
    ]
    return sum(size for model, size in sizes if model == "dimm"), sum(size for _, size in sizes)


def dimms(texts: Texts) -> int:
    """KiB of dimms: what the balloon's size has on top."""
    return _sizes(texts)[0]


def dimms_in(xml: str) -> int:
    """The same of a definition in libvirt's spelling, found by pattern: every running machine is asked."""
    return sum(map(int, _DIMM.findall(xml))) if "<memory model=" in xml else 0


def with_modules(xml: str, memory: str, current: str) -> str:
    """The definition with these totals, both in KiB without its modules, and what those come to on top."""
    root = markup.parse(xml)
    sizes = [(each.get("model"), int(each.findtext("target/size") or 0)) for each in root.iterfind("devices/memory")]
    all_, dimms = sum(size for _, size in sizes), sum(size for model, size in sizes if model == "dimm")
    for name, total, on_top in (("memory", memory, all_), ("currentMemory", current, dimms)):
        element = root.find(name)
        if element is not None and total.isdecimal():
            element.text = str(int(total) + on_top)
    return markup.serialise(root)
