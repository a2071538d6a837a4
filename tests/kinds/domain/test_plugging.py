# ruff: noqa: N802 (the fakes answer to libvirt's names)
"""Devices of a guest that is not there: what is asked of it, how its answers are heard, and for how long."""

from dataclasses import dataclass, field

import pytest

from reconciler import markup
from reconciler.errors import BusyError
from reconciler.kinds.domain import handle, plugging
from reconciler.model.plans import KindStep
from reconciler.model.refs import Ref

WEB = Ref("Domain", "web")
DATA = "<disk type='file'><source file='/d'/><target dev='vdb' bus='virtio'/><alias name='ua-data'/>{more}</disk>"
PLACED = DATA.format(more="<address type='pci' bus='0x05'/>")
ATTACH = KindStep("attach", {"at": "devices/disk[data]", "xml": DATA.format(more="")})
DETACH = KindStep("detach", {"devices/disk[data]": "ua-data"})
REMOVED, FAILED = handle.EVENT_DEVICE_REMOVED, handle.EVENT_DEVICE_REMOVAL_FAILED


class VirtError(Exception):
    def __init__(self, code, text="libvirt says no"):
        super().__init__(text)
        self.code = code

    def get_error_code(self):
        return self.code


@dataclass
class Connection:
    registers: bool = True
    callbacks: dict = field(default_factory=dict)

    def domainEventRegisterAny(self, domain, event, callback, opaque):
        if not self.registers:
            raise VirtError(3)
        self.callbacks[event] = callback
        return event

    def domainEventDeregisterAny(self, number):
        del self.callbacks[number]


@dataclass
class Guest:
    """A domain with devices that go when `lets_go` says so: seconds -> what is heard then, "" for nothing."""

    connection: Connection = field(default_factory=Connection)
    config: str = ""
    live: str = DATA.format(more="")
    persistent: bool = True
    lets_go: dict = field(default_factory=dict)
    refuses: dict = field(default_factory=dict)
    calls: list = field(default_factory=list)
    seconds: float = 0.0

    def connect(self):
        return self.connection

    def isPersistent(self):
        return self.persistent

    def XMLDesc(self, flags):
        inside = self.config if flags & handle.DOMAIN_XML_INACTIVE else self.live
        return f"<domain><devices>{inside}</devices></domain>"

    def _call(self, name, *arguments):
        self.calls.append((name, *arguments))
        for words, error in self.refuses.items():
            if words in repr(self.calls[-1]):
                raise error

    def attachDeviceFlags(self, xml, flags):
        self._call("attach", xml, flags)

    def updateDeviceFlags(self, xml, flags):
        self._call("update", xml, flags)

    def detachDeviceFlags(self, xml, flags):
        self._call("detach", xml, flags)
        self.live = ""

    def detachDeviceAlias(self, alias, flags):
        self._call("detach alias", alias, flags)

    # The clock, in whose turns the guest does what it does.
    def now(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds
        for moment in [moment for moment in self.lets_go if moment <= self.seconds]:
            event = self.lets_go.pop(moment)
            if event != FAILED:
                self.live = ""
            if event:
                self.connection.callbacks[event](None, None, "ua-data", None)


def detach(guest):
    plugging.detach(guest, WEB, DETACH, guest)


def test_a_device_is_plugged_in_where_its_definition_has_it():
    guest = Guest(config=PLACED)
    plugging.attach(guest, ATTACH)
    assert (
        len(guest.calls) == 1 and 'bus="0x05"' in guest.calls[0][1] and guest.calls[0][2] == handle.DOMAIN_AFFECT_LIVE
    )


def test_a_place_that_is_taken_in_the_running_guest_gives_way_to_another():
    guest = Guest(config=PLACED, refuses={"0x05": VirtError(handle.ERR_XML, "Attempted double use of PCI Address")})
    plugging.attach(guest, ATTACH)
    assert "address" not in guest.calls[-1][1] and len(guest.calls) == 2


def test_any_other_refusal_of_a_device_is_told():
    guest = Guest(config=PLACED, refuses={"attach": VirtError(1)})
    with pytest.raises(VirtError):
        plugging.attach(guest, ATTACH)
    assert len(guest.calls) == 1


def test_a_machine_without_a_definition_gets_the_device_as_the_plan_has_it():
    guest = Guest(persistent=False)
    plugging.attach(guest, ATTACH)
    ((_, xml, _),) = guest.calls
    assert markup.canonical(markup.parse(xml)) == markup.canonical(markup.parse(ATTACH.arguments["xml"]))


def test_a_place_in_the_boot_order_is_left_to_the_next_boot_where_libvirt_would_refuse_it():
    guest = Guest(config=DATA.format(more="<boot order='1'/>"))
    plugging.attach(guest, KindStep("attach", {**ATTACH.arguments, "without": "boot"}))
    assert "boot" not in guest.calls[0][1]


def test_a_device_is_gone_as_soon_as_the_guest_says_so():
    guest = Guest(lets_go={0.3: REMOVED})
    detach(guest)
    assert guest.seconds < 0.5 and guest.connection.callbacks == {}


def test_an_event_that_is_lost_is_made_up_for_by_looking():
    guest = Guest(lets_go={0.3: ""})
    detach(guest)
    assert guest.seconds < 2 * plugging.LOOK_SECONDS


def test_drivers_without_events_are_looked_at():
    guest = Guest(connection=Connection(registers=False), lets_go={3: ""})
    detach(guest)
    assert 3 <= guest.seconds < 3 + 2 * plugging.LOOK_SECONDS


def test_a_guest_that_keeps_a_device_is_waited_for_and_then_told():
    guest = Guest()
    with pytest.raises(BusyError, match="has not let go of data yet") as caught:
        detach(guest)
    assert caught.value.problems[0].number == "R611"
    assert plugging.DETACH_SECONDS <= guest.seconds < plugging.DETACH_SECONDS + 1
    assert guest.connection.callbacks == {}


def test_a_guest_that_says_no_is_not_waited_for():
    guest = Guest(lets_go={0.3: FAILED})
    with pytest.raises(BusyError):
        detach(guest)
    assert guest.seconds < 0.5


@pytest.mark.parametrize(
    "said", [VirtError(9, "device unplug request was rejected"), VirtError(1, "already in the process of unplug")]
)
def test_a_refusal_at_once_is_pending_too(said):
    guest = Guest(refuses={"detach alias": said})
    with pytest.raises(BusyError, match="data"):
        detach(guest)


def test_a_device_that_has_gone_already_is_fine():
    guest = Guest(live="", refuses={"detach alias": VirtError(1, "internal error: no device found with alias ua-data")})
    detach(guest)


def test_drivers_that_know_no_aliases_get_the_definition():
    guest = Guest(refuses={"detach alias": VirtError(3)})
    detach(guest)
    assert guest.calls[-1][0] == "detach"


def test_any_other_refusal_to_let_go_is_told_and_nothing_stays_registered():
    guest = Guest(refuses={"detach alias": VirtError(84)})
    with pytest.raises(VirtError):
        detach(guest)
    assert guest.connection.callbacks == {}


CD = KindStep("update", {"at": "devices/disk[cd]", "xml": "<disk/>"})


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (VirtError(9, "timed out waiting to open tray"), "the guest holds the tray shut"),
        (VirtError(1, "Tray of device 'ua-cd' is not open"), "only after the guest's next start"),
    ],
)
def test_a_medium_that_stays_in_its_drive_is_pending(said, reason):
    with pytest.raises(BusyError, match=reason):
        plugging.update(Guest(refuses={"update": said}), WEB, CD)


def test_any_other_refusal_to_change_a_device_is_told():
    lan = KindStep("update", {"at": "devices/interface[lan]", "xml": "<interface/>"})
    for step, code in ((CD, 84), (lan, 9)):
        with pytest.raises(VirtError):
            plugging.update(Guest(refuses={"update": VirtError(code)}), WEB, step)
