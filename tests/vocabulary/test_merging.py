"""Pieces of libvirt's XML over the claims of fields: merged by identity, with what must not be there."""

import pytest

from reconciler import entries, markup, merging
from reconciler.codecs import TEXT
from reconciler.errors import ManifestError
from reconciler.fields import Field, Items, lower
from reconciler.model.documents import Document, Place
from reconciler.model.refs import Ref

IDENTITIES = {"devices/disk": ("alias", "target@dev"), "clock/timer": ("@name",), "devices/video": ()}
FIELDS = (
    Field(name="title", at="title", codec=TEXT, doc="A title.", example="x"),
    Items(
        name="disks",
        at="devices/disk",
        doc="Disks.",
        key="name",
        alias=True,
        fields=(
            Field(name="name", at="alias@name", codec=TEXT, doc="Its name.", example="root", noted=True),
            Field(name="target", at="target@dev", codec=TEXT, doc="Where.", example="vda"),
            Field(name="file", at="source@file", codec=TEXT, doc="Its image.", example="/x"),
            Field(name="cache", at="driver@cache", codec=TEXT, doc="Cache.", example="none"),
        ),
    ),
)
TABLE = entries.index(FIELDS)


def read(text):
    return markup.flatten(markup.parse(text), IDENTITIES, unit=1, default_unit=1)


FORM = merging.Format(root="domain", identities=IDENTITIES, table=TABLE, read=read)
ROOT = {"name": "root", "target": "vda", "file": "/x", "cache": "none"}


def laid(*pieces, places=None, **body):
    xml = list(pieces) if len(pieces) > 1 else pieces[0]
    places = places or {(): Place("web.yaml")}
    document = Document(ref=Ref("Domain", "web"), host=None, labels={}, body={**body, "xml": xml}, places=places)
    lowered = lower(FIELDS, body)
    merging.lay(lowered, document, FORM)
    return lowered


def refused(*pieces, **more):
    with pytest.raises(ManifestError) as caught:
        laid(*pieces, **more)
    return caught.value.problems


@pytest.mark.parametrize("mention", ["<target dev='vda'/>", "<alias name='ua-root'/>"])
def test_a_piece_reaches_into_the_device_that_a_field_declares(mention):
    lowered = laid(
        f"<domain><devices><disk>{mention}<driver io='native' cache='writeback'/></disk></devices></domain>",
        disks=[ROOT],
    )
    assert lowered.claims["devices/disk[root]/driver@io"] == "native"
    assert lowered.claims["devices/disk[root]/driver@cache"] == "writeback"
    assert not [address for address in lowered.claims if "vda]" in address]
    # The name stays the field's affair: it is not taken away with the piece.
    assert "devices/disk[root]/alias@name" not in lowered.claims


def test_a_whole_new_device_is_one_of_its_own():
    lowered = laid("<domain><devices><disk type='file'><target dev='vdb'/></disk></devices></domain>", disks=[ROOT])
    assert lowered.claims["devices/disk[vdb]"] == "" and lowered.claims["devices/disk[vdb]@type"] == "file"


@pytest.mark.parametrize("rest", ["<driver io='native'/>", ""])
def test_a_mention_of_a_device_that_no_field_declares_is_refused(rest):
    mark = "" if rest else " reconciler:remove='yes'"
    piece = f"<domain><devices><disk{mark}><target dev='vdb'/>{rest}</disk></devices></domain>"
    (problem,) = refused(piece, disks=[ROOT])
    assert problem.number == "R114" and "disks[vdb]" in problem.message
    # Of disks that no field lists, the host may have any.
    assert laid(piece).claims


def test_an_element_that_fits_two_devices_is_refused():
    disks = [{"name": "a", "file": "/x"}, {"name": "b", "file": "/x"}]
    (problem,) = refused(
        "<domain><devices><disk type='file'><source file='/x'/></disk></devices></domain>", disks=disks
    )
    assert problem.number == "R114" and "disks[a] and disks[b]" in problem.message


def test_an_element_that_must_not_be_there_takes_along_what_the_fields_say_of_it():
    lowered = laid(
        "<domain><devices><disk reconciler:remove='yes'><target dev='vda'/></disk></devices></domain>", disks=[ROOT]
    )
    assert lowered.claims == {"devices/disk[root]": None}
    # By its target the host's disk is still found.
    assert lowered.hints == {"devices/disk[root]/target@dev": "vda", "devices/disk[root]/alias@name": "ua-root"}


def test_attributes_that_must_not_be_there():
    lowered = laid(
        "<domain><devices><disk><target dev='vda'/><driver reconciler:remove='@cache @io'/></disk></devices></domain>",
        disks=[ROOT],
    )
    assert lowered.claims["devices/disk[root]/driver@cache"] is None
    assert lowered.claims["devices/disk[root]/driver@io"] is None
    assert not [address for address in lowered.claims if "remove" in address]


def test_later_pieces_win_by_identity():
    lowered = laid(
        "<domain><clock><timer name='rtc' track='wall'/><timer name='pit' present='no'/></clock>"
        "<title>one</title></domain>",
        "<domain><clock><timer name='rtc' track='guest'/><timer name='hpet' reconciler:remove='yes'/></clock></domain>",
        title="none",
    )
    assert lowered.claims["clock/timer[rtc]@track"] == "guest"
    assert lowered.claims["clock/timer[pit]@present"] == "no"
    assert lowered.claims["clock/timer[hpet]"] is None and lowered.claims["title"] == "one"


def test_a_later_piece_brings_back_what_an_earlier_one_took_away_and_the_other_way_round():
    gone, there = (
        "<domain><clock><timer name='rtc' reconciler:remove='yes'/></clock></domain>",
        "<domain><clock><timer name='rtc' track='wall'/></clock></domain>",
    )
    assert laid(gone, there).claims["clock/timer[rtc]@track"] == "wall"
    assert laid(there, gone).claims == {"clock/timer[rtc]": None}


def test_an_empty_element_is_claimed_and_one_that_only_holds_others_is_not():
    claims = laid("<domain><features><acpi/><kvm><hidden state='on'/></kvm></features></domain>").claims
    assert claims == {"features/acpi": "", "features/kvm/hidden@state": "on"}


def test_repeated_elements_without_identity_keep_their_order():
    claims = laid(
        "<domain><devices><video><model type='a'/></video><video><model type='b'/></video></devices></domain>"
    )
    assert [text for at, text in claims.claims.items() if at.endswith("@type")] == ["a", "b"]


@pytest.mark.parametrize(
    ("element", "said"),
    [
        ("<memballoon model='virtio' reconciler:remove='yes'/>", "has @model"),
        ("<memballoon reconciler:remove='no'/>", 'reconciler:remove="no"'),
        ("<memballoon reconciler:remove='model'/>", 'reconciler:remove="model"'),
        ("<memballoon reconciler:gone='yes'/>", "reconciler:gone"),
        ("<memballoon model='virtio' reconciler:remove='@model'/>", "@model"),
        ("<disk reconciler:remove='yes'><target dev='a'/><driver/><source file='/x'/></disk>", "has source@file"),
        (
            "<disk reconciler:remove='yes'><target dev='a'/></disk><disk type='file'><target dev='a'/></disk>",
            "one of the two",
        ),
    ],
)
def test_a_piece_that_contradicts_itself_is_refused_with_its_line(element, said):
    places = {
        (): Place("web.yaml"),
        ("spec", "xml"): Place("web.yaml", 4, 8, block=5),
    }
    (problem,) = refused(f"<domain>\n <devices>\n{element}\n</devices></domain>", places=places)
    assert problem.number == "R113" and said in problem.message
    assert problem.where == "web.yaml:7:5"


def test_the_whole_document_cannot_be_removed_by_its_own_xml():
    (problem,) = refused("<domain reconciler:remove='yes'/>")
    assert problem.number == "R113"


def test_every_contradiction_is_told():
    found = refused("<domain><a reconciler:remove='no'/><b reconciler:remove='no'/></domain>")
    assert [problem.number for problem in found] == ["R113", "R113"]
