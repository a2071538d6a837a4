"""Where a disk's bytes are: every source type of libvirt 9.0, and what follows from the one that is given."""

from __future__ import annotations

from reconciler.fields import NAME, PATH, TEXT, UUID, YES_NO, Codec, Field, Group, Items, Node, choice, integer, text
from reconciler.kinds.domain.devices.codecs import HOST_NAME, PORT
from reconciler.kinds.domain.devices.parts import pci_address
from reconciler.model.documents import Address

DEFAULT_POOL = "default"

# The leaf that gives a source away -> the disk's type.
TYPES: dict[Address, str] = {
    "source@file": "file",
    "source@dev": "block",
    "source@dir": "dir",
    "source@volume": "volume",
    "source@protocol": "network",
    "source@namespace": "nvme",
    "source@path": "vhostuser",
}
# Every leaf that says where a source is; those of another type have to go when a source changes.
LEAVES = (*TYPES, "source@pool", "source@name", "source@type")

PROTOCOLS = ("rbd", "iscsi", "nbd", "http", "https", "ftp", "ftps", "gluster", "sheepdog", "ssh", "vxhs", "nfs")

VOLUME_NAME = text(pattern=r"[^/\x00-\x1f]+")


def _number_or_word(value: str) -> object:
    return int(value) if value.isdecimal() else value


HOSTS = Items(
    name="hosts",
    at="source/host",
    doc="The servers that hold the data, in the order they are tried.",
    short="name",
    fields=(
        Field(
            name="name", at="@name", codec=HOST_NAME, doc="The server's host name or address.", example="ceph1.example"
        ),
        Field(
            name="port", at="@port", codec=PORT, doc="The server's port; the protocol's own if not given.", example=6789
        ),
        Field(
            name="transport",
            at="@transport",
            codec=choice("tcp", "unix", "rdma"),
            doc="How the server is reached.",
            example="tcp",
            implied="tcp",
        ),
        Field(name="socket", at="@socket", codec=PATH, doc="The server's unix socket.", example="/run/gluster.sock"),
    ),
    example=["ceph1.example", {"name": "ceph2.example", "port": 6789}],
)

AUTH = Group(
    name="auth",
    when=(("protocol", ("rbd", "iscsi", "http", "https", "ftp", "ftps", "ssh")),),
    doc="Who to be on the server; the password is a libvirt secret.",
    fields=(
        Field(name="user", at="source/auth@username", codec=TEXT, doc="The user name.", example="libvirt"),
        Field(
            name="secretUuid",
            at="source/auth/secret@uuid",
            codec=UUID,
            doc="The libvirt secret that holds the password, by its UUID.",
            example="6dd3e4a5-1d76-44ce-961f-f119f5aad935",
        ),
        Field(
            name="secretUsage",
            at="source/auth/secret@usage",
            codec=TEXT,
            doc="The libvirt secret that holds the password, by its usage.",
            example="ceph-libvirt",
        ),
    ),
    example={"user": "libvirt", "secretUsage": "ceph-libvirt"},
)

COOKIES = Items(
    name="cookies",
    when=(
        (
            "protocol",
            ("http", "https"),
        ),
    ),
    at="source/cookies/cookie",
    doc="Cookies sent to an http or https server.",
    key="name",
    fields=(
        Field(
            name="name",
            at="@name",
            codec=text(pattern=r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"),
            doc="The cookie's name.",
            example="session",
            must=True,
        ),
        Field(name="value", at="", codec=TEXT, doc="The cookie's value.", example="1234", secret=True),
    ),
    example=[{"name": "session", "value": "1234"}],
)

NETWORK = Group(
    name="network",
    doc="Data on a server that QEMU speaks to itself.",
    fields=(
        Field(
            name="protocol",
            at="source@protocol",
            codec=choice(*PROTOCOLS),
            doc="The server's protocol.",
            example="rbd",
            must=True,
        ),
        Field(
            name="name",
            at="source@name",
            codec=TEXT,
            doc="What to open on the server: pool and image, path, export or iSCSI target with LUN.",
            example="vms/web-1",
        ),
        HOSTS,
        AUTH,
        Field(
            name="snapshot",
            when=(("protocol", ("rbd",)),),
            at="source/snapshot@name",
            codec=TEXT,
            doc="The RBD snapshot to open.",
            example="monday",
        ),
        Field(
            name="config",
            when=(("protocol", ("rbd",)),),
            at="source/config@file",
            codec=PATH,
            doc="The Ceph configuration file on the host.",
            example="/etc/ceph/ceph.conf",
        ),
        Field(
            name="query",
            when=(
                (
                    "protocol",
                    ("http", "https"),
                ),
            ),
            at="source@query",
            codec=TEXT,
            doc="The query part of an http or https address.",
            example="token=1",
        ),
        COOKIES,
        Field(
            name="verify",
            when=(
                (
                    "protocol",
                    ("https", "ftps"),
                ),
            ),
            at="source/ssl@verify",
            codec=YES_NO,
            doc="Whether an https or ftps server's certificate is checked.",
            example=False,
        ),
        Field(
            name="readahead",
            when=(
                (
                    "protocol",
                    ("http", "https", "ftp", "ftps"),
                ),
            ),
            at="source/readahead@size",
            codec=integer(1, unit="bytes"),
            doc="How far an http, https, ftp or ftps source is read ahead.",
            example=65536,
        ),
        Field(
            name="timeout",
            when=(
                (
                    "protocol",
                    ("http", "https", "ftp", "ftps"),
                ),
            ),
            at="source/timeout@seconds",
            codec=integer(1, unit="seconds"),
            doc="How long an http, https, ftp or ftps server may take to answer.",
            example=6,
        ),
        Field(
            name="tls",
            when=(
                (
                    "protocol",
                    ("nbd", "vxhs"),
                ),
            ),
            at="source@tls",
            codec=YES_NO,
            doc="Whether an NBD or VxHS server is spoken to in TLS.",
            example=True,
        ),
        Field(
            name="tlsHostname",
            when=(("protocol", ("nbd",)),),
            at="source@tlsHostname",
            codec=TEXT,
            doc="The name that the NBD server's certificate must carry.",
            example="nbd.example",
        ),
        Field(
            name="initiator",
            when=(("protocol", ("iscsi",)),),
            at="source/initiator/iqn@name",
            codec=TEXT,
            doc="The iSCSI initiator's name.",
            example="iqn.2026-01.example:host",
        ),
        Field(
            name="user",
            when=(("protocol", ("nfs",)),),
            at="source/identity@user",
            codec=TEXT,
            doc="The user whose files an NFS server shows.",
            example="qemu",
        ),
        Field(
            name="group",
            when=(("protocol", ("nfs",)),),
            at="source/identity@group",
            codec=TEXT,
            doc="The group whose files an NFS server shows.",
            example="qemu",
        ),
    ),
    example={"protocol": "rbd", "name": "vms/web-1", "hosts": ["ceph1.example"]},
)

NVME = Group(
    name="nvme",
    doc="A namespace of an NVMe controller that the host gives away.",
    fields=(
        pci_address("address", "source/address", "The controller's PCI address on the host."),
        Field(
            name="namespace", at="source@namespace", codec=integer(1), doc="The NVMe namespace.", example=1, must=True
        ),
        Field(
            name="managed",
            at="source@managed",
            codec=YES_NO,
            doc="Whether libvirt detaches the controller from the host's driver at start.",
            example=True,
            keep=True,
        ),
    ),
    example={"address": "0000:01:00.0", "namespace": 1},
)

ENCRYPTION = Group(
    name="encryption",
    doc="A LUKS layer that QEMU opens; the key is a libvirt secret.",
    fields=(
        Field(
            name="format",
            at="source/encryption@format",
            codec=choice("luks", "luks2", "luks-any"),
            doc="The encryption format; luks2 and luks-any only with engine librbd.",
            example="luks",
            must=True,
        ),
        Field(
            name="engine",
            at="source/encryption@engine",
            codec=choice("qemu", "librbd"),
            doc="Who decrypts.",
            example="qemu",
            keep=True,
        ),
        Field(
            name="secretUuid",
            at="source/encryption/secret@uuid",
            codec=UUID,
            doc="The libvirt secret that holds the key, by its UUID.",
            example="f981dd17-143f-45bc-88e6-ed1fe20ce9da",
        ),
        Field(
            name="secretUsage",
            at="source/encryption/secret@usage",
            codec=TEXT,
            doc="The libvirt secret that holds the key, by its usage.",
            example="web-1-root",
        ),
    ),
    example={"format": "luks", "secretUsage": "web-1-root"},
)

STARTUP: Codec = choice("mandatory", "requisite", "optional")

SOURCES: tuple[Node, ...] = (
    Field(
        name="file", at="source@file", codec=PATH, doc="An image file on the host.", example="/srv/images/web-1.qcow2"
    ),
    Field(name="block", at="source@dev", codec=PATH, doc="A block device of the host.", example="/dev/vg0/web-1"),
    Field(
        name="dir",
        at="source@dir",
        codec=PATH,
        doc="A directory of the host that the guest sees as a FAT file system.",
        example="/srv/floppy",
    ),
    Field(name="volume", at="source@volume", codec=VOLUME_NAME, doc="A storage volume.", example="web-1-data"),
    Field(
        name="pool",
        at="source@pool",
        codec=NAME,
        doc=f"The storage pool of the volume; `{DEFAULT_POOL}` if not given.",
        example="ssd",
    ),
    Field(
        name="poolMode",
        at="source@mode",
        codec=choice("host", "direct"),
        doc="How a volume of an iSCSI pool is opened: as the host's block device, or by QEMU itself.",
        example="host",
    ),
    NETWORK,
    NVME,
    Field(
        name="vhostUser",
        at="source@path",
        codec=PATH,
        doc="The socket of a vhost-user-blk server; needs shared memory.",
        example="/run/spdk.sock",
    ),
    Field(
        name="startupPolicy",
        at="source@startupPolicy",
        codec=STARTUP,
        doc="What happens if the medium is missing: fail, fail except after migration, or go without it.",
        example="optional",
    ),
    ENCRYPTION,
)


def derive(claims: dict[Address, str | None]) -> None:
    """The disk's type and the words that a source needs; what another type of source would leave behind goes."""
    leaf = next((leaf for leaf in TYPES if leaf in claims), None)
    if leaf is None:
        return
    claims["@type"] = TYPES[leaf]
    _complete(claims)
    for stale in LEAVES:
        claims.setdefault(stale, None)


def _complete(claims: dict[Address, str | None]) -> None:
    match claims["@type"]:
        case "volume":
            claims.setdefault("source@pool", DEFAULT_POOL)
        case "nvme":
            claims["source@type"] = "pci"
        case "vhostuser":
            claims["source@type"] = "unix"
        case "dir":
            claims.setdefault("driver@type", "fat")
    name = claims.get("source@name")
    if claims.get("source@protocol") == "iscsi" and name and "/" not in name:
        claims["source@name"] = f"{name}/0"
    if "source/auth@username" in claims:
        claims["source/auth/secret@type"] = "ceph" if claims.get("source@protocol") == "rbd" else "iscsi"
    if "source/encryption@format" in claims:
        claims["source/encryption/secret@type"] = "passphrase"


# The path people see for what `derive` adds.
DERIVED: dict[Address, str] = {
    "@type": "source",
    "source@type": "source",
    "source/auth/secret@type": "network.auth",
    "source/encryption/secret@type": "encryption",
}
