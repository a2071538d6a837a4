"""The fields of firmware, boot and SMBIOS."""

from __future__ import annotations

from reconciler.codecs import PATH, TEXT, YES_NO, Codec, choice, integer, text
from reconciler.fields import Field, Group, Items, Node

# A machine without the attribute boots the BIOS, so that word claims that nothing is there.
FIRMWARE = Codec(
    schema={"type": "string", "enum": ["bios", "uefi"]},
    lower=lambda value: "efi" if value == "uefi" else None,
    lift=lambda value: "uefi" if value == "efi" else value,
)
FIRMWARE_FIELDS = Group(
    name="firmware",
    doc="What boots the machine.",
    short=("type",),
    example="uefi",
    fields=(
        Field(
            name="type", at="os@firmware", codec=FIRMWARE, doc="BIOS or UEFI; libvirt picks the image.", example="uefi"
        ),
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
