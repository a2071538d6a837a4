"""Connections to one host: who has one for himself, and when another is opened."""

import libvirt
import pytest

from reconciler.adapters.virt.connection import connect
from reconciler.adapters.virt.lines import Lines
from reconciler.ports import own


@pytest.fixture
def lines():
    opened = []

    def open_one():
        opened.append(libvirt.open("test:///default"))
        return opened[-1], True

    found = Lines(open_one)
    found.opened = opened
    yield found
    found.close()


def test_whoever_works_alone_has_the_first_connection(lines):
    for _ in range(2):
        with own(lines.first) as mine:
            assert mine is lines.first
    assert len(lines.opened) == 1


def test_two_at_once_never_have_the_same_one(lines):
    with own(lines.first) as one, own(one) as other, own(lines.first) as third:
        assert len({one, other, third}) == 3
        assert all(each.isAlive() for each in (one, other, third))
    with own(lines.first) as one, own(lines.first) as other:
        assert one is not other
    assert len(lines.opened) == 3, "what was given back is lent again"


def test_all_are_closed_with_the_first(lines):
    with own(lines.first) as one, own(lines.first) as other:
        pass
    lines.close()
    assert one._o is None and other._o is None


def test_a_driver_without_a_daemon_serves_all_by_one_connection(tmp_path):
    # Another connection of libvirt's test driver would be another host.
    with connect("test:///default", tmp_path) as host, own(host) as one, own(host) as other:
        assert one is host and other is host
