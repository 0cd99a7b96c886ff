"""A creation that got no answer may have been carried out: its client was refused, so nothing of it stays."""

from __future__ import annotations

from typing import Any

import pytest

from broker.errors import BrokerError, BrokerUnavailable
from broker.memory import MemoryStore
from broker.memory.predictions import MemoryPredictions
from broker.predictions.contract import Created, Order
from server.predictions.unwanted import AT_ONCE, MOST, Unwanted
from tests.contract.predictions.orders import created
from tests.unit.server.predictions.asking import ASYNC
from tests.unit.server.stand_in import RunningFrontEnd, ScriptedBroker, running, told

pytestmark = pytest.mark.anyio


class Deaf(MemoryPredictions):
    """Carries a creation out, and the connection is lost with the answer."""

    async def create(self, order: Order, most_bytes: int) -> Created:
        await super().create(order, most_bytes)
        raise BrokerUnavailable("lost")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(lambda: 1000.0)


def deaf(store: MemoryStore) -> ScriptedBroker:
    broker = ScriptedBroker()
    broker.predictions = Deaf(store)
    return broker


async def beat(jitney: RunningFrontEnd) -> None:
    """Another turn, and a beat with it."""
    keep = jitney.front_end.tasks.predictions
    keep._beat_at = 0.0
    await keep.ask(lambda broker: broker.epoch())
    await keep.ask(lambda broker: broker.epoch())


async def test_one_that_got_no_answer_is_forgotten_once_the_broker_answers(store: MemoryStore):
    async with running(deaf(store), quick=True) as jitney:
        refused = await jitney.ask("life", headers=ASYNC)
        assert told(refused) == (503, "broker_unavailable")

        await beat(jitney)

        assert (store.predictions, jitney.broker.jobs) == ({}, [])


async def test_one_with_a_key_stays_for_whoever_sends_it_again(store: MemoryStore):
    async with running(deaf(store), quick=True) as jitney:
        refused = await jitney.ask("life", headers=ASYNC | {"Idempotency-Key": "k"})
        assert told(refused) == (503, "broker_unavailable")

        await beat(jitney)

        assert len(store.predictions) == 1


async def test_what_could_not_be_forgotten_is_forgotten_later(store: MemoryStore):
    broker, unwanted = MemoryPredictions(store), Unwanted()
    ids = [await created(broker) for _ in range(AT_ONCE + 1)]
    for id in ids:
        unwanted.add(id)
    broker_away = Refusing(BrokerUnavailable("lost"))

    with pytest.raises(BrokerUnavailable):
        await unwanted.forget(broker_away)  # type: ignore[arg-type]
    await unwanted.forget(broker)
    left = list(store.predictions)
    await unwanted.forget(broker)

    assert (left, store.predictions) == (ids[-1:], {})


async def test_a_user_that_may_not_forget_them_holds_nothing_up(store: MemoryStore):
    unwanted = Unwanted()
    for at in range(MOST + 1):
        unwanted.add(str(at))

    for _ in range(MOST // AT_ONCE):
        await unwanted.forget(Refusing(BrokerError("denied")))  # type: ignore[arg-type]

    assert not unwanted._ids


class Refusing:
    def __init__(self, error: BrokerError) -> None:
        self._error = error

    async def remove(self, id: str) -> Any:
        raise self._error
