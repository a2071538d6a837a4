"""Machines that are alike are worked out once, and each gets the document that it would get alone."""

from __future__ import annotations

import json
import re

import pytest

from reconciler.errors import ReconcilerError
from reconciler.kinds.domain import KIND, alike
from reconciler.kinds.domain.dump import _of_many, _of_one

MACHINE = """\
<domain type='kvm'>
  <name>{name}</name>
  <title>{title}</title>
  <memory unit='KiB'>1048576</memory>
  <vcpu>2</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/><source file='{file}'/><target dev='vda' bus='virtio'/>
    </disk>
    <interface type='network'>
      <mac address='{mac}'/><source network='default'/><model type='virtio'/>{more}
    </interface>
  </devices>
</domain>
"""
WEB = {"name": "web", "title": "Web", "file": "/srv/web.qcow2", "mac": "52:54:00:12:34:56", "more": ""}
MAIL = {"name": "mail", "title": "Mail & more", "file": "/srv/mail.qcow2", "mac": "52:54:00:65:43:21", "more": ""}


def texts_of(machine):
    return {**KIND.read(MACHINE.format(**{key: value.replace("&", "&amp;") for key, value in machine.items()}))}


def told(dump, texts):
    try:
        return json.dumps(dump(texts))
    except ReconcilerError as error:
        return str(error)


def test_two_machines_that_differ_in_name_title_file_and_mac_are_worked_out_once():
    _of_many.cache_clear()
    bodies = [KIND.dump(texts_of(machine)) for machine in (WEB, MAIL)]
    assert _of_many.cache_info().misses == 1
    assert [body["title"] for body in bodies] == ["Web", "Mail & more"]
    assert [body["disks"][0]["file"] for body in bodies] == ["/srv/web.qcow2", "/srv/mail.qcow2"]
    assert [body["interfaces"][0]["mac"] for body in bodies] == [WEB["mac"], MAIL["mac"]]


@pytest.mark.parametrize(
    "change",
    [
        {"title": "/srv/web.qcow2"},
        {"title": "/stand-in/0"},
        {"file": "/srv/web-seed-0123456789ab.iso"},
        {"mac": "52:54:00:AB:CD:EF"},
        {"more": "<filterref filter='x'><parameter name='MAC' value='52:54:00:12:34:56'/></filterref>"},
        {"more": "<teaming type='persistent'/><guest dev='eth7'/>"},
        {"more": "<alias name='ua-lan'/>"},
    ],
    ids=str,
)
def test_what_a_value_means_beyond_itself_is_not_lost(change):
    texts = texts_of({**WEB, **change})
    KIND.dump(texts_of(WEB))
    assert told(KIND.dump, texts) == told(_of_one, texts)


def test_what_is_no_single_place_of_a_document_is_not_put_there():
    own = {"/stand-in/0": "/srv/a", "/stand-in/1": "/srv/b"}
    assert alike.together({"a": "/stand-in/0", "b": ["/stand-in/1"]}, own) == {"a": "/srv/a", "b": ["/srv/b"]}
    assert alike.together({"a": "/stand-in/0"}, own) is None
    assert alike.together({"a": "/stand-in/0", "b": "/stand-in/0", "c": "/stand-in/1"}, own) is None
    assert alike.together({"a": "/stand-in/0", "b": "/stand-in/1", "xml": "<x y='/stand-in/1'/>"}, own) is None


def test_a_collected_machine_gets_the_document_that_it_would_get_alone(collected):
    for each in list(collected("domain"))[::4]:
        texts = KIND.read(each.text)
        assert told(KIND.dump, texts) == told(_of_one, texts), each.path


def test_another_machine_with_files_and_macs_of_its_own_does_so_too(collected):
    """The second of each two comes from what was worked out for the first."""
    for each in list(collected("domain"))[1::4]:
        other = each.text.replace("<source file='/", "<source file='/elsewhere/").replace("<title>", "<title>Another ")
        other = re.sub(r"<mac address='52:54:00:(..):", r"<mac address='52:54:01:\1:", other)
        told(KIND.dump, KIND.read(each.text))
        texts = KIND.read(other)
        assert told(KIND.dump, texts) == told(_of_one, texts), each.path
