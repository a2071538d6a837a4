"""Machines that are alike are worked out once, and each gets the document that it would get alone."""

from __future__ import annotations

import json
import re

import pytest

from reconciler.errors import ReconcilerError
from reconciler.kinds.domain import KIND, alike
from reconciler.kinds.domain.dump import dump

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
FACTS = {"!power": "stopped", "!autostart": "no"}
MAIL = {"name": "mail", "title": "Mail", "file": "/srv/mail.qcow2", "mac": "52:54:00:65:43:21", "more": ""}


def text_of(machine):
    return MACHINE.format(**machine)


def alone(text):
    """What is made of a machine that is like no other."""
    return dump({**KIND.read(text), **FACTS})


def told(dumping, text):
    try:
        return json.dumps(dumping(text))
    except ReconcilerError as error:
        return str(error)


def among_others(text):
    return KIND.dumped(text, FACTS)


def test_two_machines_that_differ_in_name_title_file_and_mac_are_worked_out_once():
    alike._make.cache_clear()
    bodies = [among_others(text_of(machine)) for machine in (WEB, MAIL)]
    assert alike._make.cache_info().misses == 1
    assert bodies == [alone(text_of(machine)) for machine in (WEB, MAIL)]
    assert [body["disks"][0]["file"] for body in bodies] == ["/srv/web.qcow2", "/srv/mail.qcow2"]


def test_what_is_made_of_one_machine_is_nobody_elses():
    among_others(text_of(WEB))["disks"][0]["file"] = "/srv/elsewhere.qcow2"
    assert among_others(text_of(WEB)) == alone(text_of(WEB))


def test_a_loose_interface_makes_a_machine_like_no_other(monkeypatch):
    monkeypatch.setattr(alike, "_make", lambda *_: pytest.fail("it was taken for another's like"))
    KIND.dumped(text_of(WEB), {**FACTS, "!unplugged": WEB["mac"]})


@pytest.mark.parametrize(
    "change",
    [
        {"title": "/srv/web.qcow2"},
        {"title": "/stand-in/0/"},
        {"title": " Web "},
        {"title": "2"},
        {"title": "Web &amp; more"},
        {"title": "Web<!-- not web -->"},
        {"title": "${title}"},
        {"name": "/stand-in/1/"},
        {"file": "/srv/web-seed-0123456789ab.iso"},
        {"file": "/srv/<other"},
        {"file": "srv/web"},
        {"mac": "52:54:00:AB:CD:EF"},
        {"mac": "not a MAC at all "},
        {"mac": "52:54:00:00:00:03"},
        {"more": "<filterref filter='x'><parameter name='MAC' value='52:54:00:12:34:56'/></filterref>"},
        {"more": "<teaming type='persistent'/><guest dev='eth7'/>"},
        {"more": "<alias name='ua-lan'/>"},
        {"more": "<!-- <mac address='52:54:00:12:34:57'/> -->"},
        {"more": "</interface><interface type='user'><mac address='52:54:00:12:34:56'/>"},
        {"more": "</interface><interface type='user'><mac address='52:54:00:12:34:57'/>"},
    ],
    ids=str,
)
def test_what_a_value_means_beyond_itself_is_not_lost(change):
    among_others(text_of(WEB))
    text = text_of({**WEB, **change})
    assert told(among_others, text) == told(alone, text)


def test_a_collected_machine_gets_the_document_that_it_would_get_alone(collected):
    for each in list(collected("domain"))[::4]:
        assert told(among_others, each.text) == told(alone, each.text), each.path


def test_another_machine_with_files_and_macs_of_its_own_does_so_too(collected):
    """The second of each two comes from what was worked out for the first."""
    alike._make.cache_clear()
    for each in list(collected("domain"))[1::4]:
        other = each.text.replace("<source file='/", "<source file='/elsewhere/").replace("<title>", "<title>Another ")
        other = re.sub(r"<mac address='52:54:00:(..):", r"<mac address='52:54:01:\1:", other)
        told(among_others, each.text)
        assert told(among_others, other) == told(alone, other), each.path
    assert alike._make.cache_info().hits > 50


@pytest.mark.parametrize(
    "meaning",
    [
        lambda texts: texts["title"] == texts["vcpu"],
        lambda texts: texts["title"] == texts["devices/disk[vda]/source@file"],
        lambda texts: f"<title>{texts['title']}</title>",
        lambda texts: texts["devices/disk[vda]/source@file"].endswith(".iso"),
    ],
    ids=["one of what all have", "another of its own", "part of a text", "a seed"],
)
def test_nothing_is_said_of_a_machine_that_would_not_be_said_of_it_alone(meaning, monkeypatch):
    """Whatever else should be made of a machine's own values one day."""

    def made(texts):
        return {"title": texts["title"], "disks": [texts["devices/disk[vda]/source@file"]], "xml": meaning(texts)}

    monkeypatch.setattr(alike, "dump", made)
    monkeypatch.setattr(alike, "_make", alike._make.__wrapped__)
    for change in ({}, {"title": "2"}, {"title": WEB["file"]}, {"file": "/srv/web-seed-0123456789ab.iso"}):
        text = re.sub("<mac.*?/>", "", text_of({**WEB, **change}))
        assert among_others(text) == made({**KIND.read(text), **FACTS}), change
