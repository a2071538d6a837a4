"""What a policy refuses, whoever asks for it and however it is written."""

# ruff: noqa: E501 - pieces of XML, one in a line

from __future__ import annotations

import pytest
from lxml import etree

from reconciler.kind import Context
from reconciler.kinds import KINDS
from reconciler.model.documents import Document, Place
from reconciler.model.refs import Ref
from reconciler.policy.judge import violations
from reconciler.policy.policies import Policy, parse

GUARDED = parse({"preset": "guarded", "paths": ["/srv/guests"]}, "the policy")
QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"


def spec(kind: str, *, xml: str | None = None, body: dict | None = None, name: str = "web"):
    document = Document(
        ref=Ref(kind, name), host=None, labels={}, body=body or {}, xml=xml, places={(): Place("web.yaml")}
    )
    return KINDS[kind].parse(document, Context("hv1", "us"))


def refused(kind: str, policy: Policy = GUARDED, **made) -> set[tuple[str, str]]:
    """Word and value of everything that is refused."""
    found = violations((policy,), spec(kind, **made), KINDS[kind].table)
    return {(each.word, each.value) for each in found}


def named(inner: str) -> str:
    """The devices, those that an overlay knows by name only with one."""
    root = etree.fromstring(f"<devices>{inner}</devices>")
    for place, each in enumerate(root):
        if each.tag in ("interface", "hostdev", "redirdev"):
            each.insert(0, etree.Element("alias", name=f"ua-d{place}"))
    return etree.tostring(root, encoding="unicode")


def devices(inner: str, **more) -> set[tuple[str, str]]:
    return refused("Domain", body={"xml": f"<domain>{named(inner)}</domain>"}, **more)


def disk(inner: str, kind: str = "file") -> str:
    return f"<disk type='{kind}'>{inner}<target dev='vda'/></disk>"


HARMLESS = {
    "type": "kvm",
    "title": "/not/a/path",
    "memory": "1GiB",
    "vcpus": 2,
    "boot": ["hd"],
    "cmdline": "root=/dev/vda1 init=/sbin/init",
    "disks": [{"name": "root", "file": "/srv/guests/web.qcow2"}, {"name": "data", "volume": "data"}],
    "interfaces": [{"name": "lan", "network": "default"}],
    "graphics": [{"type": "vnc", "listen": "127.0.0.1"}],
    "rng": [{"source": "/dev/urandom"}],
}


def test_a_usual_machine_is_permitted_by_the_preset():
    body = {name: value for name, value in HARMLESS.items() if name != "rng"}
    body["xml"] = (
        "<domain><devices><rng model='virtio'><backend model='random'>/dev/urandom</backend></rng></devices></domain>"
    )
    assert refused("Domain", body=body) == set()


def test_without_a_word_nothing_is_restricted():
    assert devices(disk("<source file='/etc/shadow'/>"), policy=parse({}, "open")) == set()
    assert devices(disk("<source file='/etc/shadow'/>"), policy=parse({"preset": "open"}, "open")) == set()


def test_what_an_overlay_a_field_and_an_xml_file_ask_for_is_judged_alike():
    asked = {("paths", "/etc/shadow")}
    assert devices(disk("<source file='/etc/shadow'/>")) == asked
    assert refused("Domain", body={"disks": [{"name": "root", "file": "/etc/shadow"}]}) == asked
    inner = disk("<source file='/etc/shadow'/>")
    xml = f"<domain type='kvm'><name>web</name><memory>1</memory><devices>{inner}</devices></domain>"
    assert refused("Domain", xml=xml) == asked


PATHS = {
    "climbing": (disk("<source file='/srv/guests/../../etc/shadow'/>"), "/srv/guests/../../etc/shadow"),
    "climbing at the end": (disk("<source file='/srv/guests/..'/>"), "/srv/guests/.."),
    "a neighbour of the root": (disk("<source file='/srv/guests-of-others/x'/>"), "/srv/guests-of-others/x"),
    "doubled slashes": (disk("<source file='//etc///shadow'/>"), "//etc///shadow"),
    "relative to where QEMU stands": (disk("<source file='etc/shadow'/>"), "etc/shadow"),
    "spaces around it": (disk("<source file=' /etc/shadow '/>"), " /etc/shadow "),
    "a character reference": (disk("<source file='&#47;etc&#x2f;shadow'/>"), "/etc/shadow"),
    "another alphabet": (disk("<source file='/srv/gue\u0455ts/x'/>"), "/srv/gue\u0455ts/x"),
    "CDATA": ("<rng model='virtio'><backend model='random'><![CDATA[/dev/mem]]></backend></rng>", "/dev/mem"),
    "a block device": (disk("<source dev='/dev/sda'/>", "block"), "/dev/sda"),
    "a directory": (disk("<source dir='/root'/>", "dir"), "/root"),
    "a type that does not fit": (disk("<source dev='/dev/sda'/>", "file"), "/dev/sda"),
    "a second source": (disk("<source file='/srv/guests/a'/><source file='/etc/shadow'/>"), "/etc/shadow"),
    "a backing chain": (
        disk("<source file='/srv/guests/a'/><backingStore type='file'><source file='/srv/guests/b'/><backingStore "
             "type='block'><source dev='/dev/sda'/></backingStore></backingStore>"),
        "/dev/sda",
    ),
    "reservations": (
        disk("<source dev='/srv/guests/a'><reservations managed='no'><source type='unix' path='/run/x'/></reservations>"
             "</source>"),
        "/run/x",
    ),
    "Ceph's settings": (disk("<source file='/srv/guests/a'><config file='/etc/ceph.conf'/></source>"), "/etc/ceph.conf"),
    "a server's socket": (disk("<source file='/srv/guests/a'><host socket='/run/nbd'/></source>"), "/run/nbd"),
    "a shared directory": (
        "<filesystem type='mount'><source dir='/'/><target dir='/mnt'/></filesystem>", "/"),
    "virtiofsd's socket": (
        "<filesystem><driver type='virtiofs'/><source socket='/run/v'/><target dir='t'/></filesystem>", "/run/v"),
    "a serial port's file": ("<serial type='file'><source path='/etc/cron.d/x'/></serial>", "/etc/cron.d/x"),
    "a serial port's relative file": ("<serial type='file'><source path='etc/cron.d/x'/></serial>", "etc/cron.d/x"),
    "a pipe": ("<console type='pipe'><source path='/run/p'/></console>", "/run/p"),
    "a log": ("<serial type='pty'><log file='/etc/cron.d/x'/></serial>", "/etc/cron.d/x"),
    "a socket": ("<channel type='unix'><source mode='bind' path='/run/s'/><target name='x'/></channel>", "/run/s"),
    "a host's terminal": ("<serial type='dev'><source path='/dev/ttyS0'/></serial>", "/dev/ttyS0"),
    "a TPM": ("<tpm><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm>", "/dev/tpm0"),
    "an input": ("<input type='evdev'><source dev='/dev/input/event0'/></input>", "/dev/input/event0"),
    "an input passed through": (
        "<input type='passthrough'><source evdev='/dev/input/event0'/></input>", "/dev/input/event0"),
    "shared memory": ("<shmem name='other'/>", "/dev/shm/other"),
    "a shared memory server": ("<shmem name='../../srv/guests/x'><server path='/run/x'/></shmem>", "/run/x"),
    "a render node": (
        "<graphics type='spice'><gl enable='yes' rendernode='/dev/dri/renderD128'/></graphics>", "/dev/dri/renderD128"),
    "a screen's socket": ("<graphics type='vnc' socket='/run/vnc'/>", "/run/vnc"),
    "sound to a file": ("<audio id='1' type='file' path='/etc/x'/>", "/etc/x"),
    "certificates": ("<smartcard mode='host-certificates'><database>/etc/pki</database></smartcard>", "/etc/pki"),
    "a lease": (
        "<lease><lockspace>x</lockspace><key>y</key><target path='/etc/lease'/></lease>", "/etc/lease"),
    "a vhost-user card": (
        "<interface type='vhostuser'><source type='unix' path='/run/v' mode='client'/></interface>", "/run/v"),
    "a crash store": ("<pstore backend='acpi-erst'><path>/etc/x</path><size>1</size></pstore>", "/etc/x"),
    "a device that nobody knows yet": ("<teleporter where='/etc/x'/>", "/etc/x"),
}  # fmt: skip


@pytest.mark.parametrize(("inner", "path"), PATHS.values(), ids=PATHS)
def test_a_path_outside_the_roots_is_refused(inner: str, path: str):
    assert ("paths", path) in devices(inner)


def test_paths_in_and_below_a_root_are_permitted_in_any_spelling():
    for path in ("/srv/guests", "/srv/guests/", "/srv//guests/./a/b.qcow2", "/srv/guests/a..b"):
        assert devices(disk(f"<source file='{path}'/>")) == set()


def test_a_star_in_a_root_stands_for_one_name():
    policy = parse({"paths": ["/srv/*/disks"]}, "the policy")
    assert devices(disk("<source file='/srv/web/disks/a'/>"), policy=policy) == set()
    assert devices(disk("<source file='/srv/web/x/disks/a'/>"), policy=policy) != set()


def test_the_terminal_that_libvirt_gave_a_serial_port_is_no_path_that_was_asked_for():
    assert devices("<serial type='pty'><source path='/dev/pts/3'/></serial>") == set()


def in_domain(inner: str, root: str = "<domain>", **more) -> set[tuple[str, str]]:
    return refused("Domain", body={"xml": f"{root}{inner}</domain>"}, **more)


OTHERS = {
    "a kernel": ("<os><kernel>/etc/shadow</kernel></os>", ("bootFiles", "/etc/shadow")),
    "an initial file system": ("<os><initrd>/etc/shadow</initrd></os>", ("bootFiles", "/etc/shadow")),
    "a firmware": ("<os><loader>/etc/shadow</loader></os>", ("bootFiles", "/etc/shadow")),
    "a writable firmware": (
        "<os><loader readonly='no' type='pflash'>/usr/share/OVMF/OVMF_CODE.fd</loader></os>",
        ("paths", "/usr/share/OVMF/OVMF_CODE.fd"),
    ),
    "persistent memory": (
        "<maxMemory slots='1'>9</maxMemory><devices><memory model='nvdimm'><source><path>/dev/pmem0</path></source><target>"
        "<size>1</size></target></memory></devices>", ("paths", "/dev/pmem0")),
    "an NVRAM template": ("<os><loader>/usr/share/OVMF/x</loader><nvram template='/etc/shadow'>/srv/guests/x</nvram></os>", ("bootFiles", "/etc/shadow")),
    "an NVRAM": ("<os><nvram>/etc/x</nvram></os>", ("paths", "/etc/x")),
    "an NVRAM on a disk": (
        "<os><nvram type='block'><source dev='/dev/sda'/></nvram></os>", ("paths", "/dev/sda")),
    "a firmware's setting": (
        "<sysinfo type='fwcfg'><entry name='opt/x' file='/etc/shadow'/></sysinfo>", ("bootFiles", "/etc/shadow")),
    "an ACPI table": ("<os><acpi><table type='slic'>/etc/shadow</table></acpi></os>", ("bootFiles", "/etc/shadow")),
    "an emulator": ("<devices><emulator>/srv/guests/evil</emulator></devices>", ("programs", "/srv/guests/evil")),
    "an emulator by a way round": (
        "<devices><emulator>/usr/bin/qemu-system-/../sh</emulator></devices>",
        ("programs", "/usr/bin/qemu-system-/../sh"),
    ),
    "a script": (
        "<devices><interface type='ethernet'><alias name='ua-a'/><script path='/srv/guests/x'/></interface></devices>",
        ("programs", "/srv/guests/x"),
    ),
    "virtiofsd": (
        "<devices><filesystem><binary path='/srv/guests/x'/><target dir='t'/></filesystem></devices>",
        ("programs", "/srv/guests/x"),
    ),
    "a boot loader": ("<bootloader>/bin/sh</bootloader>", ("programs", "/bin/sh")),
    "no isolation": ("<seclabel type='none'/>", ("securityLabels", "type=none")),
    "another's label": (
        "<seclabel type='static' model='dac' relabel='no'><label>+0:+0</label></seclabel>",
        ("securityLabels", "label=+0:+0"),
    ),
    "a file without a label": (
        "<devices>" + disk("<source file='/srv/guests/a'><seclabel relabel='no'/></source>") + "</devices>",
        ("securityLabels", "relabel=no"),
    ),
    "a dump": ("<on_crash>coredump-destroy</on_crash>", ("dumps", "coredump-destroy")),
    "a watchdog's dump": ("<devices><watchdog model='itco' action='dump'/></devices>", ("dumps", "dump")),
    "a partition": ("<resource><partition>/system</partition></resource>", ("partitions", "/system")),
    "a part that nobody knows": ("<teleport/>", ("elements", "teleport")),
    "a device that nobody knows": ("<devices><teleporter/></devices>", ("elements", "devices/teleporter")),
}  # fmt: skip


@pytest.mark.parametrize(("inner", "found"), OTHERS.values(), ids=OTHERS)
def test_what_else_leads_to_the_host_is_refused(inner: str, found: tuple[str, str]):
    assert found in in_domain(inner)


@pytest.mark.parametrize("prefix", ["qemu", "metadata", "x"])
def test_another_namespace_is_known_by_its_address_and_not_by_its_prefix(prefix: str):
    root = f"<domain xmlns:{prefix}='{QEMU}'>"
    inner = f"<{prefix}:commandline><{prefix}:arg value='-S'/></{prefix}:commandline>"
    assert in_domain(inner, root) == {("namespaces", "qemu:commandline")}
    assert in_domain(f"<commandline xmlns='{QEMU}'><arg value='-S'/></commandline>") == {
        ("namespaces", "qemu:commandline")
    }


def test_other_namespaces_are_refused_by_name():
    assert in_domain("<x:y xmlns:x='urn:x'/>") == {("namespaces", "{urn:x}y")}
    dnsmasq = "<dnsmasq:options xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'/>"
    assert refused("Network", body={"xml": f"<network>{dnsmasq}</network>"}) == {("namespaces", "dnsmasq:options")}
    pool = "<fs:mount_opts xmlns:fs='http://libvirt.org/schemas/storagepool/fs/1.0'/>"
    body = {"path": "/srv/guests", "xml": f"<pool>{pool}</pool>"}
    assert refused("Pool", body=body) == {("namespaces", "fs:mount_opts")}


def test_metadata_is_free():
    assert in_domain("<metadata><x:y xmlns:x='urn:x' file='/etc/shadow'>/etc/shadow</x:y></metadata>") == set()


PCI = "<address domain='0x0000' bus='0x06' slot='0x00' function='0x1'/>"
HOSTDEVS = {
    "pci": (f"<hostdev mode='subsystem' type='pci'><source>{PCI}</source></hostdev>", "pci:0000:06:00.1"),
    "pci without a type": (f"<hostdev><source>{PCI}</source></hostdev>", "pci:0000:06:00.1"),
    "pci in ambiguous digits": (
        "<hostdev><source><address domain='0' bus='010' slot='0' function='0'/></source></hostdev>", "pci:0000:?:00.0"),
    "usb": (
        "<hostdev type='usb'><source><vendor id='0x1050'/><product id='0x0407'/></source></hostdev>", "usb:1050:0407"),
    "usb by place": ("<hostdev type='usb'><source><address bus='1' device='4'/></source></hostdev>", "usb:1:4"),
    "mediated": ("<hostdev type='mdev'><source><address uuid='C2177883-F1BB-47F0-914D-32A22E3A8804'/></source></hostdev>",
                 "mdev:c2177883-f1bb-47f0-914d-32a22e3a8804"),
    "scsi": ("<hostdev type='scsi'><source><adapter name='scsi_host0'/><address bus='0' target='3' unit='0'/></source>"
             "</hostdev>", "scsi:scsi_host0:0:3:0"),
    "iscsi": ("<hostdev type='scsi'><source protocol='iscsi' name='iqn.x/1'><host name='nas'/></source></hostdev>",
              "iscsi:iqn.x/1"),
    "vhost": ("<hostdev type='scsi_host'><source protocol='vhost' wwpn='naa.5'/></hostdev>", "vhost-scsi:naa.5"),
    "a virtual function": (f"<interface type='hostdev'><source>{PCI}</source></interface>", "pci:0000:06:00.1"),
    "an NVMe disk": (f"<disk type='nvme'><source type='pci' namespace='1'>{PCI}</source><target dev='vda'/></disk>",
                     "pci:0000:06:00.1"),
    "an NVMe disk below another": (
        f"<disk type='file'><source file='/srv/guests/a'/><backingStore type='nvme'><source type='pci' namespace='1'>{PCI}"
        "</source></backingStore><target dev='vda'/></disk>", "pci:0000:06:00.1"),
    "nothing by name": ("<hostdev mode='subsystem' type='pci'/>", "a device without a name"),
    "a card reader": ("<smartcard mode='host'/>", "smartcard:host"),
    "raw commands": ("<disk type='block' device='lun' rawio='yes'><source dev='/srv/guests/a'/><target dev='sda'/></disk>",
                     "raw-io"),
}  # fmt: skip


@pytest.mark.parametrize(("inner", "name"), HOSTDEVS.values(), ids=HOSTDEVS)
def test_a_device_of_the_host_is_refused_by_its_name(inner: str, name: str):
    assert ("hostDevices", name) in devices(inner)


def test_a_device_that_is_listed_is_permitted():
    for pattern in ("pci:0000:06:00.1", "PCI:0000:06:*", "*"):
        policy = parse({"preset": "guarded", "hostDevices": [pattern]}, "the policy")
        assert devices(HOSTDEVS["pci"][0], policy=policy) == set()
    usb = "<hostdev type='usb'><source><vendor id='0x1050'/><product id='0x0407'/><address bus='1' device='4'/></source></hostdev>"
    policy = parse({"hostDevices": ["usb:1050:*"]}, "the policy")
    assert devices(usb, policy=policy) == {("hostDevices", "usb:1:4")}


def test_the_guests_own_addresses_name_no_device_of_the_host():
    inner = (
        "<controller type='scsi'><address type='pci' domain='0x0' bus='0x6' slot='0x0' function='0x1'/></controller>"
    )
    assert devices(inner) == set()


NETWORKING = {
    "a bridge": ("<interface type='bridge'><source bridge='br0'/></interface>", ("bridges", "br0")),
    "macvtap": ("<interface type='direct'><source dev='eth0'/></interface>", ("hostInterfaces", "eth0")),
    "a way round the network": ("<interface type='user'/>", ("interfaceTypes", "user")),
    "vDPA": ("<interface type='vdpa'><source dev='/dev/vhost-vdpa-0'/></interface>", ("paths", "/dev/vhost-vdpa-0")),
    "another's socket": (
        "<interface type='client'><source address='10.0.0.1' port='1'/></interface>", ("hosts", "10.0.0.1")),
    "a disk on the network": (
        disk("<source protocol='nbd'><host name='169.254.169.254'/></source>", "network"), ("protocols", "nbd")),
    "its host": (
        disk("<source protocol='nbd'><host name='169.254.169.254'/></source>", "network"), ("hosts", "169.254.169.254")),
    "a host below": (
        disk("<source file='/srv/guests/a'/><backingStore type='network'><source protocol='http'><host name='x'/></source>"
             "</backingStore>"), ("hosts", "x")),
    "a call from a serial port": (
        "<serial type='tcp'><source mode='connect' host='10.0.0.1' service='1'/></serial>", ("hosts", "10.0.0.1")),
    "a serial port for everybody": (
        "<serial type='tcp'><source mode='bind' host='0.0.0.0' service='1'/></serial>", ("listen", "0.0.0.0")),
    "a screen for everybody": ("<graphics type='vnc' listen='0.0.0.0'/>", ("listen", "0.0.0.0")),
    "a screen for everybody, written out": (
        "<graphics type='vnc'><listen type='address' address='::'/></graphics>", ("listen", "::")),
    "sound over the network": ("<audio id='1' type='pulseaudio' serverName='tcp:x'/>", ("hosts", "tcp:x")),
}  # fmt: skip


@pytest.mark.parametrize(("inner", "found"), NETWORKING.values(), ids=NETWORKING)
def test_ways_into_the_network_are_refused(inner: str, found: tuple[str, str]):
    assert found in devices(inner)


def test_a_screen_for_this_machine_only_is_permitted():
    assert devices("<graphics type='vnc'><listen type='address' address='127.0.0.1'/></graphics>") == set()


def test_each_interface_needs_one_of_the_filters():
    policy = parse({"filters": ["clean-*"]}, "the policy")
    bare, other = "<interface type='network'/>", "<interface type='network'><filterref filter='none'/></interface>"
    good = "<interface type='network'><filterref filter='clean-traffic'/></interface>"
    assert devices(bare, policy=policy) == {("filters", "")}
    assert devices(other, policy=policy) == {("filters", "none")}
    assert devices(good, policy=policy) == set()


def test_a_network_cannot_bridge_what_a_guest_cannot():
    bridged = "<network><name>web</name><forward mode='bridge'/><bridge name='br0'/></network>"
    assert refused("Network", xml=bridged) == {("bridges", "br0")}
    direct = "<network><name>web</name><forward mode='passthrough'><interface dev='eth1'/></forward></network>"
    assert refused("Network", xml=direct) == {("hostInterfaces", "eth1")}
    given = "<network><name>web</name><forward mode='hostdev'><pf dev='eth1'/></forward></network>"
    assert refused("Network", xml=given) == {("hostDevices", "net:eth1")}
    assert (
        refused(
            "Network", xml="<network><name>web</name><forward mode='nat'><interface dev='eth1'/></forward></network>"
        )
        == set()
    )
    assert refused("Network", xml="<network><name>web</name><bridge name='b' zone='trusted'/></network>") == {
        ("firewallZones", "trusted")
    }


def test_a_pool_cannot_lead_elsewhere():
    assert refused("Pool", body={"path": "/srv/guests/pool"}) == set()
    assert refused("Pool", body={"path": "/"}) == {("paths", "/")}
    assert refused("Pool", body={"path": "/srv/guests/../.."}) == {("paths", "/srv/guests/../..")}
    assert refused("Pool", body={"type": "logical", "source": {"name": "vg0"}}) == {
        ("poolTypes", "logical"),
        ("paths", "/dev/vg0"),
    }
    nfs = {"type": "netfs", "path": "/srv/guests/n", "source": {"hosts": ["nas"], "dir": "/export", "format": "nfs"}}
    assert refused("Pool", body=nfs) == {("poolTypes", "netfs"), ("hosts", "nas")}
    bound = {"type": "fs", "path": "/srv/guests/n", "source": {"devices": ["/dev/sda1"]}}
    assert refused("Pool", body=bound) == {("poolTypes", "fs"), ("paths", "/dev/sda1")}


def test_a_volume_cannot_bring_in_what_is_elsewhere():
    assert refused("Volume", name="default/a", body={"capacity": "1GiB", "source": "/etc/shadow"}) == {
        ("sources", "/etc/shadow")
    }
    assert refused("Volume", name="default/a", body={"capacity": "1GiB", "backing": {"path": "/etc/shadow"}}) == {
        ("paths", "/etc/shadow")
    }
    policy = parse({"pools": ["web"]}, "the policy")
    assert refused("Volume", policy, name="other/a", body={"capacity": "1GiB"}) == {("pools", "other")}
    assert devices(disk("<source pool='other' volume='a'/>", "volume"), policy=policy) == {("pools", "other")}


def test_sizes_are_limited_in_whatever_unit_they_are_written():
    policy = parse({"limits": {"memory": "2GiB", "vcpus": 4, "volume": "10GiB", "devices": 2}}, "the policy")
    words = {word for word, _ in in_domain("<memory unit='TiB'>1</memory><vcpu current='1'>5</vcpu>", policy=policy)}
    assert words == {"limits.memory", "limits.vcpus"}
    cells = "<cpu><numa><cell id='0' cpus='0' memory='2' unit='GiB'/><cell id='1' cpus='1' memory='1' unit='GiB'/></numa></cpu>"
    assert in_domain(cells, policy=policy) == {("limits.memory", str(3 << 30))}
    assert in_domain("<maxMemory slots='1' unit='GiB'>3</maxMemory>", policy=policy) == {
        ("limits.memory", str(3 << 30))
    }
    assert in_domain("<memory unit='GiB'>2</memory><vcpu>4</vcpu>", policy=policy) == set()
    assert devices(3 * "<redirdev bus='usb' type='spicevmc'/>", policy=policy) == {("limits.devices", "3")}
    assert refused("Volume", policy, name="default/a", body={"capacity": "11GiB"}) == {("limits.volume", str(11 << 30))}


def test_names_and_kinds_are_held_to_patterns_and_a_rename_to_both_names():
    policy = parse({"kinds": ["Domain"], "names": {"Domain": ["web-*"]}}, "the policy")
    assert refused("Domain", policy, name="web-1", body={}) == set()
    assert refused("Domain", policy, name="db", body={}) == {("names", "db")}
    assert refused("Network", policy, body={}) == {("kinds", "Network")}
    from dataclasses import replace

    moved = replace(spec("Domain", name="web-1"), moved_from="db")
    assert [each.value for each in violations((policy,), moved, KINDS["Domain"].table)] == ["db"]


def test_a_rule_permits_or_refuses_values_at_one_place():
    refusing = parse({"rules": [{"kind": "Domain", "address": "devices/panic*", "deny": ["*"]}]}, "the policy")
    assert ("rules", "isa") in devices("<panic model='isa'/>", policy=refusing)
    permitting = {"kind": "Domain", "address": "devices/disk/source@file", "allow": ["/etc/shadow"]}
    policy = parse({"preset": "guarded", "rules": [permitting]}, "the policy")
    assert devices(disk("<source file='/etc/shadow'/>"), policy=policy) == set()
    assert devices(disk("<source file='/var/lib/libvirt/images/a'/>"), policy=policy) == {
        ("rules", "/var/lib/libvirt/images/a")
    }


def test_an_exception_is_for_the_resources_that_it_names():
    exception = {"resources": ["Domain/db-*"], "hostDevices": ["pci:*"], "limits": {"vcpus": 8}}
    policy = parse({"preset": "guarded", "limits": {"vcpus": 2}, "exceptions": [exception]}, "the policy")
    body = {"vcpus": 8, "xml": f"<domain>{named(HOSTDEVS['pci'][0])}</domain>"}
    assert refused("Domain", policy, name="db-1", body=body) == set()
    assert {word for word, _ in refused("Domain", policy, name="web", body=body)} == {"hostDevices", "limits.vcpus"}


def test_every_policy_has_to_be_met():
    wide, narrow = parse({"paths": ["/"]}, "one"), parse({"paths": ["/srv"]}, "two")
    asked = spec("Domain", body={"disks": [{"name": "root", "file": "/etc/shadow"}]})
    for both in ((wide, narrow), (narrow, wide)):
        assert len(violations(both, asked, KINDS["Domain"].table)) == 1


def test_a_password_is_in_no_message():
    body = {"graphics": [{"type": "vnc", "password": "/secret", "listen": "0.0.0.0"}]}
    policy = parse({"preset": "guarded", "rules": [{"kind": "*", "address": "*passwd", "deny": ["*"]}]}, "the policy")
    found = violations((policy,), spec("Domain", body=body), KINDS["Domain"].table)
    assert found and "/secret" not in " ".join(each.message for each in found)


def test_what_is_to_be_removed_is_asked_of_nobody():
    body = {"firmware": "bios", "xml": "<domain><devices/></domain>"}
    assert refused("Domain", body=body) == set()


def test_a_probe_can_ask_the_guest_and_nobody_else():
    probes = [{"http": "http://{address}:8080/x"}, {"tcp": 22}, {"agent": True}]
    assert refused("Domain", body={"guestAgent": True, "health": {"probes": probes}}) == set()
    others = [{"http": "http://169.254.169.254/x"}, {"tcp": 22, "host": "10.0.0.1"}]
    assert refused("Domain", body={"health": {"probes": others}}) == {
        ("urls", "http://169.254.169.254/x"),
        ("hosts", "10.0.0.1"),
    }
    tricky = [{"http": "http://{address}.example.com/x"}]
    assert len(refused("Domain", body={"health": {"probes": tricky}})) == 1


def test_content_from_the_web_from_this_machine_and_from_other_pools_is_judged():
    sums = {"sha256": "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"}
    body = {"capacity": "1GiB", "source": {"url": "http://x/y", **sums}}
    assert refused("Volume", name="default/a", body=body) == {("urls", "http://x/y")}
    policy = parse({"pools": ["default"]}, "the policy")
    for body in ({"source": {"volume": "other/golden"}}, {"backing": "other/golden"}):
        assert refused("Volume", policy, name="default/a", body={"capacity": "1GiB", **body}) == {("pools", "other")}
