"""What libvirt 9.0 fills into devices by itself, which nobody asked for and an import leaves out."""

from __future__ import annotations

import re
from collections.abc import Callable

from reconciler.kinds.domain.devices.channel import AGENT_AT, AGENT_BORN
from reconciler.model.addresses import entry_keys, pattern_of
from reconciler.model.documents import Address, Texts

# Address patterns (full matches over `pattern_of`) that are noise whatever they hold.
_ALWAYS = re.compile(
    r"devices/\w+(\[\])?/(address|alias)(@.*|/.*)?"
    r"|devices/controller\[\](/model|/target|/master)?(@(index|ports|chassis|port|busNr|hotplug|name|startport))?"
    r"|devices/disk\[\]/(backingStore|mirror)(@.*|/.*)?"
    r"|devices/disk\[\]/source@index"
    r"|devices/disk\[\]/driver(@name)?"
    r"|devices/interface\[\]/source@portid"
    r"|devices/(serial|console|parallel|channel)\[\](@tty|/target@state)"
    r"|devices/(serial|parallel)\[\]/target"
    r"|devices/serial\[\]/target/model(@name)?"
)
# Address pattern -> the values that are libvirt's own.
_VALUES: dict[str, tuple[str, ...]] = {
    "devices/disk[]@device": ("disk",),
    "devices/disk[]/source/encryption@engine": ("qemu",),
    "devices/serial[]/target@type": ("isa-serial",),
    "devices/serial[]/protocol@type": ("raw",),
    "devices/channel[]/protocol@type": ("raw",),
    "devices/graphics[]/listen@type": ("address",),
    "devices/video[]/model@heads": ("1",),
    "devices/video[]/model@primary": ("yes",),
    "devices/video[]/model@vram": ("16384", "65536"),
    "devices/video[]/model@ram": ("65536",),
    "devices/video[]/model@vgamem": ("16384",),
    "devices/filesystem[]@accessmode": ("passthrough",),
    "devices/hostdev[]@display": ("off",),
    "devices/watchdog@action": ("reset",),
    "devices/vsock@model": ("virtio",),
    "devices/memballoon@model": ("virtio",),
}
_DEFAULT_CONTROLLERS = ("pci", "usb", "sata", "ide", "fdc", "virtio-serial", "ccid", "isa")
_DEFAULT_CONTROLLER_MODELS = ("piix3-uhci", "qemu-xhci", "lsilogic", "pci-root", "pcie-root", "pcie-root-port")


def is_noise(address: Address, texts: Texts) -> bool:
    """Whether libvirt put this into a definition by itself."""
    if not address.startswith("devices/"):
        return False
    if AGENT_BORN.get(address) == texts[address] or address == f"{AGENT_AT}/target":
        return True
    pattern = pattern_of(address)
    if _ALWAYS.fullmatch(pattern) or texts[address] in _VALUES.get(pattern, ()):
        return True
    device = address[len("devices/") :].partition("[")[0].partition("/")[0].partition("@")[0]
    judge = _JUDGES.get(device)
    return judge is not None and judge(address, texts)


def _device(address: Address) -> Address:
    name = re.match(r"devices/[^/@\[]+(\[[^]]*\])?", address)
    return name[0] if name else address


def _controller(address: Address, texts: Texts) -> bool:
    """Controllers of a kind that libvirt adds as needed, in the model that it picks."""
    device = _device(address)
    model = texts.get(f"{device}@model", "")
    if texts.get(f"{device}@type") in _DEFAULT_CONTROLLERS:
        return True
    return model in ("", *_DEFAULT_CONTROLLER_MODELS)


def _input(address: Address, texts: Texts) -> bool:
    """The PS/2 mouse and keyboard of every x86 machine."""
    device = _device(address)
    return texts.get(f"{device}@bus") == "ps2" and texts.get(f"{device}@type") in ("mouse", "keyboard")


def _console(address: Address, texts: Texts) -> bool:
    """The console that mirrors the first serial port, where it is the only one; the number of each in their order."""
    if address.endswith("/target@port"):
        consoles = [f"devices/console[{key}]" for key in entry_keys(texts, "devices/console")]
        return texts[address] == str(consoles.index(_device(address)))
    if not (address.startswith("devices/console[serial]") and "devices/serial[0]" in texts):
        return False
    return entry_keys(texts, "devices/console") == ["serial"]


def _port(address: Address, texts: Texts) -> bool:
    """The number of a serial or parallel port, where all are numbered in their order."""
    at = address.partition("[")[0]
    if address != f"{_device(address)}/target@port":
        return False
    return all(
        texts.get(f"{at}[{key}]/target@port", str(number)) == str(number)
        for number, key in enumerate(entry_keys(texts, at))
    )


def _disk(address: Address, texts: Texts) -> bool:
    """A CD-ROM's being read-only."""
    device = _device(address)
    return address == f"{device}/readonly" and texts.get(f"{device}@device") == "cdrom"


def _graphics(address: Address, texts: Texts) -> bool:
    """A port that libvirt chose; that it does so goes without saying for VNC alone."""
    graphics = _device(address)
    if texts.get(f"{graphics}@autoport") != "yes":
        return False
    chosen = address.endswith("@autoport") and texts.get(f"{graphics}@type") == "vnc"
    return chosen or address.endswith(("@port", "@tlsPort"))


def _audio(address: Address, texts: Texts) -> bool:
    """The silent backend that libvirt adds, or the one of SPICE where that is the only screen."""
    audio = _device(address)
    kind = texts.get(f"{audio}@type")
    if kind not in ("none", "spice") or texts.get(f"{audio}@id") != "1":
        return False
    own = (audio, f"{audio}@id", f"{audio}@type")
    if any(at.startswith("devices/audio[") and at not in own for at in texts):
        return False
    screens = entry_keys(texts, "devices/graphics")
    return kind == ("spice" if screens == ["spice"] else "none")


def _interface(address: Address, texts: Texts) -> bool:
    """The host's end of a running guest's interface."""
    device = _device(address)
    target = f"{device}/target"
    if address in (target, f"{target}@dev"):
        return texts.get(f"{target}@dev", "").startswith(("vnet", "macvtap", "macvlan"))
    return address == f"{device}/source@bridge" and texts.get(f"{device}@type") == "network"


def _character(address: Address, texts: Texts) -> bool:
    """A pseudoterminal, or the socket that libvirt makes for a channel."""
    device = _device(address)
    path = texts.get(f"{device}/source@path", "")
    if not address.startswith(f"{device}/source"):
        return False
    return texts.get(f"{device}@type") == "pty" or "/channel/target/" in path or "/domain-" in path


def _only_noise(address: Address, texts: Texts) -> bool:
    """An element that is only there because libvirt adds one, with nothing in it of anybody else's."""
    name = _device(address)
    inside = (f"{name}@", f"{name}/")
    return address == name and all(is_noise(known, texts) for known in texts if known.startswith(inside))


def _vsock(address: Address, texts: Texts) -> bool:
    """The address that libvirt picked for a running guest."""
    return address == "devices/vsock/cid@address" and texts.get("devices/vsock/cid@auto") == "yes"


_JUDGES: dict[str, Callable[[Address, Texts], bool]] = {
    "audio": _audio,
    "channel": _character,
    "console": lambda address, texts: _console(address, texts) or _character(address, texts),
    "controller": _controller,
    "disk": _disk,
    "graphics": _graphics,
    "input": _input,
    "interface": _interface,
    "memballoon": _only_noise,
    "parallel": lambda address, texts: _port(address, texts) or _character(address, texts),
    "serial": lambda address, texts: _port(address, texts) or _character(address, texts),
    "vsock": _vsock,
}
