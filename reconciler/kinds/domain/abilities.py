"""What an emulator of the host lacks, by libvirt's own word (virConnectGetDomainCapabilities).

Only what libvirt refuses where it is not listed stands here (tried with libvirt 9.0 and QEMU 7.2): of channels, host
devices and Hyper-V features it takes more than it lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from reconciler.kind import Abilities, Facts, Lack
from reconciler.model.documents import Address, Spec, Texts

# Address without keys -> where the capabilities list what there is.
LISTS: Mapping[Address, str] = {
    "os@firmware": "os:firmware",
    "os/loader@type": "os/loader:type",
    "os/loader@secure": "os/loader:secure",
    "cpu/model": "cpu/custom:model",
    "memoryBacking/source@type": "memoryBacking:sourceType",
    "devices/disk@device": "devices/disk:diskDevice",
    "devices/disk@model": "devices/disk:model",
    "devices/disk/target@bus": "devices/disk:bus",
    "devices/graphics@type": "devices/graphics:type",
    "devices/video/model@type": "devices/video:modelType",
    "devices/rng@model": "devices/rng:model",
    "devices/rng/backend@model": "devices/rng:backendModel",
    "devices/filesystem/driver@type": "devices/filesystem:driverType",
    "devices/tpm@model": "devices/tpm:model",
    "devices/tpm/backend@type": "devices/tpm:backendModel",
    "devices/tpm/backend@version": "devices/tpm:backendVersion",
    "devices/redirdev@bus": "devices/redirdev:bus",
}
# Address without keys and its text -> what the capabilities say is supported or not.
PARTS: Mapping[tuple[Address, str], str] = {
    ("cpu@mode", "host-passthrough"): "cpu/host-passthrough",
    ("cpu@mode", "host-model"): "cpu/host-model",
    ("cpu@mode", "maximum"): "cpu/maximum",
    ("cpu@mode", "custom"): "cpu/custom",
    ("launchSecurity@type", "sev"): "features/sev",
    ("features/vmcoreinfo@state", "on"): "features/vmcoreinfo",
}
_GIC = "features/gic@version"
_KEYS = re.compile(r"\[[^\]]*\]")
_PACKAGES = {"efi": "install it on the host (package ovmf)"}


def lacking(fresh: Mapping[Address, str], spec: Spec, have: Texts, facts: Facts) -> Iterator[Lack]:
    """What of the fresh claims the emulator for this domain has not got; nothing where nobody can be asked."""
    wanted = {**have, **spec.hints, **{at: text for at, text in spec.claims.items() if text is not None}}
    type_, arch, machine = (wanted.get(leaf) for leaf in ("@type", "os/type@arch", "os/type@machine"))
    found = facts.abilities(type_, arch, machine)
    if found is None:
        yield from _missing(fresh, type_, arch, machine, facts)
        return
    lacks = (lack for address, text in fresh.items() for lack in _lack(address, _KEYS.sub("", address), text, found))
    # A device that the emulator has not got at all is told once, whatever is said of it.
    yield from {lack.message: lack for lack in lacks}.values()


def _missing(
    fresh: Mapping[Address, str], type_: str | None, arch: str | None, machine: str | None, facts: Facts
) -> Iterator[Lack]:
    """An architecture, or a machine of it, that the host has no emulator for though it has one for the type."""
    if arch and not _has(type_, arch, facts):
        if "os/type@arch" in fresh and _has(type_, None, facts):
            yield Lack(f"architecture {arch}, for which this host has no emulator", "os/type@arch")
    elif machine and "os/type@machine" in fresh and machine in _machines(facts) and _has(type_, arch, facts):
        yield Lack(f"machine {machine}, which this host's emulator for {arch or 'it'} lacks", "os/type@machine")


def _machines(facts: Facts) -> frozenset[str]:
    """Those of any architecture; what is not among them is told elsewhere."""
    return frozenset(facts.machines or ()) | frozenset((facts.machines or {}).values())


def _has(type_: str | None, arch: str | None, facts: Facts) -> bool:
    return facts.abilities(type_, arch, None) is not None


def _lack(address: Address, shape: Address, text: str, found: Abilities) -> Iterator[Lack]:
    place = LISTS.get(shape)
    known = found.lists.get(place) if place else None
    if known is not None and text not in known:
        has = ", ".join(sorted(known)) or "none"
        cure = _PACKAGES.get(text, "")
        yield Lack(
            f"{_named(shape, text)}, which {found.name} lacks; it has {has}" + (f"; {cure}" if cure else ""), address
        )
    elif place and found.supported.get(place.partition(":")[0]) is False:
        yield Lack(f"a {_word(place)}, which {found.name} has not got", address)
    part = PARTS.get((shape, text)) or (shape == _GIC and "features/gic") or ""
    if found.supported.get(part) is False:
        yield Lack(f"{_named(shape, text)}, which {found.name} does not support", address)
    if shape == "vcpu" and found.vcpus and text.isdecimal() and int(text) > found.vcpus:
        yield Lack(f"{text} vCPUs; {found.name} has at most {found.vcpus}", address)


def _word(place: str) -> str:
    return place.partition(":")[0].rpartition("/")[2]


_WORDS: Mapping[Address, str] = {
    "os@firmware": "firmware",
    "os/loader@type": "firmware of type",
    "os/loader@secure": "a firmware image with secure",
    "cpu/model": "CPU model",
    "cpu@mode": "CPU mode",
    "memoryBacking/source@type": "memory from",
    "devices/disk@device": "a disk that is a",
    "devices/disk@model": "disk model",
    "devices/disk/target@bus": "disk bus",
    "devices/graphics@type": "graphics",
    "devices/video/model@type": "video model",
    "devices/rng@model": "rng model",
    "devices/rng/backend@model": "rng source",
    "devices/filesystem/driver@type": "filesystem driver",
    "devices/tpm@model": "TPM model",
    "devices/tpm/backend@type": "TPM",
    "devices/tpm/backend@version": "TPM version",
    "devices/redirdev@bus": "redirection bus",
    "launchSecurity@type": "launch security",
    _GIC: "GIC version",
}


def _named(shape: Address, text: str) -> str:
    value = "uefi" if (shape, text) == ("os@firmware", "efi") else text
    return f"{_WORDS.get(shape, shape)} {value}".rstrip()
