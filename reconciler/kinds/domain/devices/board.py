"""Where libvirt 9.0's QEMU driver puts a machine's devices on its PCI buses where nobody says it.

The order and the rules are those of qemuDomainAssignDevicePCISlots and virDomainPCIAddressGetNextAddr. What comes of
them is compared with what a machine has: only an address that would come again by itself may be left unsaid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

Leaves = Mapping[str, str]
Slot = tuple[int, int, int]  # bus, slot, function

_ROOTS = ("pci-root", "pcie-root")
_PORT, _BRIDGE = "pcie-root-port", "pcie-to-pci-bridge"
KNOWN_MODELS = (*_ROOTS, _PORT, _BRIDGE)
_LAST_SLOT = 31
_CONVENTIONAL_USB = ("piix3-uhci", "piix4-uhci", "ehci", "pci-ohci", "vt82c686b-uhci")
_VIRTIO = ("virtio", "virtio-non-transitional")
_EXPRESS_CARDS = (*_VIRTIO, "e1000e")
_EXPRESS_SCREENS = ("virtio", "bochs")


class UnknownBoard(Exception):  # noqa: N818 (it is an answer)
    """This machine has something whose place is not known here."""


@dataclass(frozen=True, slots=True)
class Device:
    """A PCI device: its element, whether it wants a PCI Express port, and where the chipset has it, if it does."""

    element: str
    express: bool
    fixed: Slot | None = None


@dataclass
class Board:
    """The buses of a machine, by number, and what is taken of them. Bus 0 is the machine's own."""

    models: Mapping[int, str]
    used: dict[tuple[int, int], set[int]] = field(default_factory=dict)
    shared: set[tuple[int, int]] = field(default_factory=set)

    def take(self, place: Slot) -> None:
        bus, slot, function = place
        self.used.setdefault((bus, slot), set()).add(function)

    def free(self, place: Slot) -> bool:
        return (place[0], place[1]) not in self.used

    def next_port(self) -> Slot:
        """The next function of a slot of ports, or of a free one."""
        for slot in range(1, _LAST_SLOT + 1):
            if (0, slot) in self.shared and len(self.used[0, slot]) < 8:
                return 0, slot, next(each for each in range(8) if each not in self.used[0, slot])
            if self.free((0, slot, 0)):
                self.shared.add((0, slot))
                return 0, slot, 0
        raise UnknownBoard

    def next_place(self, express: bool) -> Slot:
        """The first free slot on a bus for such a device. Raises UnknownBoard where libvirt would add a bus."""
        for bus, model in self.models.items():
            if model == _PORT and express and self.free((bus, 0, 0)):
                return bus, 0, 0
            if (model == "pci-root") or (model == _BRIDGE and not express):
                for slot in range(1, _LAST_SLOT + 1):
                    if self.free((bus, slot, 0)):
                        return bus, slot, 0
        raise UnknownBoard


def assigned(
    models: Mapping[int, str], bridges: Mapping[int, str], devices: Sequence[Device], said: Mapping[str, Slot]
) -> dict[str, Slot]:
    """The place of each device and of each PCI controller (`bridges`: number -> element); `said` are those given."""
    board = Board(models)
    express = models.get(0) == "pcie-root"
    for place in said.values():
        board.take(place)
    _reserve(board, express)
    found: dict[str, Slot] = dict(said)
    for device in devices:
        if device.fixed and device.element not in said and _is_open(board, device.fixed):
            board.take(device.fixed)
            found[device.element] = device.fixed
    for number, element in bridges.items():
        if element not in found:
            place = board.next_port() if models[number] == _PORT else board.next_place(express=True)
            board.take(place)
            found[element] = place
    for device in devices:
        if device.element not in found:
            place = board.next_place(device.express or not express)
            board.take(place)
            found[device.element] = place
    if not express:
        # libvirt sees to it that one more device would fit, and adds a bridge if not.
        board.next_place(express=False)
    return found


def _is_open(board: Board, place: Slot) -> bool:
    """Whether the chipset's device can have its place: those of the chipset share its slot."""
    return board.free(place) or place[1] in (1, _LAST_SLOT)


def _reserve(board: Board, express: bool) -> None:
    """What the chipset has: PIIX3 in slot 1, or ICH9's bridges in slot 31."""
    slot, functions = (_LAST_SLOT, (0, 2, 3)) if express else (1, (0, 1, 2, 3))
    for function in functions:
        board.take((0, slot, function))


def devices(found: Mapping[str, Mapping[str, Leaves]], express: bool) -> Iterator[Device]:
    """A machine's PCI devices in the order in which libvirt finds them places.

    `found`: a device's name in libvirt -> element -> its leaves. Raises UnknownBoard.
    """
    for name, judge in _ORDER:
        for number, (element, leaves) in enumerate(found.get(name, {}).items()):
            wants = judge(leaves)
            if wants is None:
                continue
            yield Device(element, wants, _fixed(name, number, leaves, express))


def _fixed(name: str, number: int, leaves: Leaves, express: bool) -> Slot | None:
    kind, index = leaves.get("@type"), leaves.get("@index")
    if name == "video" and number == 0:
        return (0, 1, 0) if express else (0, 2, 0)
    if express:
        if name == "sound" and leaves.get("@model") == "ich9":
            return (0, 0x1B, 0)
        return (0, _LAST_SLOT, 2) if (name, kind, index) == ("controller", "sata", "0") else None
    if name == "controller" and index == "0" and kind == "ide":
        return 0, 1, 1
    return (0, 1, 2) if (name, leaves.get("@model"), index) == ("controller", "piix3-uhci", "0") else None


def _filesystem(leaves: Leaves) -> bool | None:
    return leaves.get("@model", "virtio") in _VIRTIO


def _interface(leaves: Leaves) -> bool | None:
    if leaves.get("@type") == "hostdev" or leaves.get("model@type") == "usb-net":
        return None
    return leaves.get("model@type", "e1000e") in _EXPRESS_CARDS


def _sound(leaves: Leaves) -> bool | None:
    return None if leaves.get("@model") in ("sb16", "pcspk", "usb", "ich7") else False


def _controller(leaves: Leaves) -> bool | None:
    model = leaves.get("@model", "")
    match leaves.get("@type"):
        case "pci" | "fdc" | "ccid":
            return None
        case "usb":
            if model == "none":
                return None
            if model not in ("qemu-xhci", "nec-xhci", *_CONVENTIONAL_USB):
                raise UnknownBoard
            return model not in _CONVENTIONAL_USB
        case "scsi":
            return model in ("virtio-scsi", "virtio-non-transitional")
        case "virtio-serial":
            return model in ("", *_VIRTIO)
        case "sata" | "ide":
            return False
        case _:
            raise UnknownBoard


def _disk(leaves: Leaves) -> bool | None:
    return leaves.get("@model", "virtio") in _VIRTIO if leaves.get("target@bus") == "virtio" else None


def _hostdev(leaves: Leaves) -> bool | None:
    if leaves.get("@type") == "mdev" and leaves.get("@model") != "vfio-pci":
        return None
    return True if leaves.get("@type") in ("pci", "mdev", "scsi_host") else None


def _passed_interface(leaves: Leaves) -> bool | None:
    return True if leaves.get("@type") == "hostdev" else None


def _balloon(leaves: Leaves) -> bool | None:
    model = leaves.get("@model")
    return None if model == "none" else model in _VIRTIO


def _modelled(leaves: Leaves) -> bool | None:
    return leaves.get("@model", "virtio") in _VIRTIO


def _watchdog(leaves: Leaves) -> bool | None:
    return False if leaves.get("@model") == "i6300esb" else None


def _video(leaves: Leaves) -> bool | None:
    kind = leaves.get("model@type")
    return None if kind in ("none", "ramfb") else kind in _EXPRESS_SCREENS


def _shmem(leaves: Leaves) -> bool | None:
    return False


def _input(leaves: Leaves) -> bool | None:
    return _modelled(leaves) if leaves.get("@bus") == "virtio" else None


def _serial(leaves: Leaves) -> bool | None:
    return False if leaves.get("target@type") == "pci-serial" else None


def _iommu(leaves: Leaves) -> bool | None:
    if leaves.get("@model") == "virtio":
        raise UnknownBoard
    return None


def _memory(leaves: Leaves) -> bool | None:
    return True if leaves.get("@model") in ("virtio-mem", "virtio-pmem") else None


# True: PCI Express; False: conventional PCI; None: no PCI device.
_ORDER = (
    ("filesystem", _filesystem),
    ("interface", _interface),
    ("sound", _sound),
    ("controller", _controller),
    ("disk", _disk),
    ("interface", _passed_interface),
    ("hostdev", _hostdev),
    ("memballoon", _balloon),
    ("rng", _modelled),
    ("watchdog", _watchdog),
    ("video", _video),
    ("shmem", _shmem),
    ("input", _input),
    ("serial", _serial),
    ("iommu", _iommu),
    ("vsock", _modelled),
    ("memory", _memory),
)
