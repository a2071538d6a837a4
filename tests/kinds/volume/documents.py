"""Volumes that together use every field."""

from __future__ import annotations

DOCUMENTS = {
    "size-alone": {"capacity": "10MiB"},
    "odd-size": {"capacity": "1000001B"},
    "raw": {"capacity": "8MiB", "format": "raw"},
    "reserved": {"capacity": "4MiB", "allocation": "4MiB", "format": "raw"},
    "mode": {"capacity": "1MiB", "permissions": {"mode": "640", "owner": 0, "group": 0}},
    "qcow2-details": {
        "capacity": "10MiB",
        "format": "qcow2",
        "clusterSize": "128KiB",
        "compat": "1.1",
        "lazyRefcounts": True,
        "extendedL2": True,
    },
    "backed": {"backing": "base"},
    "backed-and-larger": {"backing": {"volume": "images/base", "format": "qcow2"}, "capacity": "20MiB"},
    "overlay": {"xml": "<volume><target><features><lazy_refcounts/></features></target></volume>", "capacity": "1MiB"},
}
