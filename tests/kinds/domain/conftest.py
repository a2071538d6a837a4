"""What the tests of the Domain kind share."""

import pytest

from tests.kinds.domain.machines import Oracle


@pytest.fixture(scope="session")
def oracle(tmp_path_factory):
    found = Oracle(tmp_path_factory.mktemp("oracle"))
    yield found
    found.close()
