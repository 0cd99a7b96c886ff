"""Orders and endings of predictions, as tests need them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from broker.predictions.contract import Created, Ending, HookTry, Order, PredictionBroker, State
from tests.contract.worlds import FRONT_END, LONG

OTHER = "e" * 16
ROOM = 1 << 20  # bytes


def order(**fields: Any) -> Order:
    given = {"id": uuid4().hex, "owner": FRONT_END, "request": b"POST", "body": b"text", "records": 1}
    return Order(**(given | {"time_left": LONG, "keep": LONG} | fields))


def ending(of: Order | str, **fields: Any) -> Ending:
    id = of if isinstance(of, str) else of.id
    given = {"id": id, "owner": FRONT_END, "state": State.SUCCEEDED, "result": b"done", "done": 1, "failed": 0}
    return Ending(**(given | {"keep": LONG} | fields))


def tried(**fields: Any) -> HookTry:
    given = {"prediction": "e1e1e1e1-12345…", "host": "hooks.example", "status": 204, "tries": 1, "fate": "delivered"}
    return HookTry(**(given | fields))


async def created(broker: PredictionBroker, most: int = ROOM, **fields: Any) -> str:
    """The id of one that was."""
    return (await ordered(broker, most, **fields)).id


async def ordered(broker: PredictionBroker, most: int = ROOM, **fields: Any) -> Created:
    return await broker.create(order(**fields), most)


async def state_of(broker: PredictionBroker, id: str) -> State | None:
    found = (await broker.read([id])).get(id)
    return found.state if found is not None else None
