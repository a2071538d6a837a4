"""The doctor judges readings; every finding that is not well names its cure."""

from dataclasses import replace

import pytest

from reconciler.adapters.virt import readiness
from reconciler.adapters.virt.readiness import Hypervisor, Machine
from reconciler.app import doctor as doctor_module
from reconciler.app import wiring
from reconciler.app.doctor import doctor
from reconciler.app.settings import Settings

WELL = Machine(
    kvm_obstacle="",
    kvm_mode="crw-rw----",
    guest_user="libvirt-qemu",
    guest_user_shut_out=False,
    ksm={"run": 1, "pages_sharing": 512},
    swap=1 << 30,
    missing=(),
    git="2.39.5",
)
HOST = Hypervisor(
    type="QEMU",
    libvirt="9.0.0",
    version="7.2.22",
    domain_type="kvm",
    reason="KVM works",
    lookup_seconds=0.004,
    idle_pools=(),
)


class Nobody:
    """A ledger with nothing in it."""

    def inventory(self):
        return self

    objects = ()


@pytest.fixture
def examine(tmp_path, monkeypatch):
    """The checks of one machine and one host, by name."""

    def run(machine=WELL, host=HOST, connect="test:///default", state_dir=tmp_path):
        monkeypatch.setattr(readiness, "read_machine", lambda: machine)
        monkeypatch.setattr(readiness, "read_host", lambda handle: host)
        monkeypatch.setattr(wiring, "ledger", lambda settings, host: Nobody())
        settings = Settings(directory=tmp_path, state_dir=state_dir, cache_dir=tmp_path, connect=connect)
        return {check.name: check for check in doctor(settings)}

    return run


def test_a_machine_that_is_well_has_nothing_to_cure(examine):
    found = examine()
    assert {check.level for check in found.values()} == {"ok"}
    assert {check.cure for check in found.values()} == {""}


@pytest.mark.parametrize(
    ("change", "name", "level", "message", "cure"),
    [
        ({"kvm_obstacle": "no vmx"}, "kvm", "warn", "no vmx; guests are emulated", "modprobe"),
        ({"guest_user_shut_out": True}, "/dev/kvm", "warn", "can take a minute", "chgrp kvm"),
        ({"swap": 0}, "swap", "warn", "none", "Add swap"),
        ({"missing": ("dnsmasq",)}, "packages", "warn", "missing: dnsmasq", "apt-get install"),
        ({"git": ""}, "git", "fail", "not installed", "apt-get install git"),
        ({"git": "2.20.1"}, "git", "warn", "2.20.1", "2.30"),
    ],
)
def test_what_is_not_well_on_the_machine_has_a_cure(examine, change, name, level, message, cure):
    check = examine(machine=replace(WELL, **change))[name]
    assert check.level == level and message in check.message and cure in check.cure


@pytest.mark.parametrize(
    ("change", "name", "message", "cure"),
    [
        ({"libvirt": "8.9.0"}, "host", "libvirt 8.9.0", "9.0"),
        ({"lookup_seconds": 4.2}, "capabilities", "4 s", "chmod 660"),
        ({"idle_pools": ("a", "b")}, "pools", "not active: a, b", "pool-start"),
    ],
)
def test_what_is_not_well_on_the_host_has_a_cure(examine, change, name, message, cure):
    check = examine(host=replace(HOST, **change))[name]
    assert check.level == "warn" and message in check.message and cure in check.cure


def test_a_kernel_without_or_with_idle_merging_is_no_fault(examine):
    assert "does not merge" in examine(machine=replace(WELL, ksm={}))["ksm"].message
    assert "off" in examine(machine=replace(WELL, ksm={"run": 0}))["ksm"].message
    assert examine()["ksm"].message == "on; it saves 2 MiB now"


def test_without_a_kvm_device_there_is_nothing_to_say_about_its_permissions(examine):
    assert "/dev/kvm" not in examine(machine=replace(WELL, kvm_mode=""))


def test_a_host_that_does_not_answer_fails_with_the_catalogues_cure(examine):
    check = examine(connect="qemu+unix:///system?socket=/nowhere/sock")["host"]
    assert check.level == "fail" and "R601" in check.message and check.cure


def test_a_state_directory_that_does_not_exist_is_judged_by_what_is_above_it(examine, tmp_path):
    found = examine(state_dir=tmp_path / "not/yet")
    assert found["state directory"].level == "ok" and found["ledger"].message == "none yet"
    assert not (tmp_path / "not").exists()


def test_a_state_directory_that_cannot_be_written_fails(examine, monkeypatch):
    monkeypatch.setattr(doctor_module.os, "access", lambda path, mode: False)
    assert examine()["state directory"].level == "fail"


def test_reading_the_machine_cannot_fail_and_finds_git():
    assert readiness.read_machine().git


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ('user = "qemu"\n', "qemu"),
        ('  user="+107"\n', "107"),
        ('#user = "qemu"\n', None),
        ('swtpm_user = "tss"\n', None),
    ],
)
def test_the_guests_user_is_read_from_qemu_conf(tmp_path, text, user):
    conf = tmp_path / "qemu.conf"
    conf.write_text(text)
    assert readiness.guest_user(conf) == (user or readiness.guest_user(conf))
    assert user or readiness.guest_user(conf) in (*readiness.DEFAULT_USERS, "root")
    assert readiness.guest_user(tmp_path / "none") == ""


def test_permissions_are_judged_for_the_user_not_for_us(tmp_path):
    device = tmp_path / "kvm"
    device.write_text("")
    device.chmod(0o600)
    assert readiness.may_open(device, "root") and readiness.may_open(device, "nobody-knows-him")
    assert not readiness.may_open(device, "nobody")
    device.chmod(0o666)
    assert readiness.may_open(device, "nobody")
