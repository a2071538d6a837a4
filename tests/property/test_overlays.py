"""Any pieces of XML over any document on libvirt itself: they arrive, they are taken back, and others' things stay."""

from functools import cache

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from reconciler.engine import compare
from reconciler.errors import ManifestError
from reconciler.kinds.domain import KIND
from reconciler.kinds.domain.absent import of_the_moment
from reconciler.model.inventory import NOTHING_APPLIED
from reconciler.model.plans import Disruption
from tests.kinds.domain.machines import Oracle, judged, observed, parsed, situation
from tests.kinds.pieces import piece, schema_of
from tests.property.test_domains import BODIES, left, remembered, understood

pytestmark = pytest.mark.e2e

SCHEMA = schema_of(KIND)
# What says which machine it is, or where on a bus a device sits: not a matter of chance.
FIXED = ("name", "uuid", "@", "os", "cpu", "vcpu", "memory", "currentMemory", "iothread", "devices/emulator")
PLACES = [
    place
    for place in SCHEMA.places()
    if not (place.startswith(FIXED) or "/address" in place or "/zpci" in place or of_the_moment(place))
]
NOTE = '<t:note xmlns:t="urn:theirs" b="2" a="1"><!-- theirs --><t:k> v </t:k></t:note>'


@cache
def made(place):
    text = piece(SCHEMA, place)
    return text.replace(' type="qemu"', "", 1)


PIECES = st.lists(st.sampled_from(PLACES).map(made), min_size=1, max_size=3, unique=True)


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    found = Oracle(tmp_path_factory.mktemp("oracle"))
    yield found
    found.close()


def overlaid(body, pieces):
    try:
        return parsed({**body, "xml": pieces})
    except ManifestError:
        assume(False)


def changed(oracle, spec, seen, applied):
    """The host after a plan with nothing but the definition in it."""
    here, found = judged(spec, seen, applied=applied)
    assume(all(item.decision.disruption < Disruption.REPLACE for item in found))
    text = KIND.render(spec, here, [item.diff for item in found])
    assume(not oracle.refusal(text))
    return observed(oracle.stored(text))


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(body=BODIES, pieces=PIECES)
def test_pieces_arrive_and_are_taken_back_and_what_others_wrote_stays(oracle, body, pieces):
    plain, whole = understood(body), overlaid(body, pieces)
    bare = KIND.render(plain, None, ())
    assume(not oracle.refusal(bare) and not oracle.refusal(KIND.render(whole, None, ())))
    theirs = oracle.stored(oracle.stored(bare).replace("<memory ", f"<metadata>{NOTE}</metadata>\n  <memory ", 1))
    note = theirs[theirs.index("<t:note") : theirs.index("</t:note>")]
    before = observed(theirs)

    seen = changed(oracle, whole, before, remembered(plain, before))
    here = situation(whole, seen)
    found = compare.compare(KIND, whole, here.texts, NOTHING_APPLIED)
    # The apply fails and says so.
    assume(not any(compare.is_dropped(diff) for diff in found))
    assert left(whole, seen) == []
    assert note in seen.xml

    back = changed(oracle, plain, seen, remembered(whole, seen))
    assert left(plain, back, remembered(whole, seen), KIND.read(theirs)) == []
    assert note in back.xml
