"""A look inside a running guest: what the system in it sees, asked through its agent and, where it cannot see, QEMU.

The guest is the one that `deploy/guest` builds: BusyBox, virtio drivers, no USB and no FUSE. What it has no driver for
it still sees on its buses (`pci`, `virtio`); what it sees on no bus is asked of QEMU (`monitor`).
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import libvirt
import libvirt_qemu

from reconciler import markup

AGENT = "org.qemu.guest_agent.0"
# A loaded machine without KVM boots the guest in half a minute.
BOOT_SECONDS = 180
AGENT_SECONDS = 30
# Virtio's device numbers (specification 1.2, section 5), in the words of libvirt's elements.
VIRTIO = {
    1: "interface",
    2: "disk",
    3: "console",
    4: "rng",
    5: "memballoon",
    8: "scsi",
    16: "video",
    18: "input",
    19: "vsock",
    24: "memory",
    26: "filesystem",
}


def within(seconds: float, true: Callable[[], object]) -> bool:
    """Whether it becomes true in time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


@dataclass
class Inside:
    """The guest of one domain. Every answer is asked for anew; a restarted libvirtd is connected to again."""

    uri: str
    name: str
    _connection: libvirt.virConnect | None = field(default=None, repr=False)

    @property
    def domain(self) -> libvirt.virDomain:
        if self._connection is not None and self._connection.isAlive():
            try:
                return self._connection.lookupByName(self.name)
            except libvirt.libvirtError as error:
                # A killed daemon is noticed at the first call.
                if error.get_error_domain() != libvirt.VIR_FROM_RPC:
                    raise
        self._connection = libvirt.open(self.uri)
        return self._connection.lookupByName(self.name)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # The ways in

    def agent(self, command: str, **arguments: object) -> object:
        """What the guest's agent answers."""
        asked = json.dumps({"execute": command, "arguments": arguments})
        return json.loads(libvirt_qemu.qemuAgentCommand(self.domain, asked, AGENT_SECONDS, 0))["return"]

    def monitor(self, command: str) -> str:
        """What QEMU's own monitor answers to a command for people, such as `info usb`."""
        return libvirt_qemu.qemuMonitorCommand(self.domain, command, libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP)

    def run(self, command: str, code: int = 0) -> str:
        """The standard output of a shell command in the guest; holds that it ends with `code`."""
        call = {"path": "/bin/sh", "arg": ["-c", command], "capture-output": True}
        pid = self.agent("guest-exec", **call)["pid"]
        status: dict = {}

        def ended() -> bool:
            status.update(self.agent("guest-exec-status", pid=pid))
            return status["exited"]

        assert within(AGENT_SECONDS, ended), f"{command} does not end"
        said, complained = (base64.b64decode(status.get(key, "")).decode() for key in ("out-data", "err-data"))
        assert status.get("exitcode") == code, f"{command}: {status}\n{said}{complained}"
        return said

    # Whether it lives, and which life it is

    def connected(self) -> bool:
        """Whether its agent has opened the channel; asking earlier is an error that libvirt writes about."""
        targets = markup.parse(self.domain.XMLDesc(0)).iterfind("devices/channel/target")
        return any(target.get("name") == AGENT and target.get("state") == "connected" for target in targets)

    def boots(self) -> bool:
        """Whether it comes up in time, and its agent answers."""
        return within(BOOT_SECONDS, self.connected) and self.agent("guest-ping") == {}

    def boot_id(self) -> str:
        """Another one after each boot."""
        return self.run("cat /proc/sys/kernel/random/boot_id").strip()

    def uptime(self) -> float:
        return float(self.run("cat /proc/uptime").split()[0])

    def life(self) -> tuple[int, str]:
        """What changes with every restart, of the machine or of the system in it."""
        return self.domain.ID(), self.boot_id()

    # What it has

    def online_cpus(self) -> frozenset[int]:
        found: set[int] = set()
        for part in self.run("cat /sys/devices/system/cpu/online").strip().split(","):
            first, _, last = part.partition("-")
            found.update(range(int(first), int(last or first) + 1))
        return frozenset(found)

    def memory_total(self) -> int:
        """Usable memory in KiB; a balloon takes it away, a module adds it."""
        return int(self.run("grep MemTotal /proc/meminfo").split()[1])

    def blocks(self) -> Mapping[str, int]:
        """Block device -> its size in bytes; 0 for a drive without a medium."""
        lines = self.run('for d in /sys/block/*; do [ -e "$d/size" ] && echo ${d##*/} $(cat $d/size); done; true')
        return {name: 512 * int(size) for name, size in map(str.split, lines.splitlines())}

    def block_size(self, device: str) -> int | None:
        """Bytes of a block device; None if there is none of that name."""
        return self.blocks().get(device)

    def serials(self) -> Mapping[str, str]:
        """Serial number -> the virtio disk that has it: names in the guest follow the order of plugging."""
        lines = self.run('for d in /sys/block/vd*; do [ -e "$d/serial" ] && echo $(cat $d/serial) ${d##*/}; done; true')
        return dict(line.split() for line in lines.splitlines() if len(line.split()) == 2)

    def medium(self, drive: str = "sr0") -> str:
        """The volume label of the disc in a CD-ROM drive, "" where there is none. Reading makes the kernel look."""
        read = f"dd if=/dev/{drive} bs=1 skip=32808 count=32 2>/dev/null"
        return self.run(f"[ -b /dev/{drive} ] || mdev -s; {read} || true").replace("\0", "").strip()

    def nics(self) -> Mapping[str, str]:
        """MAC address -> "up" or "down", whether the guest feels a cable."""
        script = "for n in /sys/class/net/eth*; do [ -e $n ] && echo $(cat $n/address) $(cat $n/carrier); done; true"
        words = (line.split() for line in self.run(script).splitlines())
        return {mac: "up" if carrier == ["1"] else "down" for mac, *carrier in words}

    def lease(self, mac: str, seconds: int = 20) -> str:
        """The address that the card gets from whoever serves its network now; "" if nobody answers.

        libvirt's bridges speak STP: a new port passes nothing for the first four seconds.
        """
        ask = f"udhcpc -i ${{n##*/}} -n -q -t {seconds} -T 1 -s /bin/lease"
        said = self.run(f"for n in /sys/class/net/eth*; do [ $(cat $n/address) = {mac} ] && {ask}; done 2>&1; true")
        found = re.search(r"lease of (\S+) obtained", said)
        return found.group(1) if found else ""

    def pci(self) -> tuple[str, ...]:
        """`vendor:device` of every PCI function, sorted."""
        script = "for p in /sys/bus/pci/devices/*; do echo $(cat $p/vendor $p/device); done"
        pairs = (line.split() for line in self.run(script).splitlines())
        return tuple(sorted(f"{vendor[2:]}:{device[2:]}" for vendor, device in pairs))

    def virtio(self, kind: str) -> int:
        """How many virtio devices of a kind it sees, with or without a driver."""
        numbers = self.run("cat /sys/bus/virtio/devices/*/device").split()
        return sum(VIRTIO.get(int(number, 16)) == kind for number in numbers)

    def ports(self) -> frozenset[str]:
        """The names of its virtio channels."""
        return frozenset(self.run("cat /sys/class/virtio-ports/*/name").split())
