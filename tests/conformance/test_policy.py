"""No place for a path in libvirt's formats escapes a policy: each one that the schemas have is judged, or is free for a
reason that is written down."""

from __future__ import annotations

import pytest

from reconciler.model.documents import Spec
from reconciler.model.refs import Ref
from reconciler.policy.judge import violations
from reconciler.policy.parts import DEVICES, PARTS
from reconciler.policy.places import FREE, TABLE, place_of
from reconciler.policy.policies import parse
from reconciler.policy.words import WORDS
from tests.conformance.schema_leaves import leaves

FILES = {
    "Domain": "domain.rng",
    "Network": "network.rng",
    "Pool": "storagepool.rng",
    "Volume": "storagevol.rng",
    "NwFilter": "nwfilter.rng",
    "Secret": "secret.rng",
}
PATHS = {"absFilePath", "filePath", "absDirPath", "dirPath", "vmwarePath"}
NOTHING = parse({word.name: [] for word in WORDS}, "the policy")


def typed_paths():
    for kind, file in FILES.items():
        for shape, types in sorted(leaves(file).items()):
            if types & PATHS:
                yield pytest.param(kind, shape, id=f"{kind}-{shape}")


def refused(kind: str, shape: str, text: str) -> bool:
    around = {"devices/interface": {"devices/interface@type": "direct"}}.get(shape.partition("/source")[0], {})
    spec = Spec(ref=Ref(kind, "x"), host="", claims={**around, shape: text})
    return any(each.address == shape for each in violations((NOTHING,), spec, {}))


def test_the_walk_through_the_schemas_finds_what_is_known_to_be_there():
    found = leaves("domain.rng")
    assert len(found) > 2000
    assert "absFilePath" in found["devices/disk/backingStore/source@file"]
    assert {"devices/disk/mirror/source@dev", "os/nvram@template", "@type"} <= found.keys()


@pytest.mark.parametrize(("kind", "shape"), list(typed_paths()))
def test_a_place_for_a_path_is_judged_whatever_is_written_there(kind: str, shape: str):
    place = place_of(kind, shape)
    if place is not None and place.word == FREE:
        assert place.why
        return
    assert refused(kind, shape, "/etc/shadow")
    assert refused(kind, shape, "etc/shadow") or shape.endswith(("interface/source@dev", "/source/device@path"))


@pytest.mark.parametrize("kind", FILES)
def test_a_path_anywhere_else_is_judged_too(kind: str):
    """Whatever its type in the schema: a text with a slash at its beginning is a path unless the table says no."""
    unjudged = {
        shape
        for shape in leaves(FILES[kind])
        if "*" not in shape
        and ((place := place_of(kind, shape)) is None or not (place.word == FREE and place.why))
        and not refused(kind, shape, "/etc/shadow")
    }
    choices = {shape for shape in unjudged if (place := place_of(kind, shape)) is not None and place.choose is not None}
    assert unjudged - choices == set()


def test_each_free_place_says_why():
    assert [place for place in TABLE if place.word == FREE and not place.why] == []


def test_each_word_of_a_place_is_one_of_the_policy():
    assert {place.word for place in TABLE} - {word.name for word in WORDS} == {FREE}


def test_every_part_and_device_of_the_schema_is_known():
    shapes = leaves("domain.rng")
    tops = {shape.partition("/")[0].partition("@")[0] for shape in shapes} - {""}
    named = {shape.split("/")[1].partition("@")[0] for shape in shapes if shape.startswith("devices/")}
    assert named - DEVICES == set()
    # Of QEMU's and other namespaces, and VMware's own: the walk does not tell namespaces.
    foreign = {"commandline", "capabilities", "override", "namespace", "datacenterpath"}
    assert tops - PARTS - foreign == set()


def test_with_the_preset_a_part_that_the_program_does_not_know_is_refused():
    guarded = parse({"preset": "guarded"}, "the policy")
    for address, part in (("devices/new[0]@mode", "devices/new"), ("new/thing", "new")):
        spec = Spec(ref=Ref("Domain", "x"), host="", claims={address: "harmless"})
        assert [(each.word, each.value) for each in violations((guarded,), spec, {})] == [("elements", part)]
