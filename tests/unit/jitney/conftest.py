"""What the tests of children share."""

from __future__ import annotations

from typing import Any

import pytest

from jitney.up.child import Child, RestartDelay
from tests.unit.jitney.children import LIMIT, MakeChild, Output, tiny


@pytest.fixture
async def output() -> Output:
    return Output()


@pytest.fixture
def make_child(output: Output) -> MakeChild:
    def make(program: str, grace: float | None = LIMIT, is_watched: bool = False, **more: Any) -> Child:
        delay = RestartDelay(first=0.001)
        return Child(tiny(program, **more), say=output, relay=output, delay=delay, grace=grace, is_watched=is_watched)

    return make
