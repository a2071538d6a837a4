"""Any two documents in a row on libvirt itself: after each, the machine is what the document says and nothing is left."""

import jsonschema
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from reconciler import shapes
from reconciler.engine import compare
from reconciler.errors import ManifestError
from reconciler.kinds.domain import KIND
from reconciler.model.inventory import NOTHING_APPLIED, Applied
from reconciler.model.plans import Define
from tests.kinds.domain.machines import Oracle, examples, judged, merged, nested, observed, parsed, situation, updated
from tests.kinds.domain.test_every_field import BESIDE, ELSEWHERE, INSTEAD

pytestmark = pytest.mark.e2e
SCHEMA = jsonschema.Draft202012Validator(shapes.schema(KIND.fields))
