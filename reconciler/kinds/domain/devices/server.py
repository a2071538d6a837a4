"""Disks whose data is on a server that QEMU speaks to itself."""

from __future__ import annotations

from reconciler.codecs import PATH, TEXT, UUID, YES_NO, choice, integer, text
from reconciler.fields import Field, Group, Items
from reconciler.kinds.domain.devices.codecs import HOST_NAME, PORT

PROTOCOLS = ("rbd", "iscsi", "nbd", "http", "https", "ftp", "ftps", "gluster", "sheepdog", "ssh", "vxhs", "nfs")

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
