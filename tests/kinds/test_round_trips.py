"""Definitions that others wrote, from a host or a file to a manifest and back: nothing is lost, nothing is changed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from reconciler import markup
from reconciler.app.desired import own_schemas
from reconciler.app.importing import Found, draft
from reconciler.errors import HostError
from reconciler.kind import Context
from reconciler.kinds import KINDS
from reconciler.kinds.nwfilter.protocols import PROTOCOLS
from reconciler.manifest.read import read
from reconciler.model.documents import Document, Observed
from reconciler.model.refs import Ref
from reconciler.naming import defined_name
from reconciler.ports import SourceFile
from tests.collected import Definition
from tests.kinds.steering import judged, situation

SCHEMAS = own_schemas()
ROOTS = {kind.root: name for name, kind in KINDS.items() if kind.root}


@dataclass(frozen=True)
class Trip:
    """How a kind travels.

    facts      what an import would find beside the definition
    filled     what libvirt puts there itself, and is left behind: path -> its values (a pattern)
    respelled  paths whose values have two spellings; that both mean the same is `Kind.read`'s to say
    refused    path of a definition -> why no host takes it, in the words of the problem
    grown      definitions that come out with more than they had, which libvirt would have put there at once
    least      how many there are to travel with
    """

    least: int
    facts: Mapping[str, str] = field(default_factory=dict)
    filled: Mapping[str, str] = field(default_factory=dict)
    respelled: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    grown: tuple[str, ...] = ()


TRIPS = {
    "Network": Trip(
        least=110,
        facts={"!active": "yes", "!autostart": "no"},
        filled={
            "bridge@name": r"virbr\d+",
            "bridge@stp": "on",
            "bridge@delay": "0",
            "mac@address": ".*",
            "ip@family": "ipv4",
        },
        respelled=(
            *("ip@netmask", "ip@prefix", "route@netmask", "route@prefix", "forward", "forward@mode"),
            *("forward@dev", "forward/interface@dev"),
            *(f"ip/dhcp/{entry}/lease@{name}" for entry in ("range", "host") for name in ("expiry", "unit")),
        ),
        refused={
            "tests/networkxml2xmlin/open-network-with-forward-dev.xml": "which mode open cannot use",
            "tests/networkxml2xmlin/passthrough-pf.xml": "which uses devices the host has already",
            "tests/networkxml2xmlout/passthrough-pf.xml": "which uses devices the host has already",
        },
    ),
    "Pool": Trip(
        least=75,
        facts={"!active": "yes", "!autostart": "no"},
        filled={
            **{f"{name}{at}": ".*" for name in ("capacity", "allocation", "available") for at in ("", "@unit")},
            **{f"source/device/freeExtent@{end}": ".*" for end in ("start", "end")},
            "source": "",
            "target/permissions/mode": "0711|0755|0?755",
            "target/permissions/owner": "0|-1",
            "target/permissions/group": "0|-1",
            "target/permissions/label": ".*",
            # A pool of the test driver holds its volumes.
            "volume/target": "",
        },
        # A volume group has its directory below /dev.
        respelled=("target/path", "source/dir@path", "target/permissions/mode"),
        grown=("tests/storagepoolxml2xmlin/pool-logical-nopath.xml",),
        refused={
            "examples/xml/test/testnode.xml#5": "needs path, its directory",
            "tests/storagepoolschemadata/dir-missing-target-path-invalid.xml": "needs path, its directory",
        },
    ),
    "Volume": Trip(
        least=50,
        facts={"!pool": "default"},
        filled={
            "@type": ".*",
            **{f"{name}{at}": ".*" for name in ("allocation", "physical") for at in ("", "@unit")},
            **{f"backingStore/permissions/{name}": ".*" for name in ("mode", "owner", "group", "label")},
            **{f"target/permissions/{name}": ".*" for name in ("owner", "group", "label")},
            **{f"target/timestamps/{name}time": ".*" for name in "acm"},
            "key": ".*",
            "source": "",
            "target/path": ".*",
            "target/compat": "1.1",
            "target/features": "",
            "target/permissions/mode": "0600",
        },
        respelled=(
            "capacity",
            "capacity@unit",
            "target/clusterSize",
            "target/clusterSize@unit",
            "target/permissions/mode",
        ),
        refused={"tests/storagevolxml2xmlin/vol-qcow2-nocapacity.xml": "needs capacity"},
    ),
    "NwFilter": Trip(
        least=140,
        filled={
            "@chain": "root",
            "@priority": "0|-[4-8][05]0",
            "rule@priority": "500",
            "rule@statematch": "true|1",
            **{f"rule/{protocol}@match": "yes" for protocol in PROTOCOLS},
        },
        respelled=(
            "rule@statematch",
            *(f"rule/{protocol}@{end}ipmask" for protocol in PROTOCOLS for end in ("src", "dst")),
        ),
    ),
    "Secret": Trip(least=6, filled={"@private": "no", "@ephemeral": "no"}),
}


def said(xml: str) -> Counter[tuple[str, str]]:
    """Every value of a definition with its path, in no spelling but its own."""
    root = markup.parse(xml)
    for named in root.xpath("name | uuid"):
        root.remove(named)
    if root.tag == "filter":
        root.attrib.pop("name", None)
    found = Counter((f"@{name}", value) for name, value in root.items())
    for address, element in markup.walk(root, {}):
        path = re.sub(r"\[[^\]]*\]", "", address)
        found.update((f"{path}@{name}", value) for name, value in element.items())
        text = (element.text or "").strip()
        if text or not (len(element) or element.attrib):
            found[path, text] += 1
    return found


def manifest(name: str, each: Definition, trip: Trip) -> tuple[Document, str]:
    """The document that an import makes, read from its file as the next plan would, and its text."""
    own = defined_name(markup.parse(each.text)) or "x"
    ref = Ref(name, f"default/{own}" if name == "Volume" else own)
    found = Found(ref=ref, host="", where=each.path, xml=each.text, facts=trip.facts)
    text = draft(found, KINDS[name], SCHEMAS).text
    # What composition makes of a text that names nothing.
    filled = text.replace("$${", "${")
    reading = read(SourceFile("a.yaml", filled.encode()), SCHEMAS, ROOTS)
    assert reading.problems == ()
    return reading.documents[0], text


def travellers(name: str, collected: Callable[..., list[Definition]]) -> Iterator[Definition]:
    trip = TRIPS[name]
    every = collected(KINDS[name].root)
    assert len(every) >= trip.least
    assert {each.path for each in every} >= trip.refused.keys()
    return (each for each in every if each.path not in trip.refused)


@pytest.mark.parametrize("name", TRIPS)
def test_what_is_imported_is_as_its_manifest_says(name: str, collected: Callable[..., list[Definition]]) -> None:
    kind, trip = KINDS[name], TRIPS[name]
    for each in travellers(name, collected):
        document, text = manifest(name, each, trip)
        spec = kind.parse(document, Context("h"))
        observed = Observed(ref=spec.ref, uuid="", xml=each.text, facts=trip.facts)
        assert judged(kind, situation(kind, spec, observed)) == [], f"{each.path}\n{text}"


@pytest.mark.parametrize("name", TRIPS)
def test_what_is_made_from_the_manifest_is_what_was_imported(
    name: str, collected: Callable[..., list[Definition]]
) -> None:
    kind, trip = KINDS[name], TRIPS[name]
    for each in travellers(name, collected):
        document, text = manifest(name, each, trip)
        made = kind.render(kind.parse(document, Context("h")), None, ())
        there, here = said(each.text), said(made)
        lost = {
            (path, value)
            for path, value in (there - here) + (here - there)
            if path not in trip.respelled and not re.fullmatch(trip.filled.get(path, "(?!)"), value, re.DOTALL)
        }
        assert lost == set(), f"{each.path}\n{text}"
        # What has two spellings means the same.
        before, after = kind.read(each.text), kind.read(made)
        assert {at: (before[at], after[at]) for at in before.keys() & after.keys() if before[at] != after[at]} == {}, (
            each.path
        )


@pytest.mark.parametrize("name", TRIPS)
def test_a_manifest_made_of_what_the_manifest_makes_is_the_same(
    name: str, collected: Callable[..., list[Definition]]
) -> None:
    kind, trip = KINDS[name], TRIPS[name]
    for each in travellers(name, collected):
        document, text = manifest(name, each, trip)
        made = kind.render(kind.parse(document, Context("h")), None, ())
        again = manifest(name, Definition(each.path, each.root, made), trip)[1]
        assert (again == text) == (each.path not in trip.grown), each.path


@pytest.mark.parametrize("name", TRIPS)
def test_what_no_host_takes_is_refused_with_the_reason(name: str, collected: Callable[..., list[Definition]]) -> None:
    trip = TRIPS[name]
    for each in collected(KINDS[name].root):
        if each.path in trip.refused:
            with pytest.raises(HostError, match=trip.refused[each.path]):
                manifest(name, each, trip)
