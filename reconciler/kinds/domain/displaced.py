"""What has to leave a definition because something else in it changes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from reconciler.kind import Situation
from reconciler.kinds.domain import devices
from reconciler.model.documents import Address, Claims
from reconciler.model.plans import Diff

# What a change makes meaningless if nobody claims it: changing the first takes the others away.
_DISPLACES: Mapping[Address, tuple[Address, ...]] = {
    "cpu@mode": ("cpu/model", "cpu/vendor", "cpu@match", "cpu@check", "cpu@migratable"),
    "vcpu": ("vcpus",),
    "vcpu@current": ("vcpus",),
    "iothreads": ("iothreadids",),
    "os@firmware": ("os/loader", "os/nvram", "os/firmware"),
    "clock@offset": ("clock@timezone", "clock@basis", "clock@adjustment", "clock@start"),
}

# What libvirt 9.0 put beside something, and refuses or restores that for when it is left alone:
# what goes -> the companion, and the leaf by which it is known to be one.
_COMPANIONS: Mapping[Address, tuple[Address, Address, str]] = {
    "devices/serial[0]": ("devices/console[serial]", "devices/console[serial]/target@type", "serial"),
    "devices/graphics[spice]": ("devices/audio[1]", "devices/audio[1]@type", "spice"),
    "os/loader": ("os/nvram", "", ""),
}


def topology_product(claims: Claims) -> int | None:
    """How many vCPUs a topology makes; None where it does not say."""
    counts = [claims.get(f"cpu/topology@{level}") for level in ("sockets", "dies", "cores", "threads")]
    if not any(counts):
        return None
    product = 1
    for count in counts:
        product *= int(count) if count and count.isdecimal() else 1
    return product


def displaced(situation: Situation, diffs: Sequence[Diff]) -> Iterator[Diff]:
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
        yield from devices.displaced(address, situation.texts)
    for address in (address for address, text in after.items() if text is None):
        yield from _companions(address, situation)
    if any(address.startswith("devices/") and _orders_boot(situation, address) for address in after):
        yield from (known for known in situation.texts if re.fullmatch(r"os/boot\[[^]]*\]", known))
    most = after.get("vcpu")
    if most is not None and most.isdecimal():
        if topology_product(situation.texts) != int(most):
            yield "cpu/topology"
        if int(situation.texts.get("vcpu@current", "0")) > int(most):
            yield "vcpu@current"


def _companions(address: Address, situation: Situation) -> Iterator[Address]:
    ports = ("devices/serial[", "devices/console[")
    silent = "devices/serial" not in situation.spec.lists
    if address == "devices/serial[0]" and silent and not any(at.startswith(ports) for at in situation.spec.claims):
        # A document that says nothing of serial ports may have the one that every new machine gets.
        return
    companion, leaf, value = _COMPANIONS.get(address, ("", "", ""))
    if companion and situation.texts.get(leaf, "") == value:
        yield companion


def _orders_boot(situation: Situation, address: Address) -> bool:
    """Whether this change gives a device its own place in the boot order; libvirt wants no classes beside it."""
    if address.endswith("]"):
        return f"{address}/boot@order" in situation.spec.claims
    return address.endswith("/boot@order")
