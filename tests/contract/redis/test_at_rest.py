"""What stands in a server's keys, byte for byte: a process of this protocol that starts tomorrow must read it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from broker.history.contract import WriterBeat
from broker.messages import RECORD, Cancel, Failure, FailureCode, Lane, Span, Traffic
from tests.contract.predictions.orders import created, ending, tried
from tests.contract.worlds import FRONT_END, LIMITS, MODEL, RedisWorld, card, job, presence, request

CHANGED = "what is kept has changed: raise PROTOCOL in broker/keys.py, then write it here anew (docs/upgrade.md)"
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)]
ONE, TWO, THREE, FOUR = (digit * 32 for digit in "abcd")


def read(world: RedisWorld, name: str) -> Any:
    """A key's value; times count as T."""
    kind = world.server.type(name)
    if kind == b"list":
        return [timeless(one) for one in world.server.lrange(name, 0, -1)]
    if kind == b"hash":
        return {timeless(key): timeless(value) for key, value in world.server.hgetall(name).items()}
    if kind == b"zset":
        return sorted(timeless(member) for member in world.server.zrange(name, 0, -1))
    return timeless(world.server.get(name))


def timeless(value: bytes) -> bytes:
    return re.sub(rb"1[7-9]\d{11}", b"T" * 13, value)


async def fill(world: RedisWorld) -> None:
    """Something in every key that one process writes and another reads."""
    front_end, batcher, heart = await world.front_end(), await world.batcher(), world.heart()
    heart.announce(card(), {"a" * 64: b"file"})
    heart.beat(presence(), {})
    await front_end.settle_default("translation", "toy")
    spans = Span(parts=10_000, revision="r1"), Span(parts=90_000)
    await front_end.restore_traffic("toy", Traffic(spans=spans, sticky="caller"))
    jobs = [job(id=ONE), job(id=TWO), job(id=THREE)]
    await front_end.admit(1, [request(*jobs)], [])
    await front_end.admit(2, [request(job(id=FOUR), lane=Lane.BULK)], [Cancel(model=MODEL, ids=FOUR[:RECORD])])
    await batcher.drain("b1", LIMITS, staged=True, suspects=False)
    await batcher.drain("b1", LIMITS, staged=True, suspects=False)  # asked again
    await batcher.fail("b1", [Failure(job_id=THREE, code=FailureCode.MODEL_ERROR, message="no")])
    await (await world.history()).append_history([b"block"], 3)
    writer = await world.history_queue()
    await writer.beat_history(WriterBeat(writer="w", database="sqlite", written=5, error="no"))
    predictions = await world.predictions()
    for id in ("p1", "p2"):
        await created(predictions, id=id, key=f"key of {id}", fingerprint="f", has_hook=id == "p2")
    await predictions.add_rows("p1", FRONT_END, 0, [b"row 0", b"row 1"], 1)
    await predictions.finish(ending("p2"))
    await predictions.settle_hook("p2", 60.0, tried(status=503, fate="retried"))


TIME = b"T" * 13


def waiting(id: str) -> bytes:
    return b"4si0100000001" + 2 * TIME + b"f" * 16 + id.encode() + b"\x81\xa5input\x91\x07"


PREDICTION = {b"owner": FRONT_END.encode(), b"request": b"POST", b"records": b"1", b"done": b"0", b"failed": b"0"}
PREDICTION |= dict.fromkeys((b"created", b"deadline", b"expires"), TIME)

KEPT = {
    f"admit:{FRONT_END}": b"2 0:1",
    f"bell:{FRONT_END}": [b"1"],
    f"reply:{FRONT_END}": [b"4F\x91\x83\xa2id\xd9 " + THREE.encode() + b"\xa4code\xabmodel_error\xa7message\xa2no"],
    f"artifact:{'a' * 64}": b"file",
    "defaults": {b"translation": b"toy"},
    "traffic": {b"toy": b'{"spans":[{"parts":10000,"revision":"r1"},{"parts":90000}],"sticky":"caller"}'},
    "cancel:toy@r1": [FOUR[:RECORD].encode()],
    "leases:toy@r1": [b"b1"],
    "held:toy@r1": {b"b1": b"2 2", b"#jobs": b"2", b"#tokens": b"2"},
    "lease:b1": {
        b"order": f"{ONE}{TWO}{THREE}1".encode(),  # the digit: asked for again once
        b"staged": b"1",
        ONE.encode(): waiting(ONE),
        TWO.encode(): waiting(TWO),
    },
    "prediction:p1": PREDICTION | {b"state": b"queued", b"done": b"1", b"failed": b"1", b"bytes": b"1042"},
    "prediction:p2": PREDICTION
    | {b"state": b"succeeded", b"done": b"1", b"finished": TIME, b"bytes": b"1032", b"hook": b"0"},
    "prediction-body:p1": b"text",
    "prediction-rows:p1": [b"row 0", b"row 1"],
    f"prediction-result:p2:{FRONT_END}": b"done",
    "predictions:due": [b"p1"],
    "predictions:hooks": [b"p2"],
    "predictions:room": [b"p1:1042", b"p2:1032"],
    "predictions:bytes": b"2074",
    "webhooks:tries": [TIME + b" retried 503 1 e1e1e1e1-12345\xe2\x80\xa6 hooks.example"],
    "webhooks:fates": {b"retried": b"1"},
    "idem:key of p1": b"p1 f",
    "idem:key of p2": b"p2 f",
}


HISTORY = {b"trimmed": TIME, b"bytes": b"5", b"dropped": b"3", b"dropped_at": TIME, b"at": TIME}
HISTORY |= {b"writer": b"w", b"database": b"sqlite", b"written": b"5", b"error": b"no"}


async def test_what_is_kept_stays_as_it_is(world: RedisWorld) -> None:
    await fill(world)

    found = {name.removeprefix(world.keys.prefix): read(world, name) for name in world.names()}
    history = found.pop(world.keys.history), found.pop(world.keys.history_state)
    assert history == ([b"block"], HISTORY), CHANGED
    [announced], [present] = found.pop("cards").values(), found.pop("batchers").values()
    assert found.pop("epoch")
    assert found == KEPT, CHANGED
    # The bodies are in tests/unit/broker/test_golden_bytes.py.
    assert (announced[:14], present.partition(b"\n")[0]) == (TIME + b"\x8a", TIME + b"toy@r1"), CHANGED
