"""The collections that other tests go through are really there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from lxml import etree

from tests import collected as module
from tests.collected import Definition, UnreachableError, definitions

HYPERVISORS = {"kvm", "qemu", "xen", "lxc", "bhyve", "vmware", "test", "hvf"}


def test_they_hold_every_kind_and_every_hypervisor(collected: Callable[..., list[Definition]]) -> None:
    kinds = ("domain", "network", "pool", "volume", "filter", "secret")
    count = Counter(each.root for each in collected(*kinds))
    assert all(count[kind] >= least for kind, least in zip(kinds, (1900, 100, 70, 45, 130, 5), strict=True)), count
    types = {etree.fromstring(each.text.encode()).get("type") for each in collected("domain")}
    assert types >= HYPERVISORS


def test_definitions_inside_of_other_files_are_among_them(collected: Callable[..., list[Definition]]) -> None:
    inner = [each for each in collected("domain") if "#" in each.path]
    assert {each.path.split("/")[1] for each in inner} >= {"qemudomainsnapshotxml2xmlout", "qemustatusxml2xmldata"}


def test_an_archive_that_cannot_be_reached_is_said(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_as_source", lambda text: "")
    with pytest.raises(UnreachableError, match="apt-get source libvirt failed"):
        definitions(tmp_path)


def test_lines_and_stanzas_for_packages_become_those_for_sources() -> None:
    lines = "deb [signed-by=/k] mirror stable main\n# deb x\ndeb cdrom:[Debian]/ stable main\n"
    (line, *others) = module._as_source(lines).splitlines()
    assert line == "deb-src [signed-by=/k] mirror stable main"
    assert others == ["# deb x", "deb cdrom:[Debian]/ stable main"]
    assert module._as_source("Types: deb deb-src\nURIs: m\n") == "Types: deb-src\nURIs: m\n"
