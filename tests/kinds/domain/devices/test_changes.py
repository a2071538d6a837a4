"""One device turned into another on the host's own definition: libvirt then has what the document says."""

from dataclasses import replace

import pytest

from reconciler import definitions
from reconciler.kind import Situation
from reconciler.kinds.domain import devices
from reconciler.model.documents import Observed
from reconciler.model.plans import Diff

pytestmark = pytest.mark.e2e

DISKS = [
    {"file": "/srv/a.img"},
    {"block": "/dev/vg0/a"},
    {"volume": "a", "pool": "ssd"},
    {"network": {"protocol": "nbd", "name": "a", "hosts": ["h.example"]}},
    {"network": {"protocol": "rbd", "name": "p/a", "auth": {"user": "u", "secretUsage": "s"}}},
    {"nvme": {"address": "0000:01:00.0", "namespace": 1}},
]
INTERFACES = [
    {"network": "default", "portgroup": "web"},
    {"bridge": "br0"},
    {"direct": {"device": "eth0", "mode": "private"}},
    {"direct": "eth1"},
    {"type": "user"},
    {"type": "ethernet"},
    {"internal": "lan"},
]
LISTENS = [
    {"address": "0.0.0.0"},
    {"network": "default"},
    {"socket": "/run/a.sock"},
    {"type": "none"},
    {"type": "socket"},
]
BODIES = {
    "disk": [{"disks": [{"name": "d", **source}]} for source in DISKS],
    "interface": [{"interfaces": [{"name": "i", "mac": "52:54:00:11:22:33", **source}]} for source in INTERFACES],
    "vnc": [{"graphics": [{"type": "vnc", "listen": listen}]} for listen in LISTENS],
    "port": [{"graphics": [{"type": "vnc", "port": 5901}]}, {"graphics": [{"type": "vnc", "autoport": True}]}],
    "vsock": [{"vsock": {"auto": True}}, {"vsock": {"cid": 7}}, {}],
    "watchdog": [{"watchdog": "i6300esb"}, {"watchdog": {"model": "ib700", "action": "pause"}}, {}],
}
PAIRS = [
    pytest.param(first, second, id=f"{kind}-{place}-{other}")
    for kind, bodies in BODIES.items()
    for place, first in enumerate(bodies)
    for other, second in enumerate(bodies)
    if first != second and first
]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_device_becomes_what_the_document_now_says(first, second, oracle, cases, flatten, judge):
    old = replace(cases[0], body=first, lifted=None)
    new = replace(cases[0], body=second, lifted=None)
    there = oracle(old.xml)["xml"]
    texts = flatten(there)
    gone = [at for at in old.spec.claims if at in texts and at not in new.spec.claims]
    diffs = [Diff(at, texts.get(at), want) for at, want in new.spec.claims.items() if texts.get(at) != want]
    diffs += [Diff(at, texts[at], None) for at in gone if at.count("/") == 1 and "@" not in at]
    diffs += [Diff(at, texts[at], None) for at in gone]
    diffs = [
        Diff(at, "", None) for diff in diffs for at in devices.displaced(diff.address, texts) if at in texts
    ] + diffs
    situation = Situation(spec=new.spec, observed=Observed(ref=new.spec.ref, uuid="", xml=there), texts=texts)
    answer = oracle(definitions.revise(situation, diffs, devices.IDENTITIES, {}))
    assert "error" not in answer, answer["error"]
    assert judge(new.spec.claims, answer["xml"]) == []
