"""What an emulator can do, in libvirt's words (formatdomaincaps)."""

from __future__ import annotations

from collections.abc import Iterator

import libvirt

from reconciler import markup
from reconciler.kind import Abilities
from reconciler.markup import Element

# What is answered for a type, architecture or machine that the host has not got, which is said by other means.
_NOT_THERE = frozenset(
    {
        libvirt.VIR_ERR_NO_SUPPORT,
        libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
        libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
        libvirt.VIR_ERR_INVALID_ARG,
    }
)
# Hypervisors whose lists were tried: what others leave out they may take all the same.
_TRIED = ("qemu", "kvm", "hvf", "nvmm")


def abilities(
    connection: libvirt.virConnect, type_: str | None, arch: str | None, machine: str | None
) -> Abilities | None:
    """Those of the emulator that libvirt would choose; None where there is none, or where the driver cannot say.

    It takes a millisecond or two, and some 30 for a machine type that is asked of libvirtd for the first time.
    """
    try:
        text = connection.getDomainCapabilities(None, arch, machine, type_, 0)
    except libvirt.libvirtError as error:
        if error.get_error_code() in _NOT_THERE:
            return None
        raise
    return read(text) if any(f"<domain>{name}<" in text for name in _TRIED) else None


def read(text: str) -> Abilities:
    """Domain capabilities as a value."""
    root = markup.parse(text)
    parts = list(_parts(root))
    vcpus = root.find("vcpu")
    return Abilities(
        name=f"{root.findtext('machine') or root.findtext('domain')} on this host",
        vcpus=int(vcpus.get("max", "0")) if vcpus is not None else 0,
        supported={name: element.get("supported") == "yes" for name, element in parts if element.get("supported")},
        lists={
            f"{name}:{key}": values
            for name, element in parts
            if element.get("supported") != "no"
            for key, values in _lists(element)
        },
    )


def _parts(root: Element) -> Iterator[tuple[str, Element]]:
    """Every element that can be supported or not; the modes of the CPU by their names."""
    for element in root.iter("*"):
        above = element.getparent()
        if above is None or element.tag in ("enum", "value", "model"):
            continue
        if element.tag == "mode":
            yield f"cpu/{element.get('name')}", element
        else:
            holder = f"{above.tag!s}/" if above is not root else ""
            yield f"{holder}{element.tag!s}", element


def _lists(element: Element) -> Iterator[tuple[str, frozenset[str]]]:
    for enum in element.findall("enum"):
        yield enum.get("name", ""), frozenset(str(value.text) for value in enum.findall("value"))
    if element.get("name") == "custom":
        yield "model", frozenset(str(model.text) for model in element.findall("model"))
