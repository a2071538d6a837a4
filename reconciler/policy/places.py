"""What stands where in a definition, as far as a policy cares: which word judges which address.

The first row that fits an address counts. An address that no row has is judged by its value: what looks like a path is
one, what looks like a URL is one. So a new place for a path needs no row to be judged, only one to be free.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from reconciler.model.documents import Address, Claims

FREE = ""

# Beside its own word, a place may depend on its neighbours: from the claims, the address and the text to the word.
Choose = Callable[[Claims, Address, str], str]


@dataclass(frozen=True, slots=True)
class Place:
    """Addresses of a kind (`*` is any) without their keys, and the word for them. `why` says why one is free."""

    kind: str
    shape: str
    word: str
    why: str = ""
    choose: Choose | None = None
    prefix: str = ""


def _claimed(claims: Claims, element: Address, leaf: str) -> str:
    return claims.get(element + leaf) or ""


def _device_or_path(claims: Claims, address: Address, text: str) -> str:
    return "paths" if text.strip().startswith("/") else "hostInterfaces"


def _server(claims: Claims, address: Address, text: str) -> str:
    """The host of a serial port: the guest's own side waits there, or QEMU calls it."""
    return "listen" if _claimed(claims, address.rpartition("@")[0], "@mode") == "bind" else "hosts"


def _network_bridge(claims: Claims, address: Address, text: str) -> str:
    return "bridges" if claims.get("forward@mode") == "bridge" else FREE


def _network_device(claims: Claims, address: Address, text: str) -> str:
    """Routed and translated traffic only leaves through the device; in every other mode guests are on it."""
    return FREE if claims.get("forward@mode") in ("nat", "route", "open") else "hostInterfaces"


def _exported(claims: Claims, address: Address, text: str) -> str:
    return FREE if claims.get("@type") in ("netfs", "gluster") else "paths"


def _pool_device(claims: Claims, address: Address, text: str) -> str:
    iscsi = claims.get("@type") in ("iscsi", "iscsi-direct") and not text.strip().startswith("/")
    return FREE if iscsi else "paths"


def _terminal(claims: Claims, address: Address, text: str) -> str:
    """The path of a pseudo terminal is what libvirt says it got."""
    element = address.rpartition("/source")[0]
    return FREE if _claimed(claims, element, "@type") == "pty" else "paths"


def _dump(claims: Claims, address: Address, text: str) -> str:
    return "dumps" if "dump" in text else FREE


def _unfiltered(claims: Claims, address: Address, text: str) -> str:
    return "hostDevices" if text in ("yes", "unfiltered") else FREE


def _smartcard(claims: Claims, address: Address, text: str) -> str:
    return "hostDevices" if text.startswith("host") else FREE


def _firmware(claims: Claims, address: Address, text: str) -> str:
    return "paths" if claims.get("os/loader@readonly") == "no" else "bootFiles"


def _chance(claims: Claims, address: Address, text: str) -> str:
    return FREE if text.strip() in ("/dev/urandom", "/dev/random") else "paths"


def _backing(claims: Claims, address: Address, text: str) -> str:
    return "paths" if text.startswith("/") else "pools"


_TEXT = "free text"
_GUEST = "means something in the guest only"
_NAME = "a name of the object's own"

_DOMAIN: tuple[Place, ...] = (
    Place("Domain", "title", FREE, _TEXT),
    Place("Domain", "description", FREE, _TEXT),
    Place("Domain", "name", FREE, "judged with the names"),
    Place("Domain", "os/cmdline", FREE, _GUEST),
    Place("Domain", "os/initarg", FREE, _GUEST),
    Place("Domain", "os/initenv", FREE, _GUEST),
    Place("Domain", "bootloader_args", FREE, "nothing without bootloader, which is a program"),
    Place("Domain", "os/boot@dev", FREE, "a class of devices"),
    Place("Domain", "sysinfo/entry@file", "bootFiles"),
    Place("Domain", "sysinfo/*entry", FREE, _GUEST),
    Place("Domain", "sysinfo/entry@name", FREE, _GUEST),
    Place("Domain", "launchSecurity/dhCert", FREE, "base64"),
    Place("Domain", "launchSecurity/session", FREE, "base64"),
    Place("Domain", "launchSecurity/idBlock", FREE, "base64"),
    Place("Domain", "launchSecurity/idAuth", FREE, "base64"),
    Place("Domain", "launchSecurity/hostData", FREE, "base64"),
    Place("Domain", "blkiotune/device/path", FREE, "how a device is shared by those who have it already"),
    Place("Domain", "clock@timezone", FREE, _TEXT),
    Place("Domain", "resource/partition", "partitions"),
    Place("Domain", "@type", "domainTypes"),
    Place("Domain", "on_crash", "dumps", choose=_dump),
    Place("Domain", "devices/watchdog@action", "dumps", choose=_dump),
    # Programs
    Place("Domain", "devices/emulator", "programs"),
    Place("Domain", "bootloader", "programs"),
    Place("Domain", "devices/filesystem/binary@path", "programs"),
    Place("Domain", "devices/interface/script@path", "programs"),
    Place("Domain", "devices/interface/downscript@path", "programs"),
    # What is only read to boot
    Place("Domain", "os/loader", "bootFiles", choose=_firmware),
    Place("Domain", "os/kernel", "bootFiles"),
    Place("Domain", "os/initrd", "bootFiles"),
    Place("Domain", "os/dtb", "bootFiles"),
    Place("Domain", "os/acpi/table", "bootFiles"),
    Place("Domain", "os/*@template", "bootFiles"),
    Place("Domain", "*/rom@file", "bootFiles"),
    # Paths, relative ones too
    Place("Domain", "os/nvram", "paths"),
    Place("Domain", "os/init", "paths"),
    Place("Domain", "os/initdir", "paths"),
    Place("Domain", "os/root", "paths"),
    Place("Domain", "devices/shmem@name", "paths", prefix="/dev/shm/"),
    Place("Domain", "devices/memory/source/path", "paths"),
    Place("Domain", "devices/pstore/path", "paths"),
    Place("Domain", "devices/rng/backend", "paths", choose=_chance),
    Place("Domain", "devices/smartcard/database", "paths"),
    Place("Domain", "devices/hostdev/source/block", "paths"),
    Place("Domain", "devices/hostdev/source/char", "paths"),
    # Security labels
    Place("Domain", "*seclabel@*", "securityLabels"),
    Place("Domain", "*seclabel/*", "securityLabels"),
    # Networks
    Place("Domain", "devices/interface@type", "interfaceTypes"),
    Place("Domain", "devices/interface/source@network", "networks"),
    Place("Domain", "devices/interface/source@bridge", "bridges"),
    Place("Domain", "devices/interface/source@dev", "hostInterfaces", choose=_device_or_path),
    Place("Domain", "devices/hostdev/source/interface", "hostInterfaces"),
    Place("Domain", "devices/interface/source@address", "hosts"),
    Place("Domain", "devices/interface/source/local@address", "hosts"),
    Place("Domain", "devices/interface/target@dev", FREE, _NAME),
    Place("Domain", "devices/interface/guest@dev", FREE, _GUEST),
    Place("Domain", "devices/graphics/listen@network", "networks"),
    Place("Domain", "devices/graphics/listen@address", "listen"),
    Place("Domain", "devices/graphics@listen", "listen"),
    Place("Domain", "devices/graphics@passwd", FREE, "a secret"),
    Place("Domain", "devices/audio*@serverName", "hosts"),
    # Storage
    Place("Domain", "*source@pool", "pools"),
    Place("Domain", "devices/hostdev/source@protocol", FREE, "judged with the device"),
    Place("Domain", "*source@protocol", "protocols"),
    Place("Domain", "*source/host@name", "hosts"),
    Place("Domain", "*source@host", "hosts", choose=_server),
    Place("Domain", "devices/interface/source@name", FREE, _TEXT),
    Place("Domain", "*source@name", FREE, "what is called so on the hosts that are judged"),
    Place("Domain", "*source@query", FREE, "what is asked of the hosts that are judged"),
    Place("Domain", "*/cookies/cookie", FREE, "what is told the hosts that are judged"),
    Place("Domain", "devices/disk/serial", FREE, _GUEST),
    Place("Domain", "devices/disk/vendor", FREE, _GUEST),
    Place("Domain", "devices/disk/product", FREE, _GUEST),
    Place("Domain", "devices/disk/target@dev", FREE, _GUEST),
    Place("Domain", "devices/disk@rawio", "hostDevices", choose=_unfiltered),
    Place("Domain", "devices/disk@sgio", "hostDevices", choose=_unfiltered),
    Place("Domain", "devices/filesystem/target@dir", FREE, _GUEST),
    Place("Domain", "devices/hostdev@rawio", FREE, "judged with the device"),
    Place("Domain", "devices/hostdev@sgio", FREE, "judged with the device"),
    Place("Domain", "devices/smartcard@mode", "hostDevices", choose=_smartcard),
    # Whatever else is called like a path
    Place("Domain", "devices/*@tty", FREE, "what libvirt says it got"),
    Place("Domain", "devices/serial/source@path", "paths", choose=_terminal),
    Place("Domain", "devices/console/source@path", "paths", choose=_terminal),
    Place("Domain", "devices/parallel/source@path", "paths", choose=_terminal),
    Place("Domain", "devices/channel/source@path", "paths", choose=_terminal),
    *(
        Place("Domain", f"*@{leaf}", "paths")
        for leaf in ("file", "path", "dir", "dev", "socket", "rendernode", "evdev", "tap", "vhost", "logFile", "xauth")
    ),
)
_STORAGE: tuple[Place, ...] = (
    Place("Pool", "@type", "poolTypes"),
    Place("Pool", "target/path", "paths"),
    Place("Pool", "source/dir@path", "paths", choose=_exported),
    Place("Pool", "source/device@path", "paths", choose=_pool_device),
    Place("Pool", "source/host@name", "hosts"),
    Place("Pool", "source/name", FREE, "named by the host's admin for its pool type, which is judged"),
    Place("Volume", "backingStore/path", "paths"),
    Place("Volume", "!backing", "pools", choose=_backing),
    Place("Volume", "!source.volume", "pools", choose=_backing),
    Place("Volume", "source/device@path", "paths"),
    Place("Volume", "target/path", "paths"),
    Place("Volume", "!source", "sources"),
    Place("Secret", "description", FREE, _TEXT),
    Place("Secret", "usage/*", FREE, _NAME),
)
_NETWORK: tuple[Place, ...] = (
    Place("Network", "title", FREE, _TEXT),
    Place("Network", "description", FREE, _TEXT),
    Place("Network", "bridge@name", "bridges", choose=_network_bridge),
    Place("Network", "bridge@zone", "firewallZones"),
    Place("Network", "forward/interface@dev", "hostInterfaces", choose=_network_device),
    Place("Network", "forward@dev", "hostInterfaces", choose=_network_device),
    Place("Network", "ip/tftp@root", "paths"),
    Place("Network", "ip/dhcp/bootp@file", FREE, "a file of the network's own TFTP server"),
    Place("Network", "dns/txt@value", FREE, _TEXT),
)
TABLE: tuple[Place, ...] = (
    Place("*", "metadata", FREE, "libvirt does not read it"),
    Place("*", "metadata/*", FREE, "libvirt does not read it"),
    *_DOMAIN,
    *_STORAGE,
    *_NETWORK,
)

_KEYS = re.compile(r"\[[^\]]*\]")


def shape_of(address: Address) -> str:
    """An address without its keys: `devices/disk/source@file`."""
    return _KEYS.sub("", address)


@lru_cache(maxsize=8192)
def place_of(kind: str, shape: str) -> Place | None:
    """The first row for an address; None where only its value can tell."""
    return next((place for place in TABLE if place.kind in ("*", kind) and _fits(place.shape, shape)), None)


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.DOTALL)


def _fits(pattern: str, shape: str) -> bool:
    return _glob(pattern).fullmatch(shape) is not None
