"""Any two documents in a row on libvirt itself: each is carried out, and nothing of the first is left."""

from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from reconciler import shapes
from reconciler.engine import compare
from reconciler.entries import implied
from reconciler.errors import ManifestError
from reconciler.kinds.domain import KIND, devices
from reconciler.model.inventory import NOTHING_APPLIED, Applied
from reconciler.model.plans import Disruption
from tests.kinds.domain.machines import Oracle, examples, judged, merged, nested, observed, parsed, situation
from tests.kinds.domain.test_every_field import BESIDE, DEVICES, ELSEWHERE, INSTEAD

pytestmark = pytest.mark.e2e

SCHEMA = jsonschema.Draft202012Validator(shapes.schema(KIND.fields))
CASES = Path(__file__).parent.parent / "kinds/domain/devices/cases"
# What says nothing of a definition, or what only another host has.
OUTSIDE = {"profile", "type", "arch", "machine", "xml", "uuid", "power", "autostart", *DEVICES}
MACHINE = {"type": "qemu", "machine": "q35", "power": "stopped"}


def fields():
    """The smallest body for each field of the machine itself, with what it needs."""
    for path, value in examples(KIND.fields):
        name = ".".join(path)
        if path[0] not in OUTSIDE and name not in ELSEWHERE:
            yield merged(BESIDE.get(name, {}), nested(path, INSTEAD.get(name, value)))


def device_bodies():
    """The bodies of the device cases that stand on their own."""
    for file in sorted(CASES.glob("*.yaml")):
        for case in yaml.safe_load(file.read_text()):
            if not {"head", "machine", "refused"} & set(case):
                yield case["body"]


def together(parts):
    body = MACHINE
    for part in parts:
        body = merged(body, part)
    return body


BODIES = st.tuples(
    st.lists(st.sampled_from(list(fields())), max_size=4), st.lists(st.sampled_from(list(device_bodies())), max_size=4)
).map(lambda parts: together([*parts[0], *parts[1]]))


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    found = Oracle(tmp_path_factory.mktemp("oracle"))
    yield found
    found.close()


def understood(body):
    """The Spec of a body; another example if it is no valid document."""
    assume(SCHEMA.is_valid(body))
    try:
        return parsed(body)
    except ManifestError:
        assume(False)


def remembered(spec, seen):
    return Applied(claims=spec.claims, settled=compare.settle(KIND, spec, situation(spec, seen).texts))


def left(spec, seen, before=NOTHING_APPLIED, natural=()):
    """What still differs, with what came `before`; what libvirt itself puts into such a machine is `natural`."""
    here, settled = situation(spec, seen), remembered(spec, seen).settled
    texts, known = here.texts, compare.as_named(before, here.renamed).claims
    found = compare.compare(KIND, spec, texts, Applied(claims=known, settled=settled))
    return [
        diff for diff in found if diff.after is not None or not (diff.address in natural or _by_itself(diff, texts))
    ]


def _by_itself(diff, texts):
    """Whether libvirt writes this of its own accord where nobody says it."""
    return diff.before == implied(KIND.table, diff.address) or devices.is_noise(diff.address, texts)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(first=BODIES, second=BODIES)
def test_whatever_a_machine_was_it_becomes_what_the_document_says(oracle, first, second):
    old, new = understood(first), understood(second)
    there, fresh = KIND.render(old, None, ()), KIND.render(new, None, ())
    assume(not oracle.refusal(there) and not oracle.refusal(fresh))
    seen = observed(oracle.stored(there))
    assert left(old, seen) == []
    applied = remembered(old, seen)
    here, found = judged(new, seen, applied=applied)
    assume(all(item.decision.disruption < Disruption.REPLACE for item in found))
    after = observed(oracle.stored(KIND.render(new, here, [item.diff for item in found])))
    assert left(new, after, applied, KIND.read(oracle.stored(fresh))) == []
