"""Networks that together use every field."""

from __future__ import annotations

NAT = {
    "autostart": True,
    "forward": {
        "mode": "nat",
        "nat": {
            "addresses": {"start": "192.0.2.10", "end": "192.0.2.20"},
            "ports": {"start": 2000, "end": 3000},
        },
    },
    "bridge": {"name": "virbr91", "stp": False, "delay": 2, "macTableManager": "kernel"},
    "mac": "52:54:00:AA:00:01",
    "mtu": 9000,
    "domain": {"name": "lab.example.com", "localOnly": True},
    "dns": {
        "forwardPlainNames": False,
        "forwarders": ["192.0.2.53", {"address": "192.0.2.54", "domain": "example.org"}],
        "hosts": [{"ip": "10.17.3.2", "names": ["db", "db.lab"]}, {"ip": "FD00:0:1::2", "names": ["db6"]}],
        "txt": [{"name": "example", "value": "hello world"}],
        "srv": [
            {"service": "ldap", "protocol": "tcp", "domain": "example.com", "target": "a.example.com", "port": 389},
            {"service": "ldap", "protocol": "tcp", "domain": "example.com", "target": "b.example.com", "port": 389},
        ],
    },
    "ips": [
        {
            "address": "10.17.3.1",
            "prefix": 24,
            "localPtr": True,
            "dhcp": {
                "ranges": [
                    {"start": "10.17.3.100", "end": "10.17.3.150", "leaseTime": "2h"},
                    {"start": "10.17.3.160", "end": "10.17.3.170"},
                ],
                "hosts": [
                    {"ip": "10.17.3.3", "mac": "52:54:00:AB:CD:01", "name": "a", "leaseTime": "infinite"},
                    {"ip": "10.17.3.4", "mac": "52:54:00:AB:CD:02"},
                ],
                "bootp": {"file": "pxelinux.0", "server": "192.0.2.5"},
            },
        },
        {"address": "FD00:0:0:1::1", "prefix": 64},
    ],
    "routes": [{"address": "10.18.0.0", "prefix": 16, "gateway": "10.17.3.2", "metric": 2}],
    "portgroups": [
        {
            "name": "engineering",
            "default": True,
            "bandwidth": {"inbound": {"average": 1000, "peak": 5000, "burst": 1024}},
        }
    ],
    "isolatedPorts": True,
    "ipv6": True,
    "trustGuestRxFilters": True,
    "dnsmasqOptions": ["log-queries", "local-ttl=5"],
}
OVS = "<network><virtualport type='openvswitch'/></network>"
# One document for each way of forwarding, and for what excludes something above.
DOCUMENTS = {
    "everything": NAT,
    "plain-nat": {"forward": "nat", "ips": [{"address": "10.20.1.1", "prefix": 24}]},
    "nat-default-ports": {
        "forward": {"mode": "nat", "nat": {"ports": {"start": 1024, "end": 65535}}},
        "ips": [{"address": "10.20.2.1", "prefix": 24}],
    },
    "through-lo": {"forward": {"mode": "route", "interfaces": ["lo"]}, "ips": [{"address": "10.20.3.1", "prefix": 24}]},
    "open": {"forward": {"mode": "open"}, "ips": [{"address": "10.20.4.1", "prefix": 24}]},
    "isolated": {"forward": "isolated", "ips": [{"address": "10.20.5.1", "prefix": 24}], "dns": {"enable": False}},
    "silent": {},
    "bare": {"active": False, "bridge": "virbr92"},
    "on-a-bridge": {
        "active": False,
        "forward": "bridge",
        "bridge": "br0",
        "vlan": {"trunk": True, "tags": [42, 43]},
        "xml": OVS,
    },
    "private": {"forward": {"mode": "private", "interfaces": ["lo"]}},
    "vepa": {"forward": {"mode": "vepa", "interfaces": ["lo", "eth1"]}},
    "passthrough": {"forward": {"mode": "passthrough", "interfaces": ["lo"]}},
    "hostdev": {
        "active": False,
        "forward": {"mode": "hostdev", "managed": True, "physicalFunction": "eth0", "driver": "vfio"},
        "vlan": {"tags": [{"id": 42}]},
    },
    "bandwidth": {"active": False, "bandwidth": {"outbound": {"average": 128, "peak": 256, "burst": 256}}},
    "tftp": {"ips": [{"address": "10.20.6.1", "prefix": 24, "tftp": "/tmp"}]},
    "overlay": {"active": False, "xml": OVS},
}
