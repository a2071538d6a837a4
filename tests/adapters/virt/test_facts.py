"""What a host has, asked of the test driver and of a real embedded host."""

import libvirt
import pytest

from reconciler.adapters.virt import acceleration, facts
from reconciler.adapters.virt.acceleration import kvm_obstacle
from reconciler.adapters.virt.connection import connect

NETWORK = "<network><name>quiet</name><bridge name='virbr9'/></network>"
POOL = "<pool type='dir'><name>{name}</name><target><path>{path}</path></target></pool>"
FILTER = "<filter name='quiet-traffic'/>"
VOLUME = "<volume><name>root.img</name><capacity>4096</capacity></volume>"


@pytest.fixture
def silent_driver(tmp_path):
    with connect("test:///default", tmp_path) as connection:
        yield connection


def test_a_driver_without_lists_of_its_own_is_not_held_to_any(silent_driver):
    found = facts.gather(silent_driver)
    assert found.domain_types == {"test"}
    assert (found.machines, found.nwfilters, found.abilities("test", "i686", None)) == (None, None, None)
    assert (found.networks, found.pools) == ({"default": True}, {"default-pool": True})


def test_the_test_drivers_files_and_devices_are_unknown_not_missing(silent_driver):
    found = facts.gather(silent_driver)
    assert found.exists("/no/such/file") is None
    assert found.interfaces is None


def test_volumes_are_listed_when_somebody_asks(silent_driver):
    volumes = facts.gather(silent_driver).volumes
    silent_driver.storagePoolLookupByName("default-pool").createXML(VOLUME)
    assert dict(volumes) == {"default-pool/root.img": "/default-pool/root.img"}
    silent_driver.storagePoolLookupByName("default-pool").createXML(VOLUME.replace("root", "late"))
    assert len(volumes) == 1 and "default-pool/late.img" not in volumes


def test_supply_counts_cpus_and_bytes(silent_driver):
    assert facts.supply(silent_driver) == {"cpus": 16, "memory": 3 << 30, "swap": 0, "merged": 0}


def test_an_error_that_is_no_missing_ability_passes():
    def broken():
        raise libvirt.libvirtError("lost")

    with pytest.raises(libvirt.libvirtError):
        facts.ask(broken)


@pytest.mark.e2e
def test_a_real_host_shows_what_it_has(embedded_host, tmp_path):
    with connect(embedded_host("facts").connect, embedded_host("facts").state_dir) as connection:
        connection.networkDefineXML(NETWORK)
        connection.nwfilterDefineXML(FILTER)
        pool = connection.storagePoolCreateXML(POOL.format(name="files", path=tmp_path))
        pool.createXML(VOLUME)
        connection.storagePoolDefineXML(POOL.format(name="off", path="/nowhere"))
        found = facts.gather(connection)
        assert found.cpus >= 1 and 0 < found.free_memory < found.memory
        assert "qemu" in found.domain_types
        assert found.machines["q35"] == "pc-q35-7.2" == found.machines["pc-q35-7.2"]
        assert found.abilities("qemu", "x86_64", "q35") is found.abilities("qemu", "x86_64", "q35")
        assert found.networks == {"quiet": False}
        assert found.pools == {"files": True, "off": False}
        assert dict(found.volumes) == {"files/root.img": str(tmp_path / "root.img")}
        assert "quiet-traffic" in found.nwfilters
        assert "lo" in found.interfaces
        assert found.exists(str(tmp_path / "root.img")) is True
        assert found.exists(str(tmp_path / "none.img")) is False
        assert found.exists("/var/lib/libvirt/images") is True
        assert found.exists("/var/lib/libvirt/qemu/nvram") is True
        pool.destroy()


@pytest.mark.e2e
def test_emulation_is_chosen_where_kvm_does_not_work_and_the_reason_is_said(embedded_host):
    hosted = embedded_host("facts")
    with connect(hosted.connect, hosted.state_dir) as connection:
        best = acceleration.best_domain_type(connection)
    assert (best.domain_type == "kvm") == (kvm_obstacle() == "")
    assert best.reason


@pytest.mark.parametrize(
    ("flags", "machine", "expected"),
    [
        ("fpu sse", "x86_64", "neither vmx nor svm"),
        ("fpu svm", "x86_64", "does not answer"),
        ("", "aarch64", "does not answer"),
    ],
)
def test_kvm_needs_a_cpu_that_virtualises_and_a_device_that_answers(tmp_path, flags, machine, expected):
    device, cpuinfo = tmp_path / "kvm", tmp_path / "cpuinfo"
    device.write_text("")
    cpuinfo.write_text(f"processor : 0\nflags : {flags}\n")
    assert expected in kvm_obstacle(device, cpuinfo, machine)


def test_kvm_without_a_device_is_a_module_that_is_not_loaded(tmp_path):
    assert "is not loaded" in kvm_obstacle(tmp_path / "kvm")


def test_a_device_that_may_not_be_opened_is_an_obstacle(tmp_path):
    assert "cannot be opened" in kvm_obstacle(tmp_path, machine="aarch64")
