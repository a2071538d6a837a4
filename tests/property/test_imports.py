"""Any domain that libvirt's schema takes: what an import writes of it says all of it and nothing else."""

import json
import re

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from reconciler.engine import compare
from reconciler.errors import ManifestError
from reconciler.kinds.domain import KIND
from reconciler.manifest.check import Schemas
from reconciler.model.inventory import NOTHING_APPLIED
from tests.kinds.domain.machines import parsed, situation
from tests.kinds.domain.test_collected import RELAX, imported, lost
from tests.property.test_domains import BODIES
from tests.property.test_overlays import PIECES

ALIAS = re.compile(r"\s*<alias name=[^>]*/>")
MORE = "<disk type='file' device='disk'><source file='/srv/more'/><target dev='vdzz' bus='virtio'/></disk>"
RELAXED = etree.RelaxNG(etree.parse(RELAX))


def written(body, pieces):
    """A definition with what a document and pieces of libvirt's XML say; another example if it is none."""
    try:
        text = KIND.render(parsed({**body, "xml": pieces} if pieces else body), None, ())
    except ManifestError:
        assume(False)
    root = etree.fromstring(text)
    # Modules of memory need cells (R216).
    assume(root.find("devices/memory") is None or root.find("cpu/numa") is not None)
    assume(RELAXED.validate(root))
    return text


@pytest.fixture(scope="module")
def schemas(root):
    return Schemas(["Domain"], lambda kind: (root / "schemas" / f"{kind}.json").read_text())


def named(text):
    """The names of disks, in order."""
    return [each["name"] for each in KIND.dump(KIND.read(text)).get("disks", ())]


@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(body=BODIES, pieces=st.one_of(st.just([]), PIECES), bare=st.booleans())
def test_an_import_says_all_of_a_domain_and_nothing_else(schemas, body, pieces, bare):
    text = written(body, pieces)
    if bare:
        # As people make them, without names for devices.
        text = ALIAS.sub("", text)
    spec, seen = imported(text, schemas)
    assert compare.compare(KIND, spec, situation(spec, seen).texts, NOTHING_APPLIED) == ()
    assert lost(spec, seen) == []
    texts = KIND.read(text)
    assert json.dumps(KIND.dump(texts)) == json.dumps(KIND.dump(KIND.read(text)))
    before, after = named(text), named(text.replace("</devices>", f"{MORE}</devices>"))
    assert after[: len(before)] == before and len(after) == len(before) + 1
