"""The floor: what bare libvirt-python takes, in a process of its own, to do the same without knowing anything.

usage: floor.py wake URI | floor.py read URI | floor.py define URI DIRECTORY-OF-XML
"""

from __future__ import annotations

import sys
from pathlib import Path

import libvirt


def wake(uri: str) -> None:
    """Let a new libvirtd find out what its QEMU can do: seconds that nobody has to pay twice."""
    libvirt.open(uri).getDomainCapabilities(virttype="qemu")


def read(uri: str) -> None:
    """List all domains and read the persistent definition of each."""
    for domain in libvirt.open(uri).listAllDomains():
        domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)


def define(uri: str, directory: str) -> None:
    """Define a domain from each file."""
    connection = libvirt.open(uri)
    for path in sorted(Path(directory).glob("*.xml")):
        connection.defineXML(path.read_text())


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["wake", where]:
            wake(where)
        case ["read", where]:
            read(where)
        case ["define", where, files]:
            define(where, files)
