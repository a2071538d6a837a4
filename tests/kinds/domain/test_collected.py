"""Every domain that libvirt's own source holds, of every hypervisor: imported, it is what it was."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from lxml import etree

from reconciler import entries
from reconciler.engine import compare
from reconciler.kind import Context
from reconciler.kinds.domain import KIND
from reconciler.kinds.domain.keep import keep
from reconciler.manifest.check import Schemas
from reconciler.manifest.read import read
from reconciler.manifest.write import resource, write_document
from reconciler.model.inventory import NOTHING_APPLIED
from reconciler.model.refs import Ref
from reconciler.ports import SourceFile
from tests.kinds.domain.machines import observed, situation

# Each test goes through others of them.
SHARE = 4
RELAX = "/usr/share/libvirt/schemas/domain.rng"
# Where a document says an amount without its unit, which is the one that libvirt writes.
UNITS = "@unit"


@pytest.fixture(scope="module")
def schemas(root):
    return Schemas(["Domain"], lambda kind: (root / "schemas" / f"{kind}.json").read_text())


@pytest.fixture(scope="module")
def valid(collected):
    """Those that libvirt's own schema takes: the source holds others to see them refused.

    Memory modules without NUMA cells, which POWER has, are for a file of their own: no document says them (R216).
    """
    schema = etree.RelaxNG(etree.parse(RELAX))
    found = ((each, etree.fromstring(each.text)) for each in collected("domain"))
    return [
        each
        for each, root in found
        if schema.validate(root) and (root.find("devices/memory") is None or root.find("cpu/numa") is not None)
    ]


def imported(text, schemas):
    """The Spec of the file that an import would write, and the domain."""
    seen = observed(text, autostart="no")
    texts = {**KIND.read(text), **seen.facts}
    content = write_document(resource("Domain", {"name": "web"}, KIND.dump(texts)))
    reading = read(SourceFile("web.yaml", content.encode()), schemas, {"domain": "Domain"})
    assert reading.problems == ()
    document = replace(reading.documents[0], ref=Ref("Domain", texts["name"]))
    return KIND.parse(document, Context("hv1")), seen


def lost(spec, seen):
    """What a machine that is made anew from its document has not, or has otherwise, of what is not libvirt's own."""
    there = situation(spec, observed(KIND.render(spec, None, ()))).texts
    here = situation(spec, seen).texts
    told = keep(here)
    return [
        (address, told[address], there.get(address))
        for address in told
        if there.get(address) != told[address]
        and not address.endswith(UNITS)
        and not (told[address] == "" and holds(address, here))
        and not is_secret(address)
    ]


def holds(address, texts):
    """Whether it is an element that others stand in."""
    inside = (f"{address}/", f"{address}@", f"{address}[")
    return any(known.startswith(inside) for known in texts) and not re.fullmatch("devices/[^/]+", address)


def is_secret(address):
    return bool(entries.secrets({address: ""}, KIND.table))


def of_one_list(texts):
    """The keys of elements of one name, in order, where their order means something."""
    lists = {}
    for address in texts:
        if address.endswith("]") and not re.search(r"(entry|feature|controller)\[[^]]*\]$", address):
            at, _, key = address.rpartition("[")
            lists.setdefault(at, []).append(key)
    return lists


def test_it_is_as_declared_and_loses_nothing_when_it_is_made_anew(valid, schemas):
    assert len(valid) > 1800
    for each in valid[::SHARE]:
        spec, seen = imported(each.text, schemas)
        here = situation(spec, seen)
        found = compare.compare(KIND, spec, here.texts, NOTHING_APPLIED)
        assert found == (), each.path
        assert lost(spec, seen) == [], each.path


def test_what_stands_in_a_list_stays_in_its_order(valid, schemas):
    for each in valid[1::SHARE]:
        spec, seen = imported(each.text, schemas)
        there = of_one_list(situation(spec, observed(KIND.render(spec, None, ()))).texts)
        for at, keys in of_one_list(keep(situation(spec, seen).texts)).items():
            assert [key for key in there.get(at, ()) if key in keys] == keys, f"{each.path}: {at}"


def test_importing_twice_gives_the_same_bytes(valid):
    for each in valid[2::SHARE]:
        texts = KIND.read(each.text)
        assert json.dumps(KIND.dump(texts)) == json.dumps(KIND.dump(KIND.read(each.text))), each.path
