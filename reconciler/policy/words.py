"""The words of a policy: what each restricts, and what the preset `guarded` permits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.codecs import Json

OPEN, GUARDED = "open", "guarded"
PRESETS = (OPEN, GUARDED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """A list of what is permitted. `guarded` is what the preset of that name has in it; None permits anything.

    `roots`: the entries are paths, and permit all that is below them.
    """

    name: str
    doc: str
    example: tuple[str, ...]
    guarded: tuple[str, ...] | None = None
    roots: bool = False


WORDS: tuple[Word, ...] = (
    Word(
        name="paths",
        doc="Files, directories, devices and sockets of the host, for whatever a guest, pool or volume does with them.",
        example=("/var/lib/libvirt/images", "/dev/vg0"),
        guarded=("/var/lib/libvirt/images", "/var/lib/libvirt/qemu/nvram"),
        roots=True,
    ),
    Word(
        name="bootFiles",
        doc="Files that a guest boots from and never writes, beside those in `paths`: kernels, firmware, boot ROMs.",
        example=("/usr/share/OVMF", "/srv/kernels"),
        guarded=(
            "/usr/share/OVMF",
            "/usr/share/AAVMF",
            "/usr/share/edk2",
            "/usr/share/qemu",
            "/usr/share/qemu-efi-aarch64",
            "/usr/share/seabios",
            "/usr/share/ipxe",
        ),
        roots=True,
    ),
    Word(
        name="programs",
        doc="Programs that libvirt starts: emulators, virtiofsd, scripts of interfaces, boot loaders of Xen.",
        example=("/usr/bin/qemu-system-*",),
        guarded=(
            "/usr/bin/qemu-system-*",
            "/usr/bin/qemu-kvm",
            "/usr/bin/kvm",
            "/usr/libexec/qemu-kvm",
            "/usr/libexec/virtiofsd",
            "/usr/lib/qemu/virtiofsd",
        ),
        roots=True,
    ),
    Word(
        name="sources",
        doc="Files of the machine where reconciler runs, from which volumes and images are made.",
        example=("/srv/images",),
        guarded=(),
        roots=True,
    ),
    Word(
        name="urls",
        doc="Addresses on the network from which something is fetched.",
        example=("https://images.example.com/*",),
        guarded=("https://*",),
    ),
    Word(
        name="connections",
        doc="Hosts that documents may name, as libvirt URIs. Parameters of a URI that run a program or name a file are "
        "refused unless they are written out in a pattern.",
        example=("qemu+ssh://root@hv*.example.com/system",),
        guarded=("qemu:///*", "qemu+ssh://*", "qemu+ssh://*@*", "qemu+tls://*"),
    ),
    Word(
        name="namespaces",
        doc="Elements of other namespaces, which libvirt hands on unread: qemu:commandline, lxc:namespace, "
        "dnsmasq:options. Those below metadata are free.",
        example=("qemu:commandline",),
        guarded=(),
    ),
    Word(
        name="elements",
        doc="Parts of a domain that this program does not know, such as devices of a newer libvirt.",
        example=("devices/crypto",),
        guarded=(),
    ),
    Word(
        name="hostDevices",
        doc="Devices of the host: pci:0000:06:00.0, usb:1050:0407, usb:1:4 (bus and device), mdev:UUID, "
        "scsi:scsi_host0:0:3:0, vhost-scsi:WWPN, iscsi:NAME, scsi-adapter:NAME, net:eth0, smartcard:host, and raw-io "
        "for disks that send any SCSI command. A device with two such names needs both.",
        example=("pci:0000:06:00.*", "usb:1050:*"),
        guarded=(),
    ),
    Word(name="domainTypes", doc="Hypervisors.", example=("kvm",), guarded=("kvm", "qemu", "hvf")),
    Word(
        name="interfaceTypes",
        doc="Ways in which an interface is connected. `user` is not in the preset: such a guest reaches the host's own "
        "network, and what listens on its loopback.",
        example=("network",),
        guarded=("network", "bridge"),
    ),
    Word(name="networks", doc="libvirt's networks that a guest may be in.", example=("default", "web-*")),
    Word(
        name="bridges",
        doc="Bridges of the host that guests and networks may be connected to.",
        example=("br-guests",),
        guarded=(),
    ),
    Word(
        name="hostInterfaces",
        doc="Network devices of the host that guests and networks may use directly (macvtap, passthrough).",
        example=("eth1",),
        guarded=(),
    ),
    Word(
        name="filters",
        doc="Network filters of which each interface must have one.",
        example=("clean-traffic*",),
    ),
    Word(
        name="firewallZones",
        doc="Zones of firewalld in which a network may put its bridge.",
        example=("libvirt",),
        guarded=("libvirt", "libvirt-routed"),
    ),
    Word(name="pools", doc="Pools whose volumes may be used and made.", example=("default", "web-*")),
    Word(name="poolTypes", doc="Types of pools.", example=("dir", "logical"), guarded=("dir",)),
    Word(
        name="protocols", doc="Ways over the network to a disk: nbd, rbd, iscsi, http …", example=("rbd",), guarded=()
    ),
    Word(
        name="hosts",
        doc="Hosts on the network to which disks, pools, serial ports and interfaces are connected.",
        example=("ceph-*.example.com", "10.0.0.*"),
        guarded=(),
    ),
    Word(
        name="listen",
        doc="Addresses of the host on which graphics and serial ports listen.",
        example=("127.0.0.1",),
        guarded=("127.0.0.1", "::1", "localhost"),
    ),
    Word(
        name="securityLabels",
        doc="What is said of the labels that keep guests apart (SELinux, AppArmor, DAC), as `attribute=value`.",
        example=("type=dynamic", "relabel=yes", "model=*"),
        guarded=("type=dynamic", "relabel=yes", "model=*"),
    ),
    Word(
        name="dumps",
        doc="Dumps of a guest's memory to the host's disk when it crashes: coredump-destroy, coredump-restart, dump.",
        example=("coredump-restart",),
        guarded=(),
    ),
    Word(
        name="partitions",
        doc="Partitions of the host's resources (cgroups) in which a guest runs.",
        example=("/machine", "/machine/web"),
        guarded=("/machine",),
    ),
    Word(name="kinds", doc="Kinds of documents.", example=("Domain", "Volume")),
)
BY_NAME: Mapping[str, Word] = {word.name: word for word in WORDS}

# Limits and what they bound.
LIMITS: Mapping[str, str] = {
    "vcpus": "Virtual CPUs of one guest.",
    "memory": "Memory of one guest at most, with all that can be plugged in.",
    "volume": "Size of one volume.",
    "devices": "Devices of one guest.",
}


def _list(doc: str) -> dict[str, Json]:
    return {"type": "array", "items": {"type": "string", "minLength": 1}, "description": doc}


def _limits() -> dict[str, Json]:
    inner: dict[str, Json] = {
        name: {"type": "string" if name in ("memory", "volume") else "integer", "description": doc}
        for name, doc in LIMITS.items()
    }
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": inner,
        "description": "The most there may be.",
    }


_LISTS: dict[str, Json] = {word.name: _list(word.doc) for word in WORDS}
_RULE: dict[str, Json] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["kind", "address"],
    "properties": {
        "kind": {"type": "string", "description": "A kind, or * for all."},
        "address": {"type": "string", "description": "Addresses without keys, such as devices/panic*."},
        "allow": _list("Values that are permitted there; all others are not."),
        "deny": _list("Values that are not permitted there."),
    },
    "oneOf": [{"required": ["allow"]}, {"required": ["deny"]}],
}
SCHEMA: dict[str, Json] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "preset": {"type": "string", "enum": list(PRESETS), "description": "What holds for words that are not here."},
        **_LISTS,
        "limits": _limits(),
        "names": {
            "type": "object",
            "additionalProperties": _list("Patterns."),
            "description": "What documents of a kind may be called.",
        },
        "rules": {"type": "array", "items": _RULE, "description": "Values at single places."},
        "exceptions": {
            "type": "array",
            "description": "What single resources may have on top.",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["resources"],
                "properties": {"resources": _list("Such as Domain/db-*."), **_LISTS, "limits": _limits()},
            },
        },
    },
}
