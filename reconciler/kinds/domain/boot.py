"""The fields of processor model, firmware, boot and SMBIOS."""

from __future__ import annotations

from reconciler.fields import (
    CPUSET,
    MEMORY,
    ON_OFF,
    PATH,
    TEXT,
    YES_NO,
    Field,
    Group,
    Items,
    Node,
    choice,
    integer,
    text,
)
from reconciler.kinds.domain.machine import FIRMWARE

CPU = Group(
    name="cpu",
    doc="The processor that the guest sees.",
    short=("mode",),
    example={"mode": "host-passthrough", "topology": {"sockets": 1, "cores": 4, "threads": 2}},
    fields=(
        Field(
            name="mode",
            at="cpu@mode",
            codec=choice("custom", "host-model", "host-passthrough", "maximum"),
            doc="Where the model comes from.",
            example="host-model",
            whole=True,
        ),
        Field(name="model", at="cpu/model", codec=TEXT, doc="A model by name; mode is custom then.", example="Skylake-Server"),
        Field(
            name="fallback",
            at="cpu/model@fallback",
            codec=choice("allow", "forbid"),
            doc="Whether a model that the host lacks may be replaced by the nearest.",
            example="forbid",
        ),
        Field(
            name="match",
            at="cpu@match",
            codec=choice("minimum", "exact", "strict"),
            doc="How near the host must come to the model.",
            example="exact",
        ),
        Field(
            name="check",
            at="cpu@check",
            codec=choice("none", "partial", "full"),
            doc="How it is checked at start.",
            example="partial",
        ),
        Field(
            name="migratable",
            at="cpu@migratable",
            codec=ON_OFF,
            doc="Leave out what would keep host-passthrough from migrating.",
            example=True,
        ),
        Group(
            name="topology",
            doc="Sockets, dies, cores and threads; their product is vcpus.max.",
            fields=(
                Field(name="sockets", at="cpu/topology@sockets", codec=integer(1), doc="Sockets.", example=1),
                Field(name="dies", at="cpu/topology@dies", codec=integer(1), doc="Dies of a socket.", example=1),
                Field(name="cores", at="cpu/topology@cores", codec=integer(1), doc="Cores of a die.", example=4, whole=True),
                Field(name="threads", at="cpu/topology@threads", codec=integer(1), doc="Threads of a core.", example=2),
            ),
        ),
        Group(
            name="cache",
            doc="The cache that the guest sees.",
            fields=(
                Field(
                    name="mode",
                    at="cpu/cache@mode",
                    codec=choice("passthrough", "emulate", "disable"),
                    doc="The host's own, one made up, or none.",
                    example="passthrough",
                    whole=True,
                ),
                Field(name="level", at="cpu/cache@level", codec=integer(1, 3), doc="Which level is emulated.", example=3),
            ),
        ),
        Group(
            name="physicalAddress",
            doc="The width of physical addresses.",
            fields=(
                Field(
                    name="mode",
                    at="cpu/maxphysaddr@mode",
                    codec=choice("passthrough", "emulate"),
                    doc="The host's own or a number.",
                    example="emulate",
                    whole=True,
                ),
                Field(name="bits", at="cpu/maxphysaddr@bits", codec=integer(1), doc="How many bits.", example=42),
            ),
        ),
        Items(
            name="features",
            at="cpu/feature",
            doc="Single features on top of the model.",
            key="name",
            fields=(
                Field(name="name", at="@name", codec=TEXT, doc="The feature.", example="vmx", must=True),
                Field(
                    name="policy",
                    at="@policy",
                    codec=choice("force", "require", "optional", "disable", "forbid"),
                    doc="Whether the guest gets it.",
                    example="disable",
                ),
            ),
        ),
        Items(
            name="numa",
            at="cpu/numa/cell",
            doc="The guest's NUMA cells.",
            key="id",
            fields=(
                Field(name="id", at="@id", codec=integer(), doc="Its number; the position where nothing is said.", example=0),
                Field(name="cpus", at="@cpus", codec=CPUSET, doc="The guest's CPUs in it.", example="0-3"),
                Field(name="memory", at="@memory", codec=MEMORY, doc="The memory in it.", example="4GiB"),
                Field(
                    name="access",
                    at="@memAccess",
                    codec=choice("shared", "private"),
                    doc="Whether other processes may map it.",
                    example="shared",
                ),
                Field(name="discard", at="@discard", codec=YES_NO, doc="Throw its content away at the end.", example=True),
            ),
        ),
    ),
)

FIRMWARE_FIELDS = Group(
    name="firmware",
    doc="What boots the machine.",
    short=("type",),
    example="uefi",
    fields=(
        Field(name="type", at="os@firmware", codec=FIRMWARE, doc="BIOS or UEFI; libvirt picks the image.", example="uefi"),
        Field(
            name="secureBoot",
            at="os/firmware/feature[secure-boot]@enabled",
            codec=YES_NO,
            doc="Boot signed systems only.",
            example=True,
            whole=True,
        ),
        Field(
            name="enrolledKeys",
            at="os/firmware/feature[enrolled-keys]@enabled",
            codec=YES_NO,
            doc="Have the vendor's keys in place from the start.",
            example=True,
            whole=True,
        ),
        Field(
            name="loader",
            at="os/loader",
            codec=PATH,
            doc="The firmware image, instead of the one libvirt picks.",
            example="/usr/share/OVMF/OVMF_CODE_4M.fd",
            whole=True,
        ),
        Field(
            name="loaderType",
            at="os/loader@type",
            codec=choice("rom", "pflash"),
            doc="How the image is wired.",
            example="pflash",
        ),
        Field(
            name="loaderReadonly",
            at="os/loader@readonly",
            codec=YES_NO,
            doc="Whether the guest must not write to it.",
            example=True,
        ),
        Field(
            name="loaderSecure",
            at="os/loader@secure",
            codec=YES_NO,
            doc="Whether the image can boot securely.",
            example=False,
        ),
        Field(
            name="nvram",
            at="os/nvram",
            codec=PATH,
            doc="Where its settings are kept.",
            example="/var/lib/libvirt/qemu/nvram/web-1.fd",
            whole=True,
        ),
        Field(
            name="nvramTemplate",
            at="os/nvram@template",
            codec=PATH,
            doc="What its settings start from.",
            example="/usr/share/OVMF/OVMF_VARS_4M.fd",
        ),
    ),
)

BOOT = Group(
    name="boot",
    doc="What is booted from.",
    short=("order",),
    example=["hd", "network"],
    fields=(
        Items(
            name="order",
            at="os/boot",
            doc="Classes of devices in order; a disk's own boot number is the finer way.",
            short="dev",
            fields=(
                Field(
                    name="dev",
                    at="@dev",
                    codec=choice("hd", "network", "cdrom", "fd"),
                    doc="A class of devices.",
                    example="hd",
                    must=True,
                ),
            ),
        ),
        Field(
            name="menu",
            at="os/bootmenu@enable",
            codec=YES_NO,
            doc="Whether the firmware offers a menu.",
            example=True,
            whole=True,
        ),
        Field(
            name="menuTimeout",
            at="os/bootmenu@timeout",
            codec=integer(0, 65535, unit="milliseconds"),
            doc="How long the menu waits.",
            example=3000,
        ),
        Field(
            name="rebootTimeout",
            at="os/bios@rebootTimeout",
            codec=integer(0, 65535, unit="milliseconds"),
            doc="How long a BIOS waits before it tries again.",
            example=5000,
        ),
        Field(
            name="serial",
            at="os/bios@useserial",
            codec=YES_NO,
            doc="Whether a BIOS speaks on the serial port.",
            example=True,
        ),
    ),
)

DIRECT: tuple[Node, ...] = (
    Field(name="kernel", at="os/kernel", codec=PATH, doc="A kernel to boot without firmware.", example="/boot/vmlinuz"),
    Field(name="initrd", at="os/initrd", codec=PATH, doc="Its first file system.", example="/boot/initrd.img"),
    Field(name="cmdline", at="os/cmdline", codec=TEXT, doc="Its command line.", example="console=ttyS0"),
    Field(name="dtb", at="os/dtb", codec=PATH, doc="Its device tree.", example="/boot/board.dtb"),
)


def _entry(name: str, table: str, key: str, doc: str, example: str) -> Field:
    """A line of the SMBIOS tables that a machine shows its guest."""
    return Field(name=name, at=f"sysinfo[smbios]/{table}/entry[{key}]", codec=text(), doc=doc, example=example)


SMBIOS = Group(
    name="smbios",
    doc="What dmidecode shows in the guest.",
    fields=(
        Field(
            name="mode",
            at="os/smbios@mode",
            codec=choice("emulate", "host", "sysinfo"),
            doc="Where it comes from; sysinfo is what is written here.",
            example="sysinfo",
            whole=True,
        ),
        Group(
            name="bios",
            doc="The BIOS table.",
            fields=(
                _entry("vendor", "bios", "vendor", "Vendor of the BIOS.", "Example"),
                _entry("version", "bios", "version", "Version of the BIOS.", "1.0"),
                _entry("date", "bios", "date", "Date of the BIOS, month/day/year.", "11/22/2026"),
                _entry("release", "bios", "release", "Release of the BIOS.", "1.0"),
            ),
        ),
        Group(
            name="system",
            doc="The system table.",
            fields=(
                _entry("manufacturer", "system", "manufacturer", "Who made it.", "Example"),
                _entry("product", "system", "product", "What it is.", "Standard PC"),
                _entry("version", "system", "version", "Its version.", "1"),
                _entry("serial", "system", "serial", "Its serial number; cloud-init reads ds= from it.", "ds=nocloud"),
                _entry("sku", "system", "sku", "Its stock number.", "42"),
                _entry("family", "system", "family", "Its family.", "virtual"),
            ),
        ),
        Group(
            name="baseBoard",
            doc="The base board table.",
            fields=(
                _entry("manufacturer", "baseBoard", "manufacturer", "Who made the board.", "Example"),
                _entry("product", "baseBoard", "product", "What the board is.", "Board"),
                _entry("version", "baseBoard", "version", "The board's version.", "1"),
                _entry("serial", "baseBoard", "serial", "The board's serial number.", "1234"),
                _entry("asset", "baseBoard", "asset", "The board's asset tag.", "A-1"),
            ),
        ),
        Items(
            name="oemStrings",
            at="sysinfo[smbios]/oemStrings/entry",
            doc="Free strings for the guest.",
            short="text",
            fields=(Field(name="text", at="", codec=TEXT, doc="One string.", example="tier=web", must=True),),
        ),
    ),
)
