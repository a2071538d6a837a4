"""The running definition of a machine and its persistent one, held against each other.

An implementation of its own, since it judges the program's. What it passes over was seen with libvirt 9.0 and QEMU 7.2.
"""

from __future__ import annotations

import os

from reconciler import markup

# The host's processors, as libvirt writes all of them.
ALL = f"0-{(os.cpu_count() or 1) - 1}" if (os.cpu_count() or 1) > 1 else "0"
# What libvirt notes on a life and never stores, or stores and writes its own way while the guest runs.
NOTES = (
    *("seclabel", "resource", "currentMemory", "cpu", "os", "devices/emulator"),
    *(".//alias[not(starts-with(@name, 'ua-'))]", ".//backingStore", ".//mirror"),
    *(".//disk/source/@index", ".//disk/source[not(@*)]", ".//disk/target/@tray"),
    *(".//disk[@device='cdrom'][not(source)]/driver", ".//disk[@type='volume']/driver/@type", "vcpus"),
    *(".//source/@tls[. = 'no']", ".//filesystem/binary", "iothreadids"),
    *(".//interface/source/@portid", ".//interface[@type='network']/source/@bridge"),
    ".//interface/target[starts-with(@dev, 'vnet') or starts-with(@dev, 'macvtap')]",
    *(".//*[@type='pty']/source", ".//*[@type='pty']/@tty"),
    *(".//channel/source[not(@path) or contains(@path, '/channel/target/')]", ".//channel/target/@state"),
    *(".//graphics[@autoport='yes']/@port", ".//graphics/listen", ".//graphics/@listen"),
    *(".//devices/memory/address/@base", ".//devices/memory/target/current", ".//cid[@auto='yes']/@address"),
)

# What libvirt writes when a limit is taken from a running guest: it has no call for "none", only for the default.
DEFAULTS = (
    *("cputune/shares[. = '1024']", "cputune/*[contains(name(), 'period')][. = '100000']"),
    "cputune/*[contains(name(), 'quota')][. = '-1' or . = '0' or . = '17592186044415']",
    *(f"cputune/*[contains(name(), 'pin')][@cpuset = '{ALL}']", "cputune[not(*)]", "memtune[not(*)]"),
    *(".//disk/iotune[not(*)]", ".//interface/link[@state = 'up']", "blkiotune[not(*)]"),
    *(".//memballoon/stats[@period = '0']",),
)


def disagreements(live: str, config: str) -> list[str]:
    """What one of both says and the other does not; PCI addresses count."""
    running, stored = spelt(live), spelt(config)
    return sorted(
        [*(f"only live: {line}" for line in running - stored), *(f"only config: {line}" for line in stored - running)]
    )


def spelt(text: str) -> frozenset[str]:
    """One line for each child of the domain and each device of it, without the notes."""
    root = markup.parse(text)
    for note in (*NOTES, *DEFAULTS):
        for found in root.xpath(note):
            if isinstance(found, str):
                del found.getparent().attrib[found.attrname]
            elif found.getparent() is not None:
                found.getparent().remove(found)
    parts = [*(child for child in root if child.tag != "devices"), *root.iterfind("devices/*")]
    return frozenset(markup.canonical(part) for part in parts)
