"""What the tests of requests share."""

from __future__ import annotations

import pytest

from tests.conftest import FakeClock
from tests.unit.server.requests.parts import Parts


@pytest.fixture
def parts(clock: FakeClock) -> Parts:
    return Parts(clock)
