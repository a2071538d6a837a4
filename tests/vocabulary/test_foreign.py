"""Elements of other namespaces: carried as they were written, recognised however they are spelled."""

import pytest

from reconciler import foreign, markup
from reconciler.errors import ReconcilerError
from tests.vocabulary.test_markup import IDENTITIES, flat

APP = (
    '<x:app xmlns:x="urn:x" b="2" a="1"><!-- kept --><x:k> v  w </x:k>\n   <x:mixed>one<x:b>two</x:b> three</x:mixed>'
    "<?pi data?><![CDATA[<raw>]]></x:app>"
)
DOMAIN = f"<domain>\n  <metadata>{APP}</metadata>\n  <memory>5</memory>\n</domain>"


def test_what_others_wrote_is_carried_to_the_letter():
    assert flat(DOMAIN)["metadata/{urn:x}app"] == APP


def test_a_change_elsewhere_leaves_it_to_the_letter():
    root = markup.parse(DOMAIN)
    markup.graft(root, [("memory", "6"), ("vcpu", "2")], IDENTITIES)
    assert APP in markup.serialise(root)
    assert APP in markup.serialise(markup.parse(markup.serialise(root)))


def test_it_is_written_to_the_letter_in_the_place_of_the_former_one():
    root = markup.parse("<d><metadata><x:app xmlns:x='urn:x'/><y:z xmlns:y='urn:y'/></metadata></d>")
    markup.graft(root, [("metadata/{urn:x}app", APP)], IDENTITIES)
    text = markup.serialise(root)
    assert APP in text and text.index(APP) < text.index("urn:y")


def test_a_namespace_declared_further_out_comes_along_and_no_other():
    texts = flat("<d xmlns:q='urn:q' xmlns:unused='urn:u'><q:one><q:two/></q:one></d>")
    assert texts == {"{urn:q}one": '<q:one xmlns:q="urn:q"><q:two/></q:one>'}


def test_several_of_one_name_are_told_apart():
    texts = flat("<d xmlns:q='urn:q'><q:one a='1'/><q:one a='2'/></d>")
    assert list(texts) == ["{urn:q}one", "{urn:q}one[1]"]
    root = markup.parse("<d/>")
    markup.graft(root, texts.items(), IDENTITIES)
    assert [element.get("a") for element in root] == ["1", "2"]


@pytest.mark.parametrize(
    "other",
    [
        "<app xmlns='urn:x' a='1'><k>v</k></app>",
        '<y:app xmlns:y="urn:x" a="1"><!-- c -->\n  <y:k>v</y:k>\n</y:app>',
    ],
)
def test_prefixes_comments_and_layout_make_no_difference(other):
    assert foreign.same('<x:app xmlns:x="urn:x" a="1"><x:k>v</x:k></x:app>', other)


@pytest.mark.parametrize(
    "other",
    [
        '<x:app xmlns:x="urn:x"><x:k>v</x:k>tail</x:app>',
        '<x:app xmlns:x="urn:x"><x:k>w</x:k></x:app>',
        '<x:app xmlns:x="urn:x"><x:k> v</x:k></x:app>',
        '<x:app xmlns:x="urn:other"><x:k>v</x:k></x:app>',
    ],
)
def test_content_and_namespaces_do(other):
    assert not foreign.same('<x:app xmlns:x="urn:x"><x:k>v</x:k></x:app>', other)


QEMU = "<q:c xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>{}</q:c>"


def test_the_order_of_arguments_counts_but_not_how_they_stand_among_the_environment():
    one = QEMU.format("<q:arg value='1'/><q:env name='A'/><q:arg value='2'/>")
    assert foreign.same(one, QEMU.format("<q:arg value='1'/><q:arg value='2'/><q:env name='A'/>"))
    assert not foreign.same(one, QEMU.format("<q:arg value='2'/><q:arg value='1'/><q:env name='A'/>"))


def test_well_known_prefixes_need_no_declaration_in_a_piece():
    root = markup.parse_piece(
        "<!-- ours -->\n<domain><qemu:commandline><qemu:arg value='-s'/></qemu:commandline></domain>"
    )
    assert root[0].tag == "{http://libvirt.org/schemas/domain/qemu/1.0}commandline"
    declared = "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><qemu:commandline/></domain>"
    assert markup.parse_piece(declared)[0].tag == root[0].tag


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("<domain><qemu:commandline/><a></domain>", "f:1:40"),
        ("<domain>\n<qemu:commandline/><a></domain>", "f:2:32"),
        ("<domain><unknown:thing/></domain>", "f:1:23"),
        ("<domain><!DOCTYPE d><qemu:arg/></domain>", "f:1:10"),
    ],
)
def test_a_mistake_in_a_piece_is_told_at_its_own_place(text, where):
    with pytest.raises(ReconcilerError) as caught:
        markup.parse_piece(text, "f")
    (problem,) = caught.value.problems
    assert problem.number == "R110" and problem.where == where
