"""What the tests of children share."""

from __future__ import annotations

from typing import Any

import pytest

from jitney.up.child import Backoff, Child
from tests.unit.jitney.ears import PATIENCE, Ear, MakeChild, tiny


@pytest.fixture
async def ear() -> Ear:
    return Ear()


@pytest.fixture
def make_child(ear: Ear) -> MakeChild:
    def make(program: str, grace: float = PATIENCE, **more: Any) -> Child:
        return Child(tiny(program, **more), say=ear, relay=ear, backoff=Backoff(first=0.001), grace=grace)

    return make
