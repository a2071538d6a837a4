"""Real guests on a real host: what a change does to the system inside, as its console tells."""

import time
from pathlib import Path

import libvirt
import pytest

pytestmark = pytest.mark.e2e

# A loaded machine without KVM boots the guest in half a minute.
BOOT_SECONDS = 180
READY = b"GUEST-READY"
GUEST = """
apiVersion: reconciler/v1
kind: Domain
metadata: {{name: guest}}
spec:
  type: qemu
  machine: q35
  memory: {memory}
  vcpus: {vcpus}
  power: {power}
  kernel: {guest}/vmlinuz
  initrd: {guest}/initrd.img
  cmdline: console=ttyS0 quiet cryptomgr.notests
  serials:
    - {{type: file, path: {console}, append: true}}
{more}
"""


def within(seconds, true):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.2)
    return true()


class Machine:
    """The document of one guest, and what it says on its console."""

    def __init__(self, lab, guest):
        self.lab, self.guest, self.console = lab, guest, Path(lab.directory.parent / "console.log")

    def text(self, memory="192MiB", vcpus=1, power="running", more=""):
        lines = "\n".join(f"  {line}" for line in more.splitlines())
        return GUEST.format(memory=memory, vcpus=vcpus, power=power, guest=self.guest, console=self.console, more=lines)

    def converge(self, *arguments, **asked):
        return self.lab.converge(self.text(**asked), *arguments)

    def boots(self, times=1):
        """Whether it has said that often that it is up."""
        return within(BOOT_SECONDS, lambda: self.console.exists() and self.console.read_bytes().count(READY) >= times)

    @property
    def domain(self):
        return self.lab.domain("guest")


@pytest.fixture
def machine(lab, guest):
    return Machine(lab, guest)


@pytest.mark.proves("Domain", "*")
def test_s13_a_restart_that_is_permitted_is_graceful_and_brings_the_new_sizes(machine):
    policy = "restartPolicy: whenRequired\nshutdown: {timeout: 60s}"
    machine.converge(more=policy)
    first = machine.domain.ID()
    assert machine.boots()
    started = time.monotonic()
    machine.converge(memory="224MiB", vcpus=2, more=policy)
    assert time.monotonic() - started < 60
    live = machine.lab.xml("guest", live=True)
    assert (live.findtext("memory"), live.findtext("vcpu")) == (str(224 << 10), "2")
    assert machine.domain.ID() != first
    assert machine.boots(2)


@pytest.mark.proves("Domain", "!power")
def test_a_guest_is_asked_to_stop_and_its_own_end_is_kept_as_the_document_says(machine):
    machine.converge()
    assert machine.boots()
    started = time.monotonic()
    machine.converge(power="stopped")
    assert time.monotonic() - started < 60 and not machine.domain.isActive()
    # Shut down from inside is what `shutdown` makes a guest do; only a document that wants it running minds.
    machine.converge(power="running")
    assert machine.boots(2)
    ask_to_stop(machine.domain)
    assert machine.lab.actions() == [("Domain/guest", "update")]
    machine.lab.write(machine.text(power="unmanaged"))
    machine.lab.apply()
    assert machine.lab.plan()["changes"] == [] and not machine.domain.isActive()


def ask_to_stop(domain):
    domain.shutdown()
    assert within(60, lambda: not domain.isActive())


@pytest.mark.proves("Domain", "currentMemory*", "vcpu@current", "!autostart", "title")
def test_what_can_be_changed_in_a_running_guest_is_changed_without_a_restart(machine):
    def sized(memory, vcpus):
        return {"memory": f"{{max: 256MiB, current: {memory}}}", "vcpus": f"{{max: 2, current: {vcpus}}}"}

    machine.converge(**sized("256MiB", 1), more="autostart: true")
    first = machine.domain.ID()
    assert machine.boots()
    machine.converge(**sized("192MiB", 2), more="autostart: false\ntitle: While it runs")
    assert within(30, lambda: machine.domain.info()[2] <= 200 << 10)
    assert machine.domain.info()[3] == 2 and machine.domain.autostart() == 0
    machine.converge(**sized("224MiB", 2), more="autostart: true\ntitle: While it runs")
    assert within(30, lambda: machine.domain.info()[2] > 200 << 10)
    assert machine.domain.ID() == first and machine.console.read_bytes().count(READY) == 1
    assert machine.lab.xml("guest", live=True).findtext("title") == "While it runs"


@pytest.mark.proves("Domain", "!power")
def test_a_paused_guest_goes_on_and_a_saved_one_comes_back(machine):
    machine.converge()
    assert machine.boots()
    machine.domain.suspend()
    assert machine.lab.actions() == [("Domain/guest", "update")]
    machine.converge()
    assert machine.domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING
    machine.domain.managedSave()
    assert machine.lab.actions() == [("Domain/guest", "update")]
    machine.converge()
    assert machine.domain.isActive() and not machine.domain.hasManagedSaveImage()
    assert machine.console.read_bytes().count(READY) == 1


def test_a_change_to_a_saved_guest_waits_for_its_next_boot(machine):
    machine.converge()
    assert machine.boots()
    machine.domain.managedSave()
    machine.lab.write(machine.text(memory="224MiB", power="unmanaged"))
    (change,) = machine.lab.plan()["changes"]
    assert change["disruption"] == "restart"
    machine.lab.apply()
    assert machine.lab.plan()["changes"] == [] and machine.domain.hasManagedSaveImage()


def test_a_guest_that_does_not_hear_is_cut_off_where_the_document_or_the_user_says_so(lab):
    deaf = "\n".join(
        [
            "apiVersion: reconciler/v1",
            "kind: Domain",
            "metadata: {name: deaf}",
            "spec: {type: qemu, memory: 64MiB, power: %s, shutdown: {timeout: 1s, force: true}}",
        ]
    )
    lab.converge(deaf % "running")
    lab.converge(deaf % "stopped")
    assert not lab.domain("deaf").isActive()


UEFI = "firmware: uefi\nvideos:\n  - {model: virtio}\nshutdown: {timeout: 1s, force: true}"
FIRMWARE = """
apiVersion: reconciler/v1
kind: Domain
metadata: {{name: uefi}}
spec:
  type: qemu
  machine: q35
  memory: {memory}
  power: {power}
{more}
"""


def test_s14_r7_r8_firmware_settings_outlive_every_change(lab, host):
    def text(memory, power="running", more=UEFI):
        return FIRMWARE.format(memory=memory, power=power, more="\n".join(f"  {line}" for line in more.splitlines()))

    lab.converge(text("128MiB"))
    video = lab.xml("uefi", live=True).find("devices/video/model")
    assert video.get("heads") == "1" and video.get("primary") == "yes"
    path = lab.xml("uefi", live=True).findtext("os/nvram")
    settings = Path(path.replace("/var/lib/libvirt", str(host.home.directory / "lib")))
    lab.converge(text("128MiB", "stopped"))
    before = settings.stat().st_ino, settings.read_bytes()
    lab.converge(text("160MiB", "stopped"))
    assert (settings.stat().st_ino, settings.read_bytes()) == before
    lab.converge(text("160MiB"))
    lab.converge(text("192MiB"), "--allow", "restart,force-off")
    live = lab.xml("uefi", live=True)
    assert (live.findtext("memory"), live.findtext("os/nvram")) == (str(192 << 10), path)
    assert settings.stat().st_ino == before[0]


def test_a_machine_without_a_type_gets_the_hosts_best_and_emulation_is_said_once(lab):
    lab.write(
        "apiVersion: reconciler/v1\nkind: Domain\nmetadata: {name: plain}\nspec: {memory: 64MiB, power: stopped}\n"
    )
    conditions = lab.plan()["conditions"]
    lab.converge()
    found = lab.xml("plain").get("type")
    assert found in ("kvm", "qemu")
    assert [each["type"] for each in conditions] == (["SoftwareEmulation"] if found == "qemu" else [])
    assert lab.plan()["conditions"] == []
