"""Pools that together use every field."""

from __future__ import annotations

# None of these can be started here, so they are only defined.
DEFINED = {
    "fs": {"type": "fs", "path": "/mnt/a", "source": {"devices": ["/dev/sdz1"], "format": "ext4"}},
    "netfs": {
        "type": "netfs",
        "path": "/mnt/b/",
        "permissions": {"mode": "755", "owner": 0, "group": 0},
        "source": {"hosts": ["nas.example.com"], "dir": "/export//a", "format": "nfs", "protocolVersion": "4.2"},
    },
    "logical": {"type": "logical", "source": {"name": "vg0", "devices": ["/dev/sdy", "/dev/sdz"], "format": "lvm2"}},
    "disk": {"type": "disk", "source": {"devices": [{"path": "/dev/sdz", "partSeparator": True}], "format": "gpt"}},
    "iscsi": {
        "type": "iscsi",
        "source": {
            "hosts": [{"name": "iscsi.example.com", "port": 3260}],
            "devices": ["iqn.2013-06.com.example:target"],
            "initiator": "iqn.2013-06.com.example:initiator",
            "auth": {"type": "chap", "username": "u", "secretUsage": "iscsi-pool"},
        },
    },
    "iscsi-direct": {
        "type": "iscsi-direct",
        "source": {
            "hosts": ["iscsi.example.com"],
            "devices": ["iqn.2013-06.com.example:target"],
            "initiator": "iqn.2013-06.com.example:initiator",
        },
    },
    "scsi": {"type": "scsi", "source": {"adapter": {"type": "scsi_host", "name": "scsi_host0"}}},
    "mpath": {"type": "mpath"},
    "rbd": {
        "type": "rbd",
        "source": {
            "hosts": [{"name": "ceph1", "port": 6789}, "ceph2"],
            "name": "libvirt-pool",
            "auth": {"type": "ceph", "username": "libvirt", "secretUuid": "2EC115D7-3A88-3ceb-bc12-0ac909a6fd87"},
        },
    },
    "zfs": {"type": "zfs", "source": {"name": "tank", "devices": ["/dev/sdz"]}},
    "gluster": {"type": "gluster", "source": {"hosts": ["g1"], "name": "vol0", "dir": "/"}},
}
