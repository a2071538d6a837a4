"""What an ordinary user does with an embedded host; run by test_embedded as one. Argument: an empty state directory."""

import os
import signal
import sys
from pathlib import Path

from reconciler.adapters.virt import embedded, embedded_home
from reconciler.adapters.virt.connection import connect

DOMAIN = """<domain type='qemu'><name>a-name-of-more-than-twenty-characters</name><memory unit='MiB'>64</memory>
<os><type arch='x86_64' machine='q35'>hvm</type></os>
<devices><channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel></devices></domain>"""


def main(state_dir: Path) -> None:
    home = embedded.home_of("embedded", state_dir)
    assert home is not None
    try:
        with connect("embedded", state_dir) as connection:
            print("opened" if "///session" in connection.getURI() else connection.getURI())
            connection.createXML(DOMAIN)
            print("started")
        for pid in embedded.mode().members(home):
            if embedded_home.is_daemon(pid):
                os.kill(pid, signal.SIGKILL)
                print("killed")
        with connect("embedded", state_dir) as connection:
            print("found" if connection.listAllDomains()[0].isActive() else "lost")
    finally:
        embedded.stop(state_dir)
    print("stopped" if not embedded.mode().members(home) and not os.path.lexists(home.alias) else "alive")


main(Path(sys.argv[1]))
