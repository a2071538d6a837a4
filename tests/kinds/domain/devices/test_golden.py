"""A few documents and exactly the XML that they become."""

from dataclasses import replace

import pytest

GOLDEN = {
    "macvtap": (
        {"interfaces": [{"name": "lan", "mac": "52:54:00:00:00:01", "direct": {"device": "eth0", "mode": "vepa"}}]},
        """\
    <interface type="direct">
      <source dev="eth0" mode="vepa"/>
      <mac address="52:54:00:00:00:01"/>
      <model type="virtio"/>
      <alias name="ua-lan"/>
    </interface>
""",
    ),
    "vnc with a password": (
        {"graphics": [{"type": "vnc", "autoport": True, "password": "geheim"}]},
        """\
    <graphics type="vnc" autoport="yes" passwd="geheim"/>
""",
    ),
    "two 9p shares in the document's order": (
        {
            "filesystems": [
                {"target": "b", "dir": "/srv/b", "accessMode": "mapped", "readonly": True},
                {"target": "a", "dir": "/srv/a", "accessMode": "passthrough"},
            ]
        },
        """\
    <filesystem accessmode="mapped" type="mount">
      <target dir="b"/>
      <source dir="/srv/b"/>
      <readonly/>
    </filesystem>
    <filesystem accessmode="passthrough" type="mount">
      <target dir="a"/>
      <source dir="/srv/a"/>
    </filesystem>
""",
    ),
    "the guest agent": (
        {"guestAgent": True},
        """\
    <channel type="unix">
      <target type="virtio" name="org.qemu.guest_agent.0"/>
    </channel>
""",
    ),
    "a PCI device": (
        {"hostdevs": [{"name": "gpu", "pci": "06:00.1", "managed": True}]},
        """\
    <hostdev managed="yes" mode="subsystem" type="pci">
      <source>
        <address domain="0x0000" bus="0x06" slot="0x00" function="0x1"/>
      </source>
      <alias name="ua-gpu"/>
    </hostdev>
""",
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_document_becomes_this_xml(name, cases):
    body, expected = GOLDEN[name]
    xml = replace(cases[0], body=body, head="").xml
    assert xml.partition("<devices>\n")[2].partition("  </devices>")[0] == expected
