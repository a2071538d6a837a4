"""Rules that say no, or not yet: what is refused changes nothing, and what waits for a boot waits without a word."""

import pytest

from tests.scenarios.live import document
from tests.scenarios.test_machines import vm
from tests.scenarios.test_networks import definition, net
from tests.scenarios.test_storage import pool, storage, volume

pytestmark = pytest.mark.e2e


@pytest.fixture
def images(tmp_path):
    return tmp_path / "images"


def refused(lab, ref):
    """Hold that the one change is refused and that applying does nothing; what the plan says of it."""
    (change,) = [each for each in lab.plan()["changes"] if each["ref"] == ref]
    assert change["disruption"] == "refused" and change["blocked"]["number"] == "R403", change
    (applied,) = [each for each in lab.apply(code=73)["changes"] if each["ref"] == ref]
    assert applied["outcome"] == "skipped"
    return [each["path"] for each in change["fields"]]


@pytest.mark.proves("Domain", "os/type@arch", "os/type", "os/type@machine")
@pytest.mark.parametrize(
    ("field", "value"), [("arch", "i686"), ("osType", "xen"), ("machine", "pc")], ids=["arch", "osType", "chipset"]
)
def test_a_machine_does_not_become_another_one(lab, field, value):
    spec = {"type": "qemu", "machine": "q35", "memory": "64MiB", "power": "stopped"}
    lab.converge(document("vm", **spec))
    before = lab.domain("vm").XMLDesc(2)
    lab.write(document("vm", **{**spec, field: value}))
    assert refused(lab, "Domain/vm") == [field]
    assert lab.domain("vm").XMLDesc(2) == before


@pytest.mark.proves("Domain", "os/type@machine")
def test_another_version_of_the_machine_waits_for_a_restart(lab):
    lab.converge(vm(power="running").replace("q35", "pc-q35-7.1"))
    lab.converge(vm(power="running").replace("q35", "pc-q35-7.0"))
    assert [each["fields"] for each in lab.plan()["conditions"]] == [["machine"]]
    assert lab.xml("vm").find("os/type").get("machine") == "pc-q35-7.0"


@pytest.mark.proves("Domain", "uuid")
def test_a_machine_keeps_its_uuid(lab):
    lab.converge(vm())
    before = lab.domain("vm").UUIDString()
    lab.write(vm(more="  xml: <domain><uuid>11111111-2222-3333-4444-555555555555</uuid></domain>"))
    refused(lab, "Domain/vm")
    assert lab.domain("vm").UUIDString() == before


@pytest.mark.proves("Domain", "os*")
def test_what_is_read_at_boot_waits_for_the_next_boot_and_nothing_is_pending(lab):
    lab.converge(vm(power="running"))
    lab.write(vm(power="running", more="  boot: {order: [network], menu: true}"))
    (change,) = lab.plan()["changes"]
    assert change["disruption"] == "next-boot"
    lab.converge()
    assert lab.xml("vm").find("os/boot").get("dev") == "network"
    assert lab.xml("vm", live=True).find("os/boot").get("dev") == "hd"


@pytest.mark.proves("Pool", "@type")
def test_a_pool_does_not_become_another_type(lab, images):
    lab.converge(pool(images))
    lab.write(pool(images).replace("spec:", "spec:\n  type: fs\n  source: {devices: [{path: /dev/sdz9}]}"))
    refused(lab, "Pool/images")


@pytest.mark.proves("Pool", "target/permissions*")
def test_the_mode_of_a_pools_directory_waits_for_its_restart(lab, images):
    lab.converge(pool(images))
    mode = images.stat().st_mode
    lab.write(pool(images, "  permissions: {mode: '0700'}"))
    (change,) = lab.plan()["changes"]
    assert change["disruption"] == "restart"
    lab.converge()
    assert images.stat().st_mode == mode


@pytest.mark.proves("Volume", "target/permissions*")
def test_the_mode_of_a_volume_stays(lab, images):
    storage(lab, images, volume(capacity="1MiB", permissions="{mode: '0600'}"))
    lab.converge()
    storage(lab, images, volume(capacity="1MiB", permissions="{mode: '0640'}"))
    refused(lab, "Volume/images/v")
    assert (images / "v").stat().st_mode & 0o777 == 0o600


@pytest.mark.proves("Network", "forward/interface[]*")
def test_the_devices_that_a_running_network_uses_come_and_go(lab):
    def using(*devices):
        return net(forward={"mode": "passthrough", "interfaces": [{"dev": device} for device in devices]})

    for number in range(3):
        lab.write(net(f"under-{number}", bridge=f"under{number}"), f"under-{number}.yaml")
    lab.converge()
    lab.converge(using("under0", "under1"))
    lab.converge(using("under0", "under2"))
    for live in (True, False):
        found = [each.get("dev") for each in definition(lab, live=live).iterfind("forward/interface")]
        assert sorted(found) == ["under0", "under2"]
    assert lab.plan()["conditions"] == []
