"""A cache's server of each kind that is installed, other than the broker's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from broker.embedded import Binary
from tests.faults.kit.broker_process import BrokerProcess, broker_process
from tests.faults.kit.proxied import PROGRAMS

EVICTING = ("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lfu")


@pytest.fixture(params=PROGRAMS, ids=lambda binary: binary.family)
def program(request: pytest.FixtureRequest) -> Binary:
    return request.param


@pytest.fixture
def server(program: Binary) -> Iterator[BrokerProcess]:
    """One that answers."""
    with broker_process(*EVICTING, binary=program) as made:
        yield made
