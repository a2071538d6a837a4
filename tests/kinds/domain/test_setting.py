# ruff: noqa: N802 (the fakes answer to libvirt's names)
"""A running guest's limits: which of libvirt's calls are made, and with what."""

from dataclasses import dataclass, field

import pytest

from reconciler.errors import BusyError
from reconciler.kinds.domain import setting
from reconciler.model.plans import KindStep
from reconciler.model.refs import Ref
from tests.kinds.domain.test_plugging import VirtError

WEB = Ref("Domain", "web")


@dataclass
class Guest:
    refuses: dict = field(default_factory=dict)
    calls: list = field(default_factory=list)

    def connect(self):
        return self

    def getInfo(self):
        return ["x86_64", 1024, 4]

    def __getattr__(self, name):
        def call(*arguments):
            self.calls.append((name, *arguments))
            said = next((error for refused, error in self.refuses.items() if refused == (name, *arguments)), None)
            if said:
                raise said

        return call


def made(step, **asked):
    guest = Guest()
    setting.STEPS[step](guest, KindStep(step, asked))
    return guest.calls


def test_each_limit_is_one_call_for_the_live_guest_alone():
    assert made("scheduler", cpu_shares="2048") == [("setSchedulerParametersFlags", {"cpu_shares": 2048}, 1)]
    assert made("memory limits", hard_limit="4096") == [("setMemoryParameters", {"hard_limit": 4096}, 1)]
    assert made("balloon statistics", period="5") == [("setMemoryStatsPeriod", 5, 1)]
    assert made("memory", current="1024") == [("setMemoryFlags", 1024, 1)]
    nodes = KindStep("memory nodes", {"numatune/memory@nodeset": "0-1"})
    guest = Guest()
    setting.memory_nodes(guest, nodes)
    assert guest.calls == [("setNumaParameters", {"numa_nodeset": "0-1"}, 1)]


def test_limits_on_disks_of_the_host_go_one_by_one():
    guest = Guest()
    setting.block_weights(guest, KindStep("block weights", {"weight": "500", "device_read_iops_sec /dev/sda": "100"}))
    assert guest.calls == [
        ("setBlkioParameters", {"weight": 500}, 1),
        ("setBlkioParameters", {"device_read_iops_sec": "/dev/sda,100"}, 1),
    ]


def test_all_limits_of_a_disk_are_set_together():
    guest = Guest()
    asked = {"disk": "vda", "total_iops_sec": "100", "read_iops_sec": "0", "group_name": "slow"}
    setting.iotune(guest, KindStep("iotune", asked))
    limits = {"total_iops_sec": 100, "read_iops_sec": 0, "group_name": "slow"}
    assert guest.calls == [("setBlockIoTune", "vda", limits, 1)]


def test_threads_come_and_go():
    guest = Guest()
    setting.iothreads(guest, KindStep("iothreads", {"3": "add", "2": "delete"}))
    assert guest.calls == [("addIOThread", 3, 1), ("delIOThread", 2, 1)]


def test_a_thread_is_pinned_to_its_cpus_and_unpinned_to_all_of_the_host():
    guest = Guest()
    setting.pin(guest, KindStep("pin", {"vcpu 1": "0-1,^0", "emulator": "", "iothread 2": "5"}))
    assert guest.calls == [
        ("pinVcpuFlags", 1, (False, True, False, False), 1),
        ("pinEmulator", (True,) * 4, 1),
        ("pinIOThread", 2, (False,) * 5 + (True,), 1),
    ]


def test_ends_of_a_guest_that_do_not_go_together_on_the_way_are_set_in_another_order():
    refused = {("setLifecycleAction", 1, 0, 1): VirtError(67)}
    guest = Guest(refuses=dict(refused))
    call = guest.__getattr__("setLifecycleAction")

    def first_reboot_is_refused(*arguments):
        call(*arguments)
        # Once the power-off is a plain end, the reboot may be one too.
        if arguments[0] == 0:
            guest.refuses.clear()

    guest.setLifecycleAction = first_reboot_is_refused
    setting.lifecycle(guest, KindStep("lifecycle", {"on_reboot": "destroy", "on_poweroff": "destroy"}))
    assert [call[1] for call in guest.calls] == [1, 0, 1]


def test_ends_that_never_go_together_are_told():
    guest = Guest(refuses={("setLifecycleAction", 1, 0, 1): VirtError(67)})
    with pytest.raises(VirtError):
        setting.lifecycle(guest, KindStep("lifecycle", {"on_reboot": "destroy"}))


def test_a_guest_that_gives_no_vcpu_back_is_pending_and_any_other_refusal_is_told():
    step = KindStep("vcpus", {"current": "1"})
    with pytest.raises(BusyError, match="not given its vCPUs back"):
        setting.vcpus(Guest(refuses={("setVcpusFlags", 1, 1): VirtError(68)}), WEB, step)
    with pytest.raises(VirtError):
        setting.vcpus(Guest(refuses={("setVcpusFlags", 1, 1): VirtError(8)}), WEB, step)
