"""A host that was set up by hand: imported, it is as declared, and all that is left is to take it over."""

import subprocess

import pytest

pytestmark = pytest.mark.e2e

# Name -> what its definition has beside the bare machine. {disks} is a directory with images a to d.
RICH = {
    "uefi": """
        <os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type><bootmenu enable='yes' timeout='3000'/></os>
        <features><acpi/><apic/><smm state='on'/></features>
        <devices>
          <disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none' discard='unmap'/>
            <source file='{disks}/a'/><target dev='vda' bus='virtio'/><serial>root</serial></disk>
          <disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
          <video><model type='virtio'/></video>
        </devices>""",
    "cards": """
        <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='network'/><boot dev='hd'/></os>
        <devices>
          <interface type='user'><mac address='52:54:00:00:01:01'/><model type='virtio'/></interface>
          <interface type='user'><mac address='52:54:00:00:01:02'/><model type='e1000'/><link state='down'/></interface>
          <interface type='network'><mac address='52:54:00:00:01:03'/><source network='lan'/>
            <model type='virtio'/><driver queues='2'/><mtu size='1400'/></interface>
        </devices>""",
    "talker": """
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <devices>
          <serial type='pty'><target port='0'/></serial>
          <serial type='file'><source path='{disks}/serial' append='on'/><target port='1'/></serial>
          <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
          <channel type='unix'><source mode='bind' path='{disks}/own'/>
            <target type='virtio' name='org.example.0'/></channel>
          <channel type='pty'><target type='virtio' name='org.example.1'/></channel>
        </devices>""",
    "sealed": """
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <devices><tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>
          <rng model='virtio'><rate bytes='1024' period='1000'/><backend model='random'>/dev/urandom</backend></rng>
          <watchdog model='i6300esb' action='poweroff'/><panic model='isa'/></devices>""",
    "screen": """
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <devices>
          <controller type='usb' model='qemu-xhci' ports='8'/>
          <input type='tablet' bus='usb'/><input type='keyboard' bus='virtio'/>
          <graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1' keymap='de'>
            <listen type='address' address='127.0.0.1'/></graphics>
          <sound model='ich9'/><video><model type='vga' vram='32768' heads='1' primary='yes'/></video>
          <memballoon model='virtio'><stats period='10'/></memballoon>
        </devices>""",
    "tuned": """
        <title>Tuned</title><description>By hand</description>
        <metadata><note xmlns='https://note.example/1'>keep</note></metadata>
        <vcpu placement='static' cpuset='0-1' current='2'>4</vcpu><iothreads>2</iothreads>
        <os><type arch='x86_64' machine='q35'>hvm</type></os>
        <features><acpi/><apic/>
          <hyperv mode='custom'><relaxed state='on'/><spinlocks state='on' retries='8191'/></hyperv></features>
        <cpu mode='custom' match='exact' check='none'><model fallback='allow'>Nehalem</model>
          <topology sockets='1' dies='1' cores='2' threads='2'/>
          <numa><cell id='0' cpus='0-1' memory='32768'/><cell id='1' cpus='2-3' memory='32768'/></numa></cpu>
        <clock offset='localtime'><timer name='rtc' tickpolicy='catchup'/><timer name='hpet' present='no'/></clock>
        <on_crash>restart</on_crash>
        <devices>
          <controller type='scsi' index='0' model='virtio-scsi'><driver queues='2'/></controller>
          <disk type='file' device='disk'><driver name='qemu' type='qcow2' iothread='1'/><source file='{disks}/b'/>
            <target dev='vda' bus='virtio'/><iotune><total_iops_sec>500</total_iops_sec></iotune>
            <boot order='1'/></disk>
          <disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{disks}/c'/>
            <target dev='sda' bus='scsi' rotation_rate='1'/><wwn>5000c50015ea71ac</wwn></disk>
          <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{disks}/d'/>
            <target dev='sdb' bus='sata'/><shareable/></disk>
        </devices>""",
}
NETWORK = "<network><name>lan</name><bridge name='rec-lan'/><ip address='192.168.231.1' prefix='24'/></network>"


def test_everything_that_runs_on_a_host_can_be_imported_and_only_adopted(lab):
    disks = lab.state / "disks"
    disks.mkdir(parents=True)
    for name in "abcd":
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", disks / name, "1M"], check=True)
    connection = lab.connect()
    connection.networkDefineXML(NETWORK).create()
    for name, more in RICH.items():
        memory = "<memory unit='KiB'>65536</memory>"
        xml = f"<domain type='qemu'><name>{name}</name>{memory}{more.format(disks=disks)}</domain>"
        connection.defineXML(xml).create()
    lab.run("import", "--all", "--to", lab.directory)
    expected = sorted([*(f"Domain/{name}" for name in RICH), "Network/lan"])
    assert sorted(lab.actions()) == [(ref, "adopt") for ref in expected]
    running = {name: connection.lookupByName(name).ID() for name in RICH}
    before = {name: lab.xml(name) for name in RICH}
    lab.converge()
    assert running == {name: connection.lookupByName(name).ID() for name in RICH}
    for name in RICH:
        assert [item.tag for item in before[name].find("devices")] == [
            item.tag for item in lab.xml(name).find("devices")
        ]
