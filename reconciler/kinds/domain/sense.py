"""What a document means without saying it, and where it contradicts itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from reconciler.errors import Problem
from reconciler.kinds.domain import devices, health
from reconciler.kinds.domain.displaced import topology_product
from reconciler.model.documents import Address, Claims, Document, Spec

PathOf = Callable[[Address], str]


class Implies(NamedTuple):
    """Who says `said` means `value` at `address`. A prefix ends with "/", "@" or "["."""

    said: str
    address: Address
    value: str


class Requires(NamedTuple):
    """Who says `said` has to say one of `needed` too, called `path` in the document."""

    said: str
    needed: Address
    path: str


IMPLIED: tuple[Implies, ...] = (
    Implies("cpu/model", "cpu@mode", "custom"),
    Implies("cpu/topology@", "cpu/topology@sockets", "1"),
    Implies("cpu/topology@", "cpu/topology@cores", "1"),
    Implies("cpu/topology@", "cpu/topology@threads", "1"),
    Implies("cpu/cache@level", "cpu/cache@mode", "emulate"),
    Implies("cpu/maxphysaddr@bits", "cpu/maxphysaddr@mode", "emulate"),
    Implies("features/hyperv/spinlocks@retries", "features/hyperv/spinlocks@state", "on"),
    Implies("features/hyperv/vendor_id@value", "features/hyperv/vendor_id@state", "on"),
    Implies("os/firmware/", "os@firmware", "efi"),
    Implies("os/nvram", "os@firmware", "efi"),
    Implies("os/bootmenu@timeout", "os/bootmenu@enable", "yes"),
    Implies("devices/memballoon/", "devices/memballoon@model", "virtio"),
    Implies("devices/memballoon@", "devices/memballoon@model", "virtio"),
    Implies("clock@timezone", "clock@offset", "timezone"),
    Implies("clock@basis", "clock@offset", "variable"),
    Implies("clock@adjustment", "clock@offset", "variable"),
    Implies("sysinfo[smbios]/", "os/smbios@mode", "sysinfo"),
)

# What libvirt 9.0 refuses or drops without its other half.
REQUIRED: tuple[Requires, ...] = (
    Requires("cpu@check", "cpu@mode", "cpu.mode or cpu.model"),
    Requires("cpu@match", "cpu@mode", "cpu.mode or cpu.model"),
    Requires("cpu@migratable", "cpu@mode", "cpu.mode"),
    Requires("cpu/model@fallback", "cpu@mode", "cpu.mode or cpu.model"),
    Requires("cpu/feature[", "cpu@mode", "cpu.mode or cpu.model"),
    Requires("cpu/cache@mode", "cpu@mode", "cpu.mode or cpu.model"),
    Requires("devices/memory[", "maxMemory", "memory.hotplug"),
    Requires("maxMemory", "maxMemory@slots", "memory.hotplug.slots"),
    Requires("maxMemory@slots", "maxMemory", "memory.hotplug.max"),
    Requires(
        "memoryBacking/hugepages/page[0]@nodeset", "memoryBacking/hugepages/page[0]@size", "memory.hugepages.pageSize"
    ),
    Requires("os/loader@", "os/loader", "firmware.loader"),
    Requires("os/nvram@template", "os/loader", "firmware.loader"),
)


def _said(claims: Claims, what: str) -> bool:
    if what[-1] in "/@[":
        return any(text is not None and address.startswith(what) for address, text in claims.items())
    return bool(claims.get(what))


def complete(claims: dict[Address, str | None], typed: Claims) -> None:
    """Add what the `typed` ones among the claims mean: libvirt's own words in a document mean what they say."""
    for rule in IMPLIED:
        if rule.address not in claims and _said(typed, rule.said):
            claims[rule.address] = rule.value
    if claims.get("os/loader"):
        # With an image named, libvirt wants no word on firmware: it would pick another (libvirt 9.0).
        claims.pop("os@firmware", None)
    product = topology_product(typed)
    if product is not None:
        claims.setdefault("vcpu", str(product))
    if typed.get("maxMemory") and claims.get("memory") and not any(at.startswith("cpu/numa/") for at in claims):
        claims.update(_one_cell(claims))


def _one_cell(claims: Claims) -> dict[Address, str | None]:
    """One NUMA cell with everything: QEMU's driver plugs memory into cells only (libvirt 9.0)."""
    last = (number(claims.get("vcpu")) or 1) - 1
    cpus = f"0-{last}" if last else "0"
    cell = "cpu/numa/cell[0]"
    return {cell: "", f"{cell}@id": "0", f"{cell}@cpus": cpus, f"{cell}@memory": claims["memory"]}


def contradictions(spec: Spec, document: Document, path_of: PathOf, typed: Claims) -> Iterator[Problem]:
    """Everything in the document that cannot be meant; `path_of` gives the path people write for an address.

    `typed` are the claims of its fields: what is written in libvirt's own words is libvirt's to judge.
    """
    yield from _lacking(spec, document, path_of, typed)
    yield from _too_much(typed, spec, document)
    yield from health.contradictions(document)
    for refusal in devices.refusals(document.body):
        yield Problem(refusal.number, f"{spec.ref}: {refusal.message}", document.place("spec", *refusal.path))
    claims = spec.claims
    most, product = number(claims.get("vcpu")), topology_product(typed)
    if most is not None and product is not None and product != most:
        message = f"{spec.ref}: cpu.topology makes {product} vCPUs and vcpus.max is {most}; make them equal"
        yield Problem("R204", message, document.place("spec", "cpu", "topology"))
    mode = claims.get("cpu@mode")
    if typed.get("cpu/model") and mode in ("host-passthrough", "maximum"):
        # libvirt 9.0 drops the model without a word.
        message = f"{spec.ref}: cpu.mode {mode} and cpu.model exclude each other; keep one of the two"
        yield Problem("R207", message, document.place("spec", "cpu", "model"))
    if any(address.startswith("os/boot[") for address in typed) and any(map(_orders_boot, claims)):
        message = f"{spec.ref}: boot.order and the boot numbers of devices exclude each other; keep one of the two"
        yield Problem("R207", message, document.place("spec", "boot"))


def _orders_boot(address: Address) -> bool:
    return address.startswith("devices/") and address.endswith("/boot@order")


def _lacking(spec: Spec, document: Document, path_of: PathOf, typed: Claims) -> Iterator[Problem]:
    for rule in REQUIRED:
        if _said(typed, rule.said) and not spec.claims.get(rule.needed):
            said = next(address for address in typed if address.startswith(rule.said))
            message = f"{spec.ref}: {path_of(said)} means nothing without {rule.path}; add it"
            yield Problem("R205", message, document.place("spec", rule.path.partition(".")[0]))


def _too_much(typed: Claims, spec: Spec, document: Document) -> Iterator[Problem]:
    for top, path, more in (("vcpu", "vcpus", "vcpu@current"), ("memory", "memory", "currentMemory")):
        most, now = number(spec.claims.get(top)), number(typed.get(more))
        if most is not None and now is not None and now > most:
            yield Problem("R204", f"{spec.ref}: {path}.current is more than {path}.max", document.place("spec", path))


def number(text: str | None) -> int | None:
    """The number that a text is; None where it is none."""
    return int(text) if text is not None and text.isdecimal() else None
