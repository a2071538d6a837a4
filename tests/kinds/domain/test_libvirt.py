"""A machine's life on libvirt's own test driver."""

import libvirt
import pytest

from reconciler import markup
from reconciler.kinds.domain import KIND
from reconciler.model.inventory import Applied
from reconciler.model.plans import Mark, Stop, Undefine
from tests.kinds.domain.machines import differences, observed, parsed, updated


class Waiting:
    """No guest of the test driver takes longer than the call."""

    def now(self):
        return 0.0

    def sleep(self, seconds):
        raise AssertionError("nothing to wait for")


@pytest.fixture
def host():
    libvirt.registerErrorHandler(lambda context, error: None, None)
    connection = libvirt.open("test:///default")
    for domain in connection.listAllDomains():
        if domain.name() == "web":
            domain.undefine()
    yield connection
    for domain in connection.listAllDomains():
        if domain.name() != "test":
            if domain.isActive():
                domain.destroy()
            domain.undefineFlags(0)
    connection.close()


def spec(body, name="web", **more):
    return parsed({"type": "test", "arch": "i686", **body}, name=name, hints={}, **more)


def seen(host, name="web"):
    return next(found for found in KIND.observe(host) if found.ref.name == name)


def carry_out(host, wanted, steps):
    for step in steps:
        KIND.perform(host, wanted.ref, step, Waiting())


def make(host, body, name="web", **more):
    wanted = spec(body, name, **more)
    carry_out(host, wanted, KIND.create(wanted))
    assert differences(wanted, seen(host, name)) == ()
    return wanted


def change(host, body, before=None, name="web", **more):
    wanted = spec(body, name, **more)
    applied = Applied(claims=before.claims) if before else Applied()
    carry_out(host, wanted, updated(wanted, seen(host, name), applied=applied))
    assert differences(wanted, seen(host, name), applied) == ()
    return wanted


def test_s01_a_minimal_machine_is_defined_as_written(host):
    make(host, {"memory": "512MiB", "vcpus": 1, "machine": "q35", "power": "stopped"})
    tree = markup.parse(seen(host).xml)
    assert (tree.findtext("memory"), tree.findtext("vcpu")) == ("524288", "1")


def test_s02_a_change_keeps_the_uuid(host):
    make(host, {"memory": "512MiB", "vcpus": 1, "power": "stopped"})
    before = seen(host)
    change(host, {"memory": "1GiB", "vcpus": 2, "power": "stopped"})
    tree = markup.parse(seen(host).xml)
    assert (tree.findtext("memory"), tree.findtext("vcpu")) == ("1048576", "2")
    assert seen(host).uuid == before.uuid


def test_s05_features_are_exactly_what_is_written(host):
    features = {"pae": True, "acpi": True, "apic": {"eoi": True}, "hap": True, "pmu": False}
    make(host, {"features": features, "power": "stopped"})
    found = {element.tag: dict(element.attrib) for element in markup.parse(seen(host).xml).find("features")}
    assert found == {"pae": {}, "acpi": {}, "apic": {"eoi": "on"}, "hap": {"state": "on"}, "pmu": {"state": "off"}}


def test_s08_timers_are_kept_in_their_order(host):
    timers = [
        {"name": "rtc", "tickpolicy": "catchup"},
        {"name": "pit", "tickpolicy": "delay"},
        {"name": "hpet", "present": False},
    ]
    make(host, {"clock": {"offset": "utc", "timers": timers}, "power": "stopped"})
    clock = markup.parse(seen(host).xml).find("clock")
    assert [dict(timer.attrib) for timer in clock] == [
        {"name": "rtc", "tickpolicy": "catchup"},
        {"name": "pit", "tickpolicy": "delay"},
        {"name": "hpet", "present": "no"},
    ]


def test_s11_two_machines_have_the_power_that_is_written(host):
    make(host, {"power": "running"}, "up")
    make(host, {"power": "stopped"}, "down")
    assert (seen(host, "up").facts["!power"], seen(host, "down").facts["!power"]) == ("running", "stopped")
    change(host, {"power": "stopped"}, name="up")
    assert not seen(host, "up").active


def test_r1_a_machine_stopped_by_hand_is_started(host):
    make(host, {})
    host.lookupByName("web").destroy()
    change(host, {})
    assert seen(host).active


def test_a_paused_machine_goes_on(host):
    make(host, {})
    host.lookupByName("web").suspend()
    assert seen(host).facts["!power"] == "paused"
    change(host, {})


def test_s12_autostart_follows_and_the_machine_is_not_restarted(host):
    make(host, {"autostart": True})
    first = host.lookupByName("web").ID()
    for wanted in (False, True):
        change(host, {"autostart": wanted})
        assert host.lookupByName("web").autostart() == wanted
    assert host.lookupByName("web").ID() == first


def test_s13_a_change_that_may_restart_ends_with_the_machine_running(host):
    make(host, {"memory": "512MiB", "vcpus": 1})
    first = host.lookupByName("web").ID()
    change(host, {"memory": "1GiB", "vcpus": 2, "restartPolicy": "whenRequired", "shutdown": {"timeout": "60s"}})
    assert host.lookupByName("web").ID() != first
    assert markup.parse(seen(host).live).findtext("memory") == "1048576"


def test_without_permission_the_running_machine_keeps_the_old_value(host):
    make(host, {"memory": "512MiB"})
    first = host.lookupByName("web").ID()
    change(host, {"memory": "1GiB"})
    assert host.lookupByName("web").ID() == first
    assert markup.parse(seen(host).live).findtext("memory") == "524288"


def test_r2_a_maximum_changed_by_hand_is_drift(host):
    wanted = make(host, {"memory": "512MiB", "power": "stopped"})
    host.lookupByName("web").setMaxMemory(1 << 20)
    assert "memory" in [diff.address for diff in differences(wanted, seen(host))]
    change(host, {"memory": "512MiB", "power": "stopped"})


def test_the_balloon_and_a_vcpu_move_without_a_restart(host):
    make(host, {"memory": {"max": "1GiB", "current": "512MiB"}, "vcpus": {"max": 4, "current": 1}})
    first = host.lookupByName("web").ID()
    change(host, {"memory": {"max": "1GiB", "current": "768MiB"}, "vcpus": {"max": 4, "current": 2}})
    domain = host.lookupByName("web")
    assert (domain.ID(), domain.info()[2], domain.vcpusFlags(1)) == (first, 768 * 1024, 2)


def test_a_title_reaches_the_running_machine_and_leaves_it_again(host):
    make(host, {})
    before = change(host, {"title": "Web server", "description": "in two\nlines"})
    assert markup.parse(seen(host).live).findtext("title") == "Web server"
    change(host, {}, before)
    assert markup.parse(seen(host).xml).find("title") is None
    assert markup.parse(seen(host).live).find("title") is None


def test_the_owner_mark_is_written_and_read(host):
    make(host, {}, owner="team-a")
    assert KIND.owner(seen(host).xml) == "team-a"
    KIND.perform(host, seen(host).ref, Mark("team-b"), Waiting())
    assert KIND.owner(seen(host).xml) == KIND.owner(seen(host).live) == "team-b"
    change(host, {}, owner="team-c")
    assert KIND.owner(seen(host).xml) == "team-c"


def test_deleting_stops_it_first(host):
    wanted = make(host, {})
    carry_out(host, wanted, KIND.delete(seen(host), False, False))
    assert "web" not in [found.ref.name for found in KIND.observe(host)]


def test_a_deletion_cuts_off_only_who_was_said_to_be():
    running = observed("<domain/>", running=True)
    assert KIND.delete(running, False, False) == (Stop(120), Undefine(False))
    assert KIND.delete(running, True, True) == (Stop(120, force=True), Undefine(True))
    assert KIND.delete(observed("<domain/>"), False, True) == (Undefine(False),)


def test_looking_twice_at_an_idle_running_machine_sees_one_thing(host):
    make(host, {})
    assert seen(host).digest == seen(host).digest


def test_an_import_claims_what_is_there(host):
    make(host, {"title": "x", "vcpus": {"max": 4, "current": 2}, "autostart": True})
    found = seen(host)
    body = KIND.dump({**KIND.read(found.xml), **found.facts})
    assert differences(parsed(body, hints={}), found) == ()
    assert body["power"] == "running" and body["autostart"] is True


def test_foreign_metadata_is_kept_up_like_anything_else(host):
    note = "<domain><metadata><n:note xmlns:n='https://example.org/n'><n:text>{}</n:text></n:note></metadata></domain>"
    make(host, {"xml": note.format("one")})
    change(host, {"xml": note.format("two")})
    assert "two" in seen(host).xml and "two" in seen(host).live
