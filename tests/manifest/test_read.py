"""From one file to documents: resources in YAML, and libvirt's own XML."""

from __future__ import annotations

import pytest

from reconciler.manifest.read import Reading, read
from reconciler.model.refs import Ref
from reconciler.ports import SourceFile
from tests.app import kinds
from tests.app.kinds import document

ROOTS = {"domain": "Domain", "network": "Network", "pool": "Pool", "volume": "Volume"}


def reading(content: str | bytes, path: str = "f.yaml") -> Reading:
    content = content if isinstance(content, bytes) else content.encode()
    return read(SourceFile(path, content), kinds.schemas(), ROOTS)


def numbers(found: Reading) -> list[tuple[str, str]]:
    return [(problem.where, problem.number) for problem in found.problems]


def test_a_yaml_document_keeps_the_place_of_every_value() -> None:
    (found,) = reading("# c\n" + document("Domain", "web", "{disks: [{name: a}]}")).documents
    assert found.ref == Ref("Domain", "web")
    assert found.place() == "f.yaml:2:1"
    assert found.place("spec", "disks", 0, "name") == "f.yaml:5:23"
    assert found.place("spec", "disks", 0, "size") == "f.yaml:5:16"


@pytest.mark.parametrize(("spec", "name"), [("{}", "default/a"), ("{pool: ssd}", "ssd/a")])
def test_a_volume_is_called_by_its_pool_and_name(spec: str, name: str) -> None:
    assert reading(document("Volume", "a", spec)).documents[0].ref == Ref("Volume", name)


def test_a_digest_tells_content_and_not_layout() -> None:
    def digest(text: str) -> str:
        return reading(text).documents[0].digest

    text = document("Domain", "web", "{vcpus: 2, title: a}")
    assert digest(text) == digest(f"# moved\n{text}".replace("vcpus: 2, title: a", "title: 'a',  vcpus: 2"))
    assert digest(text) != digest(text.replace("2", "3"))
    assert digest(text) != digest(text.replace("name: web", "name: web, host: hv1"))


def test_a_profile_is_named_beside_the_body() -> None:
    (found,) = reading(document("Domain", "web", "{profile: small, vcpus: 1}")).documents
    assert (found.profiles, found.body) == (("small",), {"vcpus": 1})


def test_a_wrong_document_is_named_and_its_neighbours_are_read() -> None:
    found = reading(document("Domain", "web", "{vcpu: 1}") + "---\n" + document("Volume", "v"))
    assert [each.ref for each in found.documents] == [Ref("Volume", "default/v")]
    assert (found.broken, numbers(found)) == ((Ref("Domain", "web"),), [("f.yaml:4:8", "R203")])


def test_a_trap_is_one_mistake_and_not_two() -> None:
    assert numbers(reading(document("Domain", "web", "{vcpus: 010, title: 1}"))) == [
        ("f.yaml:4:15", "R108"),
        ("f.yaml:4:27", "R204"),
    ]


def test_several_wrong_documents_are_all_told() -> None:
    assert numbers(reading("a: 1\n---\n[]\n---\n" + document("Nothing", "x"))) == [
        ("f.yaml:1:1", "R201"),
        ("f.yaml:3:1", "R201"),
        ("f.yaml:6:7", "R202"),
    ]


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("<domain type='kvm'><name> web 1 </name></domain>", Ref("Domain", "web 1")),
        (
            "<?xml version='1.0' encoding='UTF-8'?>\n<!-- ours --><network><name>lan</name></network>",
            Ref("Network", "lan"),
        ),
        ("\ufeff<pool type='dir'><name>ssd</name></pool>", Ref("Pool", "ssd")),
        ("<volume><name>a.qcow2</name></volume>", Ref("Volume", "default/a.qcow2")),
    ],
)
def test_a_libvirt_definition_is_a_resource(text: str, ref: Ref) -> None:
    (found,) = reading(text, "f.xml").documents
    assert (found.ref, found.host, found.body) == (ref, None, {})
    assert found.xml == text.removeprefix("\ufeff")


BOMB = "<!DOCTYPE d [<!ENTITY a 'xxxx'><!ENTITY b '&a;&a;&a;&a;'>]><domain><name>&b;</name></domain>"
FILE = "<!DOCTYPE d [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><domain><name>&a;</name></domain>"


@pytest.mark.parametrize(
    ("text", "place", "number"),
    [
        ("<domain>", "f.xml:1:", "R110"),
        ("", "f.xml:1:1", "R110"),
        ("<domain>\n<name>&x;</name></domain>", "f.xml:2:", "R110"),
        (BOMB, "f.xml:1:1", "R110"),
        (FILE, "f.xml:1:1", "R110"),
        ("<d>" * 100_000, "f.xml:1:", "R110"),
        ("\n<html/>", "f.xml:2:1", "R111"),
        ("<x:domain xmlns:x='urn:x'><name>a</name></x:domain>", "f.xml:1:1", "R111"),
        ("<domain/>", "f.xml:1:1", "R205"),
        ("<domain><name> </name></domain>", "f.xml:1:1", "R205"),
        ("<domain>\n<name>a/b</name></domain>", "f.xml:2:1", "R206"),
        ("<domain><name>..</name></domain>", "f.xml:1:1", "R206"),
        ("<domain><name>a&#10;b</name></domain>", "f.xml:1:1", "R206"),
        (b"<domain><name>\xe4</name></domain>", "f.xml:1:15", "R102"),
        ("<?xml version='1.0' encoding='latin-1'?><domain/>", "f.xml:1:1", "R102"),
        ("<domain>" + " " * (4 << 20), "f.xml:1:1", "R103"),
    ],
)
def test_xml_that_is_no_resource_is_refused_at_its_place(text: str | bytes, place: str, number: str) -> None:
    found = reading(text, "f.xml")
    ((where, told),) = numbers(found)
    assert (told, found.documents) == (number, ())
    assert where.startswith(place)
