"""Live limits: what an operator sets, a beat brings to the batchers of that model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.contract.worlds import LIMITS, World, presence

pytestmark = pytest.mark.anyio


async def test_without_live_limits_a_beat_brings_none(world: World) -> None:
    assert world.heart().beat(presence(), {}).limits is None


async def test_a_beat_brings_the_live_limits_of_its_model(world: World) -> None:
    live = replace(LIMITS, max_batch_size=7, max_batch_tokens=99, max_wait=0.25, policy="fixed", version=3)

    world.set_limits("toy", live)

    assert world.heart("toy@r9").beat(presence(model="toy@r9"), {}).limits == live
    assert world.heart("other@r1").beat(presence(model="other@r1"), {}).limits is None
