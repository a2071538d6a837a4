"""Which parts of a domain the table of places was made for: anything else is refused unless a policy names it."""

from __future__ import annotations

from functools import lru_cache

# The parts of a domain, and its devices, that the table above was made for (libvirt 9.0 and what is known of later).
PARTS = frozenset(
    (
        "name",
        "uuid",
        "genid",
        "title",
        "description",
        "metadata",
        "memory",
        "currentMemory",
        "maxMemory",
        "memoryBacking",
        "memtune",
        "vcpu",
        "vcpus",
        "iothreads",
        "iothreadids",
        "defaultiothread",
        "blkiotune",
        "numatune",
        "cputune",
        "resource",
        "sysinfo",
        "os",
        "cpu",
        "clock",
        "features",
        "on_poweroff",
        "on_reboot",
        "on_crash",
        "on_lockfailure",
        "pm",
        "perf",
        "idmap",
        "keywrap",
        "launchSecurity",
        "seclabel",
        "bootloader",
        "bootloader_args",
        "devices",
        "throttlegroups",
        "deprecation",
        "id",
    )
)
DEVICES = frozenset(
    (
        "audio",
        "channel",
        "console",
        "controller",
        "crypto",
        "disk",
        "emulator",
        "filesystem",
        "graphics",
        "hostdev",
        "hub",
        "input",
        "interface",
        "iommu",
        "lease",
        "memballoon",
        "memory",
        "nvram",
        "panic",
        "parallel",
        "pstore",
        "redirdev",
        "redirfilter",
        "rng",
        "serial",
        "shmem",
        "smartcard",
        "sound",
        "tpm",
        "video",
        "vsock",
        "watchdog",
    )
)


@lru_cache(maxsize=8192)
def namespace_of(shape: str) -> str:
    """The first element of another namespace in an address, `qemu:commandline`; "" where there is none."""
    return next((part for part in shape.partition("@")[0].split("/") if ":" in part or part.startswith("{")), "")


@lru_cache(maxsize=8192)
def unknown_part(kind: str, shape: str) -> str:
    """The part of a domain in which an address is, if the table was not made for it; "" where it was."""
    if kind != "Domain" or shape.startswith(("@", "!")):
        return ""
    top, _, rest = shape.replace("@", "/").partition("/")
    device = rest.partition("/")[0]
    if top == "devices":
        return f"devices/{device}" if device and device not in DEVICES and not namespace_of(device) else ""
    return "" if top in PARTS or namespace_of(top) else top
