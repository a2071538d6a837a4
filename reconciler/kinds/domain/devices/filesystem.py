"""Directories of the host that the guest can mount."""

from __future__ import annotations

from reconciler.codecs import NAME, ON_OFF, PATH, PRESENT, choice, integer, size, text
from reconciler.fields import Field, Group, Items, Node
from reconciler.kinds.domain.devices.codecs import OCTAL, boot_order, virtio_options
from reconciler.model.documents import Address

_BINARY: tuple[Node, ...] = (
    Field(
        name="path",
        at="binary@path",
        codec=PATH,
        doc="The virtiofsd to run.",
        example="/usr/libexec/virtiofsd",
    ),
    Field(name="xattr", at="binary@xattr", codec=ON_OFF, doc="Whether extended attributes work.", example=True),
    Field(
        name="cache",
        at="binary/cache@mode",
        codec=choice("none", "always"),
        doc="Whether the guest caches what it reads.",
        example="always",
    ),
    Field(
        name="sandbox",
        at="binary/sandbox@mode",
        codec=choice("namespace", "chroot"),
        doc="How virtiofsd confines itself.",
        example="chroot",
    ),
    Field(
        name="posixLocks", at="binary/lock@posix", codec=ON_OFF, doc="Whether POSIX locks reach the host.", example=True
    ),
    Field(
        name="fileLocks", at="binary/lock@flock", codec=ON_OFF, doc="Whether flock locks reach the host.", example=True
    ),
    Field(
        name="threads",
        at="binary/thread_pool@size",
        codec=integer(0, unit="threads"),
        doc="How many threads virtiofsd works with at most.",
        example=8,
    ),
)

_FIELDS: tuple[Node, ...] = (
    Field(
        name="target",
        at="target@dir",
        codec=text(),
        doc="The tag by which the guest mounts it (a container: the directory).",
        example="shared",
        must=True,
    ),
    Field(name="dir", at="source@dir", codec=PATH, doc="The host's directory.", example="/srv/shared"),
    Field(
        name="socket",
        at="source@socket",
        codec=PATH,
        doc="The socket of a virtiofsd that somebody else runs, in place of a directory.",
        example="/run/virtiofsd.sock",
    ),
    Field(name="file", at="source@file", codec=PATH, doc="A container's image file.", example="/srv/lxc/web.img"),
    Field(name="block", at="source@dev", codec=PATH, doc="A container's block device.", example="/dev/vg0/web"),
    Field(name="template", at="source@name", codec=NAME, doc="An OpenVZ template.", example="debian-12"),
    Field(
        name="ram",
        at="source@usage",
        codec=size(1024, ""),
        doc="The size of a file system that a container has in memory.",
        example="64MiB",
    ),
    Field(
        name="driver",
        at="driver@type",
        codec=choice("virtiofs", "path", "handle", "loop", "nbd", "ploop"),
        doc="How it is shared; virtiofs needs shared memory (`memory`), 9p is `path`.",
        example="virtiofs",
        keep=True,
    ),
    Field(
        name="accessMode",
        at="@accessmode",
        codec=choice("passthrough", "mapped", "squash"),
        doc="Whose rights and owners files have with 9p: the host's, the guest's in extended attributes, or QEMU's.",
        example="mapped",
        keep=True,
    ),
    Field(
        name="readonly",
        at="readonly",
        codec=PRESENT,
        doc="Whether the guest may only read; virtiofs cannot.",
        example=True,
    ),
    Field(
        name="multipleDevices",
        at="@multidevs",
        codec=choice("default", "remap", "forbid", "warn"),
        doc="What 9p does about directories that span several of the host's file systems.",
        example="remap",
        implied="default",
    ),
    Field(
        name="fileMode",
        at="@fmode",
        codec=OCTAL,
        doc="The mode of files that 9p makes (accessMode mapped).",
        example="0644",
    ),
    Field(
        name="dirMode",
        at="@dmode",
        codec=OCTAL,
        doc="The mode of directories that 9p makes (accessMode mapped).",
        example="0755",
    ),
    Field(
        name="queueSize",
        at="driver@queue",
        codec=integer(1, unit="requests"),
        doc="How many requests a virtiofs queue holds.",
        example=1024,
    ),
    Group(name="virtiofsd", doc="How virtiofsd is run.", fields=_BINARY, example={"cache": "always"}),
    Field(
        name="model",
        at="@model",
        codec=choice("virtio", "virtio-transitional", "virtio-non-transitional"),
        doc="The model of the device.",
        example="virtio-non-transitional",
    ),
    boot_order(),
    virtio_options(),
)

_TYPES: dict[Address, str] = {
    "source@file": "file",
    "source@dev": "block",
    "source@name": "template",
    "source@usage": "ram",
}


def _derive(claims: dict[Address, str | None]) -> None:
    claims["@type"] = next((kind for at, kind in _TYPES.items() if at in claims), "mount")
    if "source@usage" in claims:
        claims["source@units"] = "KiB"


FILESYSTEMS = Items(
    name="filesystems",
    at="devices/filesystem",
    doc="Directories of the host that the guest can mount, by virtiofs or 9p.",
    key="target",
    fields=_FIELDS,
    derive=_derive,
    derived={"@type": "driver", "source@units": "ram"},
    example=[{"target": "shared", "dir": "/srv/shared", "driver": "virtiofs"}],
)
