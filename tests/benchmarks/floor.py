"""The floor: what bare libvirt-python takes, in a process of its own, to do the same without knowing anything.

usage: floor.py read URI | floor.py define URI DIRECTORY-OF-XML
"""

from __future__ import annotations

import sys
from pathlib import Path

import libvirt


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
    if sys.argv[1] == "read":
        read(sys.argv[2])
    else:
        define(sys.argv[2], sys.argv[3])
