"""What a host lacks is said before anything is changed on it."""

import time

import pytest

from reconciler.kind import Abilities, Facts
from reconciler.kinds.domain import KIND
from reconciler.model.refs import Ref
from tests.kinds.domain.machines import observed, parsed, rendered

GIB = 1 << 30
ABILITIES = Abilities(
    name="pc-q35-7.2 on this host",
    vcpus=288,
    lists={
        "cpu/custom:model": frozenset({"Nehalem"}),
        "os:firmware": frozenset({"bios"}),
        "devices/disk:bus": frozenset({"virtio", "sata"}),
        "devices/video:modelType": frozenset({"vga", "virtio"}),
    },
    supported={"devices/tpm": False, "cpu/host-passthrough": False, "cpu/custom": True, "features/gic": False},
)
HOST = Facts(
    cpus=4,
    memory=8 * GIB,
    domain_types=frozenset({"qemu"}),
    machines={"q35": "pc-q35-7.2", "pc": "pc-i440fx-7.2"},
    abilities=lambda type_, arch, machine: ABILITIES,
    networks={"default": True, "idle": False},
    pools={"default": True, "off": False},
    volumes={"default/root.qcow2": "/pool/root.qcow2"},
    nwfilters=frozenset({"clean-traffic"}),
    interfaces=frozenset({"br0"}),
    ports={5901: Ref("Domain", "other")},
    exists=lambda path: path == "/there",
    declared=frozenset({Ref("Network", "new"), Ref("Volume", "default/made.qcow2"), Ref("Pool", "fresh")}),
)


def said(body, seen=None, facts=HOST):
    return [(problem.number, str(problem)) for problem in KIND.preflight(parsed(body), seen, facts)]


@pytest.mark.parametrize(
    ("body", "number", "words"),
    [
        ({"type": "kvm"}, "R401", "wants type kvm"),
        ({"machine": "pc-q35-9.9"}, "R401", "pc-q35-9.9"),
        ({"cpu": {"model": "Nonsuch"}}, "R401", "Nonsuch"),
        ({"firmware": "uefi"}, "R401", "firmware uefi"),
        (
            {"disks": [{"name": "a", "file": "/there", "bus": "ide"}]},
            "R401",
            "ide, which pc-q35-7.2 on this host lacks",
        ),
        ({"disks": [{"name": "a", "file": "/there", "bus": "ide"}]}, "R401", "it has sata, virtio"),
        ({"videos": [{"model": "cirrus"}]}, "R401", "video model cirrus"),
        ({"tpm": {"model": "tpm-tis"}}, "R401", "a tpm, which pc-q35-7.2 on this host has not got"),
        ({"cpu": {"mode": "host-passthrough"}}, "R401", "CPU mode host-passthrough"),
        ({"vcpus": 300}, "R401", "at most 288"),
        ({"xml": "<domain><features><gic version='3'/></features></domain>"}, "R401", "GIC version 3"),
        ({"kernel": "/missing"}, "R401", "/missing"),
        ({"disks": [{"name": "a", "file": "/missing.qcow2"}]}, "R401", "/missing.qcow2"),
        ({"disks": [{"name": "a", "volume": "none.qcow2"}]}, "R401", "Volume/default/none.qcow2"),
        ({"disks": [{"name": "a", "volume": "x", "pool": "nowhere"}]}, "R401", "Pool/nowhere"),
        ({"disks": [{"name": "a", "volume": "x", "pool": "off"}]}, "R401", "not active"),
        ({"interfaces": [{"name": "a", "network": "nowhere"}]}, "R401", "Network/nowhere"),
        ({"interfaces": [{"name": "a", "network": "idle"}]}, "R401", "not active"),
        ({"interfaces": [{"name": "a", "bridge": "br9"}]}, "R401", "br9"),
        ({"xml": "<domain><devices><graphics type='vnc' port='5901'/></devices></domain>"}, "R401", "Domain/other"),
        ({"memory": "16GiB"}, "R402", "16GiB"),
    ],
)
def test_what_the_host_lacks_is_said(body, number, words):
    ((found, message),) = said(body)
    assert found == number and words in message and message.startswith("web.yaml:1:1: Domain/web ")


@pytest.mark.parametrize(
    "body",
    [
        {"type": "qemu", "machine": "q35", "cpu": {"model": "Nehalem"}},
        {"machine": "pc-q35-7.2"},
        {"kernel": "/there"},
        {"disks": [{"name": "a", "volume": "root.qcow2"}, {"name": "b", "volume": "made.qcow2"}]},
        {"disks": [{"name": "a", "volume": "x", "pool": "fresh"}]},
        {
            "interfaces": [
                {"name": "a", "network": "default"},
                {"name": "b", "network": "new"},
                {"name": "c", "bridge": "br0"},
            ]
        },
        {"interfaces": [{"name": "a", "network": "idle"}], "power": "stopped"},
        {"memory": {"max": "16GiB", "current": "4GiB"}, "vcpus": {"max": 16, "current": 2}},
    ],
)
def test_what_the_host_has_is_fine(body):
    assert said(body) == []


def test_two_interfaces_with_one_address_are_told():
    mac = "52:54:00:00:00:01"
    ((_, message),) = said(
        {
            "interfaces": [
                {"name": "a", "network": "default", "mac": mac},
                {"name": "b", "network": "default", "mac": mac},
            ]
        }
    )
    assert "a and b" in message


def test_what_the_machine_has_already_is_not_asked_again():
    body = {"memory": "16GiB", "vcpus": 6, "kernel": "/missing"}
    assert said({**body, "title": "new"}, observed(rendered(body))) == []


def test_a_host_that_could_not_be_asked_lacks_nothing():
    body = {"type": "kvm", "machine": "nonsuch", "memory": "999GiB", "interfaces": [{"name": "a", "network": "x"}]}
    assert said(body, facts=Facts()) == []


def test_a_definition_is_weighed_without_being_parsed():
    weight = KIND.weigh(rendered({"memory": {"max": "2GiB", "current": "1GiB"}, "vcpus": {"max": 8, "current": 2}}))
    assert (weight.vcpus, weight.vcpus_max, weight.memory, weight.memory_max) == (2, 8, GIB, 2 * GIB)
    plain = KIND.weigh("<domain><memory>1024</memory><vcpu>3</vcpu></domain>")
    assert (plain.vcpus, plain.vcpus_max, plain.memory, plain.memory_max) == (3, 3, 1 << 20, 1 << 20)
    module = KIND.weigh(
        "<domain><devices><memory model='dimm'><target><size unit='KiB'>1</size></target></memory></devices></domain>"
    )
    assert (module.vcpus, module.memory) == (1, 0)


def test_weighing_takes_microseconds():
    text = rendered({"disks": [{"name": str(number), "file": f"/{number}.qcow2"} for number in range(20)]})
    start = time.perf_counter()
    for _ in range(200):
        KIND.weigh(text)
    assert (time.perf_counter() - start) / 200 < 0.05
