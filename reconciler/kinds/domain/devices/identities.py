"""What identifies each element that libvirt's <devices> may hold several of."""

from __future__ import annotations

from reconciler.markup import Identities

IDENTITIES: Identities = {
    "devices/audio": ("@id",),
    "devices/channel": ("target@name",),
    # By position the mirror of the first serial port, which comes and goes with that, would move the others.
    "devices/console": ("target@type",),
    "devices/controller": ("@type",),
    "devices/disk": ("alias", "target@dev"),
    "devices/disk/source/cookies/cookie": ("@name",),
    "devices/disk/source/host": (),
    "devices/disk/source/seclabel": ("@model",),
    "devices/filesystem": ("target@dir",),
    "devices/graphics": ("@type",),
    "devices/graphics/channel": ("@name",),
    # All parts of an address, so that a device of the host is found again before it has a name.
    "devices/hostdev": (
        "alias",
        "source/address@uuid",
        "source@wwpn",
        "source/adapter@name",
        "source/product@id",
        "source/vendor@id",
        "source/address@slot",
        "source/address@domain",
        "source/address@bus",
        "source/address@function",
        "source/address@device",
        "source/address@target",
        "source/address@unit",
    ),
    "devices/hub": (),
    "devices/input": ("@type",),
    "devices/interface": ("alias", "mac@address"),
    "devices/interface/filterref/parameter": ("@name",),
    "devices/interface/ip": (),
    "devices/interface/route": (),
    "devices/interface/vlan/tag": ("@id",),
    "devices/lease": ("key",),
    "devices/memory": ("alias",),
    "devices/panic": (),
    "devices/parallel": (),
    "devices/redirdev": (),
    "devices/redirfilter/usbdev": (),
    "devices/rng": (),
    "devices/serial": (),
    "devices/shmem": ("@name",),
    "devices/sound": (),
    "devices/sound/codec": (),
    "devices/video": (),
}
