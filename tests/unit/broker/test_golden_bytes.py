"""What travels, byte for byte: other processes of this protocol read it so, and are not asked first."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import pytest

from broker import header, registry, wire
from broker.keys import PROTOCOL, Keys
from broker.messages import (
    AdmitRequest,
    Cancel,
    Failure,
    FailureCode,
    Job,
    Lane,
    Limits,
    ModelCard,
    Presence,
    Result,
    Speed,
    Timing,
)
from broker.redis.front_end import RedisFrontEnd

FRONT_END = "fedcba9876543210"
MODEL = "toy@r1"
TOLD = "what a front end tells its own scripts has changed: no other process reads it, so write it here anew"
CHANGED = "what travels has changed: raise PROTOCOL in broker/keys.py, then write the new bytes here (docs/upgrade.md)"


def job(**fields: Any) -> Job:
    return Job(
        id="0123456789abcdef0123456789abcdef",
        front_end=FRONT_END,
        input={"ids": array("i", [5, -1]), "lang": "ja"},
        cost=17,
        lane=Lane.BULK,
        list=3,
        weight=9,
        attempts=2,
        admitted=1700000000.123,
        deadline=1700000060.5,
        **fields,
    )


HEADER = b"4sb392000001717000000001231700000060500fedcba98765432100123456789abcdef0123456789abcdef"
INPUT = b"\xa5input\x82\xa3ids\xd7\x01\x05\x00\x00\x00\xff\xff\xff\xff\xa4lang\xa2ja"
TIMING = Timing(queue=0.5, window=0.25, compute=2.0, batch_size=3)
CARD = ModelCard(
    name="toy",
    task="translation",
    codec="text",
    revision="r1",
    max_cost=5,
    labels=["a"],
    languages=["en"],
    artifacts={"v": "0"},
    options={"n": 1},
    description="d",
)
PRESENCE = Presence(
    batcher="b",
    model=MODEL,
    speed=Speed(fixed=0.5, per_job=0.25),
    room=2,
    room_tokens=3,
    cost=1.5,
    host="h",
    protocol=2,
    software="1.2.3",
)
RESULTS = [Result(job_id="a", output=array("f", [1.0]), timing=TIMING)]
FAILURES = [Failure(job_id="a", code=FailureCode.EXPIRED, message="late")]
POISONED = [Failure(job_id=one * 32, code=FailureCode.POISON, message=wire.POISON_MESSAGE) for one in "ab"]
FRAME = (
    b"4O\x91\x86\xa2id\xa1a\xa6output\xc4\x06\xd6\x02\x00\x00\x80?\xa5queue\xcb?\xe0\x00\x00\x00\x00\x00\x00"
    b"\xa6window\xcb?\xd0\x00\x00\x00\x00\x00\x00\xa7compute\xcb@\x00\x00\x00\x00\x00\x00\x00\xaabatch_size\x03"
)
CARD_BYTES = (
    b"\x8a\xa4name\xa3toy\xa4task\xabtranslation\xa5codec\xa4text\xa8revision\xa2r1\xa8max_cost\x05\xa6labels\x91\xa1a"
    b"\xa9languages\x91\xa2en\xa9artifacts\x81\xa1v\xa10\xa7options\x81\xa1n\x01\xabdescription\xa1d"
)
PRESENCE_BYTES = (
    b"\x89\xa7batcher\xa1b\xa5model\xa6toy@r1\xa5speed\x82\xa5fixed\xcb?\xe0\x00\x00\x00\x00\x00\x00"
    b"\xa7per_job\xcb?\xd0\x00\x00\x00\x00\x00\x00\xa4room\x02\xabroom_tokens\x03\xa4cost\xcb?\xf8\x00\x00\x00\x00\x00\x00"
    b"\xa4host\xa1h\xa8protocol\x02\xa8software\xa51.2.3"
)
LIMITS_BYTES = (
    b"\x8a\xa7batcher\xa1b\xa5model\xa6toy@r1\xa5speed\x82\xa5fixed\xcb\x00\x00\x00\x00\x00\x00\x00\x00"
    b"\xa7per_job\xcb\x00\x00\x00\x00\x00\x00\x00\x00\xa4room\x00\xabroom_tokens\x00"
    b"\xa4cost\xcb\x00\x00\x00\x00\x00\x00\x00\x00\xa4host\xa0\xa8protocol\x00\xa8software\xa0\xa6limits\x85"
    b"\xaemax_batch_size\x08\xb0max_batch_tokens\t\xa8max_wait\xcb?\xe0\x00\x00\x00\x00\x00\x00"
    b"\xa6policy\xa8adaptive\xa7version\x01"
)
WRITTEN = [
    pytest.param(wire.encode_job, wire.decode_job, job(), HEADER + b"\x81" + INPUT, id="job"),
    pytest.param(
        wire.encode_job,
        wire.decode_job,
        job(meta={"traceparent": "00-ab-cd-01"}),
        HEADER + b"\x82" + INPUT + b"\xa4meta\x81\xabtraceparent\xab00-ab-cd-01",
        id="job with meta",
    ),
    pytest.param(wire.encode_results, wire.decode_frame, RESULTS, FRAME, id="results"),
    pytest.param(
        wire.encode_failures,
        wire.decode_frame,
        FAILURES,
        b"4F\x91\x83\xa2id\xa1a\xa4code\xa7expired\xa7message\xa4late",
        id="failures",
    ),
    pytest.param(registry.encode_card, registry.decode_card, CARD, CARD_BYTES, id="card"),
    pytest.param(registry.encode_presence, registry.decode_presence, PRESENCE, PRESENCE_BYTES, id="presence"),
    pytest.param(
        registry.encode_presence,
        registry.decode_presence,
        Presence(
            batcher="b", model=MODEL, limits=Limits(max_batch_size=8, max_batch_tokens=9, max_wait=0.5, version=1)
        ),
        LIMITS_BYTES,
        id="presence with limits",
    ),
]


@pytest.mark.parametrize(("encode", "decode", "message", "golden"), WRITTEN)
def test_the_bytes_of_a_message_stay_as_they_are(encode: Any, decode: Any, message: Any, golden: bytes) -> None:
    assert encode(message) == golden, CHANGED
    assert decode(golden) == message, CHANGED


def test_the_bytes_of_a_job_whose_body_lies_apart_stay_as_they_are() -> None:
    whole = wire.encode_job(job())
    golden = b"4rb" + HEADER[3:] + b"0000000117"

    assert (wire.without_body(whole), wire.size_with_body(golden)) == (golden, len(whole)), CHANGED
    assert wire.decode_job(golden, b"\x81" + INPUT) == job(), CHANGED
    assert whole[header.SIZE :] == b"\x81" + INPUT, CHANGED


def test_poison_as_reclaim_writes_it_and_limits_as_operators_do_are_read_as_they_were() -> None:
    entry = {b"max_batch_size": b"8", b"max_batch_tokens": b"9", b"max_wait": b"0.5", b"policy": b"fixed"}
    limits = Limits(max_batch_size=8, max_batch_tokens=9, max_wait=0.5, policy="fixed", version=1)

    assert wire.decode_frame(b"4P" + b"a" * 32 + b"b" * 32) == POISONED, CHANGED
    assert registry.decode_limits(entry | {b"version": b"1"}, Limits()) == limits, CHANGED


CODES = """invalid_input too_large contended no_batcher broker_unavailable broker_full expired model_error poison"""


def test_no_failure_code_goes_and_a_new_one_needs_no_new_protocol() -> None:
    assert set(CODES.split()) <= {code.value for code in FailureCode}, CHANGED


KEYS = """
    q:toy@r1:bulk tokens:toy@r1:bulk bytes:toy@r1:bulk turn:toy@r1:bulk q:toy@r1:bulk:7 body:0
    suspect:toy@r1 wake:toy@r1 leases:toy@r1 lease:b held:toy@r1 reply:f bell:f admit:f
    cancel:toy@r1 dead:toy@r1 limits:toy artifact:0 cards batchers defaults traffic epoch
"""


def test_the_keys_stay_as_they_are() -> None:
    keys = Keys("house")
    by_model = [keys.suspects(MODEL), keys.wake(MODEL), keys.leases(MODEL), keys.lease("b"), keys.held(MODEL)]
    by_front_end = [keys.reply("f"), keys.bell("f"), keys.admit("f")]
    others = [keys.cancel(MODEL), keys.dead(MODEL), keys.limits("toy"), keys.artifact("0"), keys.cards, keys.batchers]
    by_lane = [of(MODEL, "bulk") for of in (keys.queue, keys.tokens, keys.lane_bytes, keys.turn)]
    written = [*by_lane, keys.list(MODEL, "bulk", 7), keys.body("0"), *by_model, *by_front_end, *others]

    golden = [f"jitney:{{house}}:4:{name}" for name in KEYS.split()]
    assert [*written, keys.defaults, keys.traffic, keys.epoch] == golden, CHANGED


class Recorder:
    """Takes a front end's commands and says yes to each."""

    def __init__(self) -> None:
        self.commands: list[tuple[Any, ...]] = []

    async def trip(self, *commands: Sequence[Any]) -> list[bytes]:
        self.commands += map(tuple, commands)
        return [b"0:1" for _ in commands]


@pytest.mark.anyio
async def test_what_admissions_and_cancellations_say_stays_as_it_is() -> None:
    server: Any = Recorder()
    front_end = RedisFrontEnd(server, Keys("house"), FRONT_END, (10, 100, 1000), 5.0)
    wish = AdmitRequest(
        model=MODEL,
        jobs=[job()],
        time_left=2.5,
        lane=Lane.BULK,
        most_ahead=4,
        room=8,
        batch=16,
        room_tokens=32,
        batch_tokens=64,
        list=3,
        weight=9,
    )

    await front_end.admit(7, [wish], [])
    await front_end.admit(8, [], [Cancel(model=MODEL, ids="0123456789abcdef")])

    names = f"admit:{FRONT_END} q:{MODEL}:interactive q:{MODEL}:bulk tokens:{MODEL}:interactive tokens:{MODEL}:bulk"
    names += f" bytes:{MODEL}:interactive bytes:{MODEL}:bulk"
    names += f" turn:{MODEL}:interactive turn:{MODEL}:bulk wake:{MODEL}"
    keys = [f"jitney:{{house}}:4:{name}" for name in names.split()]
    told = (7, 10, 100, 1000, "jitney:{house}:4:body:", 1, "jitney:{house}:4:held:toy@r1", 0)
    words = (*told, "0 b39 2500 4 8 16  32 64 1 0", HEADER + b"\x81" + INPUT)
    admitted, cancelled = [command[2:] for command in server.commands]
    assert admitted == (10, *keys, *words), TOLD
    assert cancelled == (1, "jitney:{house}:4:cancel:toy@r1", 1, "0123456789abcdef"), TOLD


def test_the_version_that_the_bytes_are_of_is_the_one_in_force() -> None:
    assert PROTOCOL == 4, "write this protocol's bytes here"
