"""Between a domain's XML and its texts: what identifies elements, what means the same, how it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from reconciler import definitions, markup
from reconciler.kind import Situation, Weight
from reconciler.kinds.domain import devices
from reconciler.markup import Element, Identities
from reconciler.model.documents import Address, Claims, Spec, Texts
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

# What a new x86 machine is born with; other architectures have their own way of powering off.
_X86 = ("x86_64", "i686")
_BORN_X86 = {"os/type@machine": "q35", "features/acpi": "", "features/apic": ""}
_BORN_MACHINES = {"aarch64": "virt", "riscv64": "virt"}
# Room for a document that says nothing about memory: libvirt demands a number.
_BORN_MEMORY = str(1 << 20)
_SKELETON = "<domain><name>{name}</name></domain>"

# What a change makes meaningless if nobody claims it: changing the first takes the others away.
_DISPLACES: Mapping[Address, tuple[Address, ...]] = {
    "cpu@mode": ("cpu/model", "cpu/vendor", "cpu@match", "cpu@check", "cpu@migratable"),
    "vcpu": ("vcpus",),
    "vcpu@current": ("vcpus",),
    "iothreads": ("iothreadids",),
    "os@firmware": ("os/loader", "os/nvram", "os/firmware"),
    "clock@offset": ("clock@timezone", "clock@basis", "clock@adjustment", "clock@start"),
}
# What only a running domain's XML has (libvirt 9.0, virsh dumpxml without --inactive).
_LIVE = re.compile(r"@id|seclabel\[[^]]*\].*|resource|resource/partition|currentMemory(@unit)?|os/(loader|nvram).*")


def read(text: str) -> dict[Address, str]:
    """A definition as texts, with what libvirt leaves unsaid filled in."""
    texts = _flat(markup.parse(text))
    _complete(texts)
    if texts.get("os/loader@type") == "pflash":
        texts.setdefault("os@firmware", "efi")
    return texts


def said(root: Element, *, whole: bool) -> dict[Address, str]:
    """What a manifest's own XML claims. A whole file may be a `virsh dumpxml`: what only the moment put there is left out."""
    texts = _flat(root)
    if not whole:
        return texts
    live = "@id" in texts
    firmware = "os@firmware" in texts
    kept = {
        address: text
        for address, text in texts.items()
        if not devices.is_noise(address, texts)
        and not (live and _LIVE.fullmatch(address) and (firmware or not address.startswith("os/")))
    }
    if not live:
        _complete(kept)
    return kept


def _flat(root: Element) -> dict[Address, str]:
    texts = devices.normalise(markup.flatten(root, IDENTITIES, unit=KIB, default_unit=KIB))
    if texts.get("os@firmware") == "bios":
        del texts["os@firmware"]
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
        return _numbers(want) == _numbers(have)
    return address.startswith("devices/") and devices.same(address, want, have)


def family(machine: str) -> str:
    """A machine type without its version: `pc-q35-7.2` is a q35, `pc-i440fx-7.2` a pc."""
    name = re.sub(r"-[0-9.]+$", "", machine)
    return {"pc-q35": "q35", "pc-i440fx": "pc"}.get(name, name)


def _numbers(cpuset: str) -> frozenset[int]:
    """The CPUs in `0-3,^2`."""
    there: set[int] = set()
    for part in cpuset.split(","):
        first, _, last = part.strip().lstrip("^").partition("-")
        if not first.isdecimal():
            return frozenset()
        span = range(int(first), int(last or first) + 1)
        there = there - set(span) if part.strip().startswith("^") else there | set(span)
    return frozenset(there)


def topology_product(claims: Claims) -> int | None:
    """How many vCPUs a topology makes; None where it does not say."""
    counts = [claims.get(f"cpu/topology@{level}") for level in ("sockets", "dies", "cores", "threads")]
    if not any(counts):
        return None
    product = 1
    for count in counts:
        product *= int(count) if count and count.isdecimal() else 1
    return product


def render(spec: Spec, situation: Situation | None, diffs: Sequence[Diff]) -> str:
    """The definition for a new domain, or the host's own with these differences carried out."""
    if situation is None:
        skeleton = _SKELETON.format(name=escape(spec.ref.name))
        return definitions.build(skeleton, spec, IDENTITIES, born(spec))
    fresh = [diff.address for diff in diffs if diff.address.endswith("]") and diff.before is None]
    claims = {
        address: text
        for address, text in spec.claims.items()
        if any(address == element or address.startswith((element + "/", element + "@")) for element in fresh)
    }
    wanted = devices.born_for({**claims, **_inside(spec.hints, fresh)}, situation.texts) if fresh else {}
    changes = (*_displaced(situation, diffs), *diffs)
    return definitions.revise(situation, changes, IDENTITIES, wanted)


def _inside(values: Texts, elements: Sequence[Address]) -> Iterator[tuple[Address, str]]:
    yield from ((at, text) for at, text in values.items() if at.startswith(tuple(f"{one}/" for one in elements)))


def born(spec: Spec) -> dict[Address, str]:
    """What a new domain starts with where the document says nothing.

    The hypervisor and the architecture are the host's affair: hints for `@type` and `os/type@arch` say what it has.
    """
    known: dict[Address, str | None] = {**spec.hints, **spec.claims}
    kind, arch = known.get("@type") or "kvm", known.get("os/type@arch") or "x86_64"
    values = {"@type": kind, "os/type": "exe" if kind == "lxc" else "hvm", "memory": _BORN_MEMORY, "memory@unit": "KiB"}
    if known.get("os/type") in ("exe", "linux", "xen", "xenpvh") or kind in ("lxc", "test"):
        return values
    if arch in _X86:
        values |= _BORN_X86
    elif arch in _BORN_MACHINES:
        values["os/type@machine"] = _BORN_MACHINES[arch]
    full = {**values, **{address: text for address, text in known.items() if text is not None}}
    return {**values, **devices.born(full)}


def _displaced(situation: Situation, diffs: Sequence[Diff]) -> Iterator[Diff]:
    """What has to go because something else changes and nobody claims it."""
    for address in _meaningless(situation, diffs):
        claimed = any(
            known == address or known.startswith((f"{address}@", f"{address}/", f"{address}["))
            for known in situation.spec.claims
        )
        if address in situation.texts and not claimed:
            yield Diff(address, situation.texts[address], None)


def _meaningless(situation: Situation, diffs: Sequence[Diff]) -> Iterator[Address]:
    after = {diff.address: diff.after for diff in diffs}
    for address in after:
        yield from _DISPLACES.get(address, ())
    if any(address.startswith("devices/") and _orders_boot(situation, address) for address in after):
        yield from (known for known in situation.texts if re.fullmatch(r"os/boot\[[^]]*\]", known))
    most = after.get("vcpu")
    if most is not None:
        if topology_product(situation.texts) != int(most):
            yield "cpu/topology"
        if int(situation.texts.get("vcpu@current", "0")) > int(most):
            yield "vcpu@current"


def _orders_boot(situation: Situation, address: Address) -> bool:
    """Whether this change gives a device its own place in the boot order; libvirt wants no classes beside it."""
    if address.endswith("]"):
        return f"{address}/boot@order" in situation.spec.claims
    return address.endswith("/boot@order")


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


def owner(text: str) -> str:
    """The owner mark in a definition; most have none, so the text is searched before it is parsed."""
    if markup.NAMESPACES["reconciler"] not in text:
        return ""
    return definitions.read_owner(markup.parse(text))
