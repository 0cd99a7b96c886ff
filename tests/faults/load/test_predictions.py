"""Ten thousand predictions, by several front ends at once: in the end the broker counts and holds nothing of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

from broker.keys import Keys
from broker.predictions.contract import TRIMMED, PredictionBroker
from broker.redis import connect_front_end
from tests.contract.predictions.orders import created, ending
from tests.faults.kit.broker_process import broker_process
from tests.waiting import until

ALL, FRONT_ENDS = 10_000, 8
MOST = 1 << 30  # bytes
BRIEF = 0.2  # seconds that a result is kept
KEYS = Keys("many")


@asynccontextmanager
async def front_ends(url: str) -> AsyncIterator[dict[str, PredictionBroker]]:
    async with AsyncExitStack() as stack:
        found = {}
        for number in range(FRONT_ENDS):
            name = f"{number}" * 16
            made = await stack.enter_async_context(aclosing(await connect_front_end(url, KEYS.namespace, name)))
            found[name] = made.predictions
        yield found


async def run_some(name: str, broker: PredictionBroker, count: int) -> None:
    """Some end and expire, some are removed, some are left to expire while they are open."""
    dice = random.Random(name)
    for _ in range(count):
        body = b"x" * dice.randrange(3_000)
        id = await created(broker, MOST, owner=name, body=body, time_left=BRIEF, keep=BRIEF, runs=True)
        for step in dice.sample(["finish", "remove", "remove"], dice.randrange(4)):
            if step == "finish":
                await broker.finish(ending(id, owner=name, result=body, keep=BRIEF))
            else:
                await broker.remove(id)


async def run_all(url: str) -> None:
    async with front_ends(url) as found:
        await asyncio.gather(*(run_some(name, broker, ALL // FRONT_ENDS) for name, broker in found.items()))


async def trim(url: str) -> None:
    """Each beat takes a hundred that have expired off the sum: no other creation is needed."""
    async with front_ends(url) as found:
        [name, broker], *_ = found.items()
        for _ in range(ALL // TRIMMED + 1):
            await broker.beat(name, [], 0)


def test_of_ten_thousand_predictions_nothing_is_counted_in_the_end() -> None:
    with broker_process() as server, server.client() as client:
        asyncio.run(run_all(server.url))
        until(lambda: not client.keys(KEYS.prediction("*")), "all of them have expired")

        asyncio.run(trim(server.url))

        assert client.get(KEYS.predictions_bytes) is None
        assert client.zcard(KEYS.predictions_room) == 0
        assert client.keys(KEYS.prediction_body("*")) == []
