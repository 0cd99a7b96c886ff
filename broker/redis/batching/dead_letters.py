"""Jobs that have crashed too many batchers, as RECLAIM answers them: whose they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from broker.errors import BrokerError, WireError
from broker.header import text
from broker.keys import Keys
from broker.messages import NO_META, DeadLetter
from broker.redis.bodies import fetch
from broker.redis.client import Client
from broker.wire import decode_job, lies_apart


async def letters_of(client: Client, keys: Keys, model: str, dead: Sequence[bytes]) -> list[DeadLetter]:
    """One for each of these jobs."""
    bodies = await _bodies_of(client, keys, dead)
    return [_letter(model, data, bodies.get(text(data, "id"))) for data in dead]


async def _bodies_of(client: Client, keys: Keys, dead: Sequence[bytes]) -> Mapping[str, bytes]:
    """Of those whose bodies lie apart, as far as they are there: they say whose these were."""
    apart = [data for data in dead if lies_apart(data)]
    try:
        return await fetch(client, keys, apart, lambda: ("TIME",))
    except BrokerError:
        return {}


def _letter(model: str, data: bytes, body: bytes | None) -> DeadLetter:
    try:
        meta = decode_job(data, body).meta
    except WireError:
        meta = NO_META
    return DeadLetter(job_id=text(data, "id"), model=model, meta=meta)
