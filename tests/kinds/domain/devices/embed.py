"""A libvirt of its own in a child process: each line in is a JSON string of XML, each line out what libvirt stored.

Started with the directory it may use. libvirt can open one embedded root per process and may crash the process that
does, so the tests keep it at arm's length.
"""

import json
import sys
import threading
from pathlib import Path

import libvirt


def opened(root: Path) -> "libvirt.virConnect":
    (root / "etc").mkdir(parents=True, exist_ok=True)
    # Whoever may not open /dev/kvm makes libvirt probe QEMU again at every define; root always may.
    (root / "etc" / "qemu.conf").write_text('user = "root"\ngroup = "root"\n')
    libvirt.registerErrorHandler(lambda context, error: None, None)
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=_turn, daemon=True).start()
    return libvirt.open(f"qemu:///embed?root={root}")


def _turn() -> None:
    while True:
        libvirt.virEventRunDefaultImpl()


def stored(connection: "libvirt.virConnect", xml: str) -> dict[str, str]:
    try:
        domain = connection.defineXML(xml)
    except libvirt.libvirtError as error:
        return {"error": str(error)}
    text = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE)
    domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
    return {"xml": text}


def main() -> None:
    connection = opened(Path(sys.argv[1]))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(stored(connection, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
