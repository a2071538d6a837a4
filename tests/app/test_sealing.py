"""Between the places where secret values are kept and libvirt there are seals only."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from reconciler.app.desired import Desired
from reconciler.app.sealing import resolved, sealed
from reconciler.app.settings import Selection
from reconciler.errors import trouble
from reconciler.kind import Context
from reconciler.kinds import KINDS
from reconciler.model.documents import Document, Observed, Spec
from reconciler.model.plans import Define, KindStep
from reconciler.model.refs import Ref
from reconciler.model.secrets import Reference, Seal, Secret, is_reference, is_seal
from tests.kinds.steering import Still

VALUE = 'a"<&'
REF = Ref("Domain", "web")
XML = """<domain type='qemu'><name>web</name><devices>
<disk type='network'><source protocol='https' name='x'><cookies><cookie name='c'>hunter2&lt;</cookie></cookies></source>
<target dev='vda'/></disk>
<graphics type='vnc' passwd='hunter2'/></devices></domain>"""


class Keeper:
    """A vault with these values; it notes what it was asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values, self.asked = values, []

    def value(self, reference: Reference) -> Secret:
        self.asked.append(reference.at[0])
        if reference.at[0] not in self.values:
            raise trouble("R615", f"{reference}: it is not there")
        return Secret(self.values[reference.at[0]].encode())


@pytest.fixture
def seal() -> Seal:
    return Seal(lambda: b"k" * 32)


def spec_of(seal: Seal, name: str, password: object) -> Spec:
    kind = sealed(KINDS, seal)["Domain"]
    body = {"type": "qemu", "graphics": [{"type": "vnc", "password": password}]}
    return kind.parse(Document(ref=Ref("Domain", name), host=None, labels={}, body=body), Context("h"))


def desired(*specs: Spec) -> Desired:
    return Desired(specs={("h", spec.ref): spec for spec in specs}, hosts={}, revision=None, owners=("me",))


AT = "devices/graphics[vnc]@passwd"


def test_what_is_observed_has_seals_in_place_of_passwords_and_cookies(seal: Seal, monkeypatch) -> None:
    seen = Observed(ref=REF, uuid="", xml=XML, live=XML, digest="of all")
    monkeypatch.setitem(_kinds := dict(KINDS), "Domain", _looking(seen))
    kind = sealed(_kinds, seal)["Domain"]
    (found,) = kind.observe(None)
    assert found == kind.look(None, REF)
    assert "hunter2" not in f"{found}" and found.digest not in ("", "of all")
    texts = kind.read(found.xml)
    assert is_seal(texts[AT])
    assert sum(map(is_seal, texts.values())) == 2


def _looking(seen: Observed):
    from dataclasses import replace

    return replace(KINDS["Domain"], observe=lambda handle: iter((seen,)), look=lambda handle, ref: seen)


def test_an_object_without_secrets_is_left_as_it_is(seal: Seal) -> None:
    plain = Observed(ref=REF, uuid="", xml="<domain/>", digest="d")
    assert list(sealed({"Domain": _looking(plain)}, seal)["Domain"].observe(None)) == [plain]


def test_only_the_call_to_libvirt_has_the_value(seal: Seal) -> None:
    from dataclasses import replace

    done = []
    kind = replace(KINDS["Domain"], perform=lambda handle, ref, step, clock: done.append(step))
    token = seal.close(VALUE)
    steps = (Define(f"<g passwd='{token}'/>"), KindStep("update", {"xml": f"<g passwd='{token}'/>", "alone": token}))
    for step in steps:
        sealed({"Domain": kind}, seal)["Domain"].perform(None, REF, step, Still())
    escaped = "<g passwd='a&quot;&lt;&amp;'/>"
    assert done == [Define(escaped), KindStep("update", {"xml": escaped, "alone": VALUE})]


def test_a_value_in_the_document_itself_and_one_from_outside_have_one_seal(seal: Seal) -> None:
    plain, kept = spec_of(seal, "web", VALUE), spec_of(seal, "web", {"file": "/a"})
    assert is_seal(plain.claims[AT]) and is_reference(kept.claims[AT])
    found, locked = resolved(desired(kept), KINDS, Selection(), Keeper({"/a": VALUE}), seal)
    assert locked == {}
    assert found.specs["h", REF].claims == plain.claims


def test_a_spec_has_another_digest_when_the_value_rotates(seal: Seal) -> None:
    spec = spec_of(seal, "web", {"file": "/a"})
    first, same, other = (
        resolved(desired(spec), KINDS, Selection(), Keeper({"/a": value}), seal)[0].specs["h", REF].digest
        for value in ("one", "one", "two")
    )
    assert first == same != other


def test_what_cannot_be_read_locks_its_resource_alone(seal: Seal) -> None:
    specs = spec_of(seal, "web", {"file": "/none"}), spec_of(seal, "db", {"file": "/a"})
    found, locked = resolved(desired(*specs), KINDS, Selection(), Keeper({"/a": VALUE}), seal)
    (problem,) = locked.values()
    assert list(locked) == [("h", REF)]
    assert problem.message == "Domain/web graphics[vnc].password: file /none: it is not there"
    assert is_seal(found.specs["h", Ref("Domain", "db")].claims[AT])


def test_a_value_that_xml_cannot_hold_is_refused(seal: Seal) -> None:
    _, locked = resolved(
        desired(spec_of(seal, "web", {"file": "/a"})), KINDS, Selection(), Keeper({"/a": "x\0y"}), seal
    )
    assert (
        "characters" in locked["h", REF].message and "x" not in locked["h", REF].message.partition(": the value")[2][:2]
    )


def test_only_selected_resources_are_asked_for_and_each_place_once(seal: Seal) -> None:
    specs = [spec_of(seal, name, {"file": f"/{name[:1]}"}) for name in ("a1", "a2", "b1")]
    keeper = Keeper({"/a": "x", "/b": "y"})
    resolved(desired(*specs), KINDS, Selection(exclude=(Ref("Domain", "b1"),)), keeper, seal)
    assert keeper.asked == ["/a"]
    resolved(desired(*specs), KINDS, Selection(refs=(Ref("Domain", "b1"),)), keeper, seal)
    assert keeper.asked == ["/a", "/b"]


def test_kinds_without_secrets_are_as_they_were(seal: Seal) -> None:
    assert sealed(KINDS, seal)["Network"] is KINDS["Network"]
