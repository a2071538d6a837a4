"""Between a domain's XML and its texts: what identifies elements, what means the same, how it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from html import escape

from reconciler import definitions, markup
from reconciler.kind import Situation, Weight
from reconciler.kinds.domain import devices
from reconciler.kinds.domain.born import born
from reconciler.kinds.domain.displaced import displaced
from reconciler.kinds.domain.modules import with_modules, without_modules
from reconciler.kinds.domain.passing import passing
from reconciler.markup import Element, Identities
from reconciler.model.addresses import element_of, inside
from reconciler.model.documents import PATH_OF, Address, Spec, Texts
from reconciler.model.plans import Diff
from reconciler.model.quantities import scale_libvirt

KIB = 1024

IDENTITIES: Identities = {
    "os/boot": (),
    "os/initarg": (),
    "os/initenv": ("@name",),
    "os/firmware/feature": ("@name",),
    "sysinfo": ("@type",),
    "sysinfo/entry": ("@name",),
    "sysinfo/bios/entry": ("@name",),
    "sysinfo/system/entry": ("@name",),
    "sysinfo/baseBoard/entry": ("@name",),
    "sysinfo/chassis/entry": ("@name",),
    "sysinfo/oemStrings/entry": (),
    "memoryBacking/hugepages/page": (),
    "vcpus/vcpu": ("@id",),
    "iothreadids/iothread": ("@id",),
    "cpu/feature": ("@name",),
    "cpu/numa/cell": ("@id",),
    "cpu/numa/cell/distances/sibling": ("@id",),
    "cputune/vcpupin": ("@vcpu",),
    "cputune/iothreadpin": ("@iothread",),
    "cputune/vcpusched": ("@vcpus",),
    "cputune/iothreadsched": ("@iothreads",),
    "numatune/memnode": ("@cellid",),
    "blkiotune/device": ("path",),
    "clock/timer": ("@name",),
    "idmap/uid": ("@start",),
    "idmap/gid": ("@start",),
    "keywrap/cipher": ("@name",),
    "perf/event": ("@name",),
    "seclabel": ("@model",),
    **devices.IDENTITIES,
}

_SKELETON = "<domain><name>{name}</name></domain>"


def read(text: str) -> dict[Address, str]:
    """A definition as texts, with what libvirt leaves unsaid filled in."""
    texts = _flat(markup.parse(text))
    _complete(texts)
    if texts.get("os/loader@type") == "pflash":
        texts.setdefault("os@firmware", "efi")
    return texts


def said(root: Element, *, whole: bool) -> dict[Address, str]:
    """What a manifest's own XML claims. Of a whole file (`virsh dumpxml`) not what the moment put there."""
    texts = _flat(root)
    if not whole:
        return texts
    kept = {address: text for address, text in texts.items() if not passing(address, texts)}
    for holder in _holders(texts):
        if kept.get(holder) == "":
            del kept[holder]
    if "@id" not in texts:
        _complete(kept)
    return kept


def _holders(texts: Mapping[Address, str]) -> set[Address]:
    """The elements without a key that others stand in: what is there only to hold them."""
    return {
        holder
        for address in texts
        for holder in (element_of(address), address.rpartition("/")[0])
        if holder != address and not holder.endswith("]")
    }


def _flat(root: Element) -> dict[Address, str]:
    texts = devices.normalise(markup.flatten(root, IDENTITIES, unit=KIB, default_unit=KIB))
    if texts.get("os@firmware") == "bios":
        del texts["os@firmware"]
    without_modules(texts)
    return texts


def _complete(texts: dict[Address, str]) -> None:
    """Fill in what is equal to its neighbour where libvirt prints nothing: plugged vCPUs, ballooned memory."""
    if "vcpu" in texts:
        texts.setdefault("vcpu@current", texts["vcpu"])
    if "memory" in texts:
        texts.setdefault("currentMemory", texts["memory"])


def same(address: Address, want: str, have: str) -> bool:
    """Whether libvirt means one thing by both: a machine's alias and its version, a set of CPUs in two spellings."""
    if address == "os/type@machine":
        return family(have) == want
    if address.endswith(("@cpuset", "@nodeset", "@cpus")):
        return numbers(want) == numbers(have)
    if address.startswith("sysinfo["):
        # What is made from a document has a digest in its name.
        return want.startswith(PATH_OF) and want.rpartition("/")[2] == have.rpartition("/")[2]
    return address.startswith("devices/") and devices.same(address, want, have)


def family(machine: str) -> str:
    """A machine type without its version: `pc-q35-7.2` is a q35, `pc-i440fx-7.2` a pc."""
    name = re.sub(r"-[0-9.]+$", "", machine)
    return {"pc-q35": "q35", "pc-i440fx": "pc"}.get(name, name)


def numbers(cpuset: str) -> frozenset[int]:
    """The CPUs in `0-3,^2`."""
    there: set[int] = set()
    for part in cpuset.split(","):
        first, _, last = part.strip().lstrip("^").partition("-")
        if not first.isdecimal():
            return frozenset()
        span = range(int(first), int(last or first) + 1)
        there = there - set(span) if part.strip().startswith("^") else there | set(span)
    return frozenset(there)


def render(spec: Spec, situation: Situation | None, diffs: Sequence[Diff]) -> str:
    """The definition for a new domain, or the host's own with these differences carried out."""
    if situation is None:
        skeleton = _SKELETON.format(name=escape(spec.ref.name))
        return _with_modules(definitions.build(skeleton, spec, IDENTITIES, born(spec)), spec, {})
    moved = tuple(dict.fromkeys(_newly_placed(diffs)))
    claims = {**inside(spec.hints, *moved), **inside(spec.claims, *moved)}
    wanted = devices.born_for(claims, situation.texts) if moved else {}
    changes = (*displaced(situation, diffs), *diffs, *_spelt_out(situation, diffs))
    return _with_modules(definitions.revise(situation, changes, IDENTITIES, wanted), spec, situation.texts)


def _with_modules(text: str, spec: Spec, texts: Texts) -> str:
    """The definition with its memory modules in the balloon's size, which the document gives without them."""
    if not any(address.startswith("devices/memory[") for address in (*spec.claims, *texts)):
        return text
    memory, current = (spec.claims.get(name) or texts.get(name, "") for name in ("memory", "currentMemory"))
    return with_modules(text, memory, current)


def _spelt_out(situation: Situation, diffs: Sequence[Diff]) -> Iterator[Diff]:
    """What was no difference while something else stood for it that now changes.

    A pflash image means UEFI (see `read`); vCPUs that no NUMA cell names are in the first one (libvirt 9.0);
    an APIC stays when what was said of it goes; UEFI needs ACPI on x86 (libvirt 9.0).
    """
    after = {diff.address: diff.after for diff in diffs}
    if "features/apic@eoi" in after and "features/apic" not in {**situation.spec.claims, **after}:
        yield Diff("features/apic", "", "")
    efi = after.get("os@firmware") == "efi" or after.get("os/loader@type") == "pflash"
    if efi and "features/acpi" not in {**situation.spec.claims, **situation.texts}:
        yield Diff("features/acpi", None, "")
    for address, text in situation.spec.claims.items():
        firmware = address == "os@firmware" and after.get("os/loader", "") is None
        if text and (firmware or ("vcpu" in after and _CELL_CPUS.fullmatch(address))):
            yield Diff(address, situation.texts.get(address), text)


_CELL_CPUS = re.compile(r"cpu/numa/cell\[[^]]*\]@cpus")


def _newly_placed(diffs: Sequence[Diff]) -> Iterator[Address]:
    """The devices that come new, and the disks that change their bus: both may need what the host has not."""
    for diff in diffs:
        comes = diff.before is None and diff.after is not None
        if comes and (diff.address.endswith("]") or diff.address == devices.TPM_AT):
            yield diff.address
        elif diff.address.startswith("devices/disk[") and diff.address.endswith("/target@bus"):
            yield diff.address.partition("/target@")[0]


_MEMORY = re.compile(r"<memory(?: unit=[\"']([^\"']*)[\"'])?>\s*(\d+)")
_CURRENT_MEMORY = re.compile(r"<currentMemory(?: unit=[\"']([^\"']*)[\"'])?>\s*(\d+)")
_VCPU = re.compile(r"<vcpu(?=[\s>])([^>]*)>\s*(\d+)")
_VCPU_CURRENT = re.compile(r"current=[\"'](\d+)[\"']")


def weigh(text: str) -> Weight:
    """vCPUs and bytes of memory in a definition, found by pattern: thousands are weighed at every plan."""
    vcpu = _VCPU.search(text)
    most = int(vcpu[2]) if vcpu else 1
    plugged = _VCPU_CURRENT.search(vcpu[1]) if vcpu else None
    memory = _bytes(_MEMORY.search(text))
    return Weight(
        vcpus=int(plugged[1]) if plugged else most,
        vcpus_max=most,
        memory=_bytes(_CURRENT_MEMORY.search(text)) or memory,
        memory_max=memory,
    )


def _bytes(found: re.Match[str] | None) -> int:
    return (scale_libvirt(found[2], found[1] or "", KIB) or 0) if found else 0


# Asked two or three times in a row of one definition.
@lru_cache(maxsize=16)
def owner(text: str) -> str:
    """The owner mark in a definition; most have none, so the text is searched before it is parsed."""
    if markup.NAMESPACES["reconciler"] not in text:
        return ""
    return definitions.read_owner(markup.parse(text))
