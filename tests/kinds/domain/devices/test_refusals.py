"""What libvirt would refuse or drop is refused with the place of the very value."""

import pytest

from reconciler.errors import ManifestError
from reconciler.kind import Context
from reconciler.kinds.domain import KIND
from reconciler.model.documents import Document, Place
from reconciler.model.refs import Ref

DISK = {"name": "root", "file": "/srv/a.img"}


def refused(body, *path):
    """The number and the text of the problems of a body; only the value at `path` has a place of its own."""
    places = {(): Place("web.yaml"), ("spec", *path): Place("web.yaml", 7, 7)}
    document = Document(ref=Ref("Domain", "web"), host=None, labels={}, body=body, places=places)
    with pytest.raises(ManifestError) as caught:
        KIND.parse(document, Context("hv1"))
    (problem,) = caught.value.problems
    return problem.number, str(problem)


@pytest.mark.parametrize(
    ("number", "path", "body"),
    [
        ("R204", ("disks", 1, "name"), {"disks": [DISK, {"name": "root", "block": "/dev/a"}]}),
        ("R204", ("interfaces", 0, "name"), {"disks": [DISK], "interfaces": [{"name": "root", "type": "user"}]}),
        (
            "R204",
            ("hostdevs", 1, "name"),
            {"hostdevs": [{"name": "a", "pci": "0000:06:00.0"}, {"name": "a", "pci": "0000:07:00.0"}]},
        ),
        ("R207", ("disks", 0, "block"), {"disks": [{**DISK, "block": "/dev/a"}]}),
        ("R207", ("interfaces", 0, "bridge"), {"interfaces": [{"name": "a", "network": "lan", "bridge": "br0"}]}),
        (
            "R207",
            ("hostdevs", 0, "usb"),
            {"hostdevs": [{"name": "a", "pci": "0000:06:00.0", "usb": {"vendor": "0x1050"}}]},
        ),
        (
            "R207",
            ("disks", 0, "limits", "readIops"),
            {"disks": [{**DISK, "limits": {"totalIops": 100, "readIops": 50, "writeBytes": 9}}]},
        ),
        (
            "R207",
            ("disks", 0, "limits", "writeBytesMax"),
            {"disks": [{**DISK, "limits": {"totalBytesMax": 100, "writeBytesMax": 50}}]},
        ),
        (
            "R207",
            ("graphics", 0, "port"),
            {"graphics": [{"type": "vnc", "port": 5901, "listen": {"socket": "/run/v"}}]},
        ),
        ("R207", ("graphics", 0, "port"), {"graphics": [{"type": "vnc", "port": 5901, "listen": {"type": "socket"}}]}),
        ("R204", ("graphics", 0, "password"), {"graphics": [{"type": "vnc", "password": "ninechars"}]}),
        ("R204", ("graphics", 0, "password"), {"graphics": [{"type": "vnc", "password": "ääääb"}]}),
        ("R207", ("cpu", "model"), {"cpu": {"mode": "maximum", "model": "Nehalem"}}),
    ],
)
def test_a_contradiction_is_refused_where_it_stands(number, path, body):
    found, message = refused(body, *path)
    assert found == number and message.startswith("web.yaml:7:7: Domain/web: ")
    assert "ninechars" not in message


@pytest.mark.parametrize(
    "body",
    [
        {"disks": [DISK, {"name": "more", "file": "/srv/a.img"}]},
        {"disks": [{**DISK, "limits": {"totalIops": 100, "readIops": 0, "readBytes": 9}}]},
        {"disks": [{**DISK, "limits": {"totalIops": 0, "readIops": 9}}]},
        {"interfaces": [{"name": "a", "network": "lan", "portgroup": "web"}]},
        {"graphics": [{"type": "vnc", "port": 5901, "listen": "127.0.0.1", "password": "eightlen"}, "spice"]},
        {"graphics": [{"type": "spice", "password": "longer than VNC's"}]},
    ],
)
def test_what_only_looks_like_one_is_not(body):
    document = Document(ref=Ref("Domain", "web"), host=None, labels={}, body=body, places={(): Place("web.yaml")})
    assert KIND.parse(document, Context("hv1")).claims
