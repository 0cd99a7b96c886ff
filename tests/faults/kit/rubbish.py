"""Bytes that no honest client, front end or batcher would write, by the place in which they are found."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping

import msgpack

from broker import header
from broker.messages import Job, Result, Timing
from broker.wire import FRAME_FAILURES, FRAME_POISON, FRAME_RESULTS, encode_job, encode_results

DICE = random.Random(20_240_229)
FRONT_END = "f" * 16
FILLS_A_LANE = "a cost beyond any budget"  # until it is claimed there is no room for anybody else


def noise(size: int) -> bytes:
    return DICE.randbytes(size)


def live_job(body: object = "rubbish", *, cost: bytes = b"0000001", front_end: bytes = FRONT_END.encode()) -> bytes:
    """A job whose header a script takes for good, for a minute."""
    now = time.time()
    job = Job(id=f"{DICE.getrandbits(128):032x}", front_end=FRONT_END, input=body, admitted=now, deadline=now + 60.0)
    data = bytearray(encode_job(job))
    data[header.PLACES["cost"]] = cost
    data[header.PLACES["front_end"]] = front_end.ljust(16)[:16]
    return bytes(data)


def with_body(body: bytes) -> bytes:
    return live_job()[: header.SIZE] + body


def jobs() -> Mapping[str, list[bytes]]:
    """What may be found in a queue, by what is wrong with it."""
    return {
        "noise": [noise(DICE.randrange(0, 300)) for _ in range(2_000)],
        "jobs cut short": [live_job()[:end] for end in range(header.SIZE + 4)],
        "ids cut short": [live_job()[:end] for end in range(header.PLACES["id"].start + 1, header.SIZE)] * 4,
        "numbers that are none": [
            live_job(cost=cost)
            for cost in (b"    nan", b"-000009", b"    inf", b"0x7ffff", b"1e99999", b"1_000_0", b"\0" * 7)
        ],
        FILLS_A_LANE: [live_job(cost=b"9999999")],
        "front ends that are none": [live_job(front_end=noise(16)) for _ in range(20)],
        "inputs that no model takes": [live_job(body) for body in (None, 2**63, -1.5, {"a": [1]}, [[]] * 9, b"\xff")],
        "a megabyte of empty maps": [with_body(b"\xdd\x00\x0f\xff\xff" + b"\x80" * 0xFFFFF)],
        "more elements than may be": [with_body(b"\xdd\x7f\xff\xff\xff"), with_body(b"\xdf\x7f\xff\xff\xff")],
        "deep nesting": [with_body(b"\x91" * 100_000 + b"\x90"), with_body(b"\x91" * 900 + b"\x90")],
        "unknown extensions": [with_body(ext) for ext in (b"\xd4\x63\x00", b"\xc7\x05\xff12345", b"\xc7\x03\x01abc")],
        "text that is none": [with_body(b"\xa1\xff"), with_body(b"\xa3\xed\xa0\x80")],
        "ten megabytes": [with_body(b"\xc6" + (10 << 20).to_bytes(4, "big") + noise(10 << 20)), noise(10 << 20)],
    }


def frames(count: int) -> Iterator[bytes]:
    """What may be found in a reply list."""
    good = encode_results([Result(job_id="0" * 32, output="nobody asked", timing=Timing())])
    timing = {"queue": 0.0, "window": 0.0, "compute": 0.0, "batch_size": 1}
    row = {"id": "0" * 32, "output": b"\xa1x", **timing}
    kinds = [
        b"",
        good,
        good[: len(good) // 2],
        FRAME_POISON + b"z" * 33,
        FRAME_RESULTS + msgpack.packb(5),
        FRAME_RESULTS + msgpack.packb([row | {"id": ["a", "list"]}]),
        FRAME_RESULTS + msgpack.packb([row | {"queue": "soon"}]),
        FRAME_RESULTS + msgpack.packb([row | {"compute": float("nan")}]),
        FRAME_RESULTS + msgpack.packb([row | {"batch_size": {}}]),
        FRAME_FAILURES + msgpack.packb([{"id": {"a": 1}, "code": "expired", "message": "x"}]),
        FRAME_FAILURES + msgpack.packb([{"id": "0" * 32, "code": "unheard of", "message": "x"}]),
        FRAME_FAILURES + msgpack.packb([{"id": "0" * 32, "code": "expired", "message": [1]}]),
        FRAME_RESULTS + b"\xdd\x7f\xff\xff\xff",
    ]
    for number in range(count):
        yield kinds[number % len(kinds)] if number % 2 else noise(40)


def now() -> bytes:
    """The stamp of this moment, as entries of the registry begin with."""
    return b"%013d" % int(time.time() * 1000)


def cards() -> list[bytes]:
    """What may be found among the cards."""
    odd = {"name": "odd", "task": "t", "codec": "text", "revision": "r"}
    others = {"name": 5, "task": [], "codec": {}, "revision": None, "max_cost": "many", "languages": 3}
    strange = [{"codec": "unheard of"}, {"artifacts": {"a": "b"}}, {"revision": "r" * 99_999}]
    bodies = [*map(msgpack.packb, [{}, others, *(odd | one for one in strange)]), b"\x91" * 100_000, b""]
    return [b"\x00\xff noise", b"          nan" + msgpack.packb(odd), *(now() + body for body in bodies)]


def presences(model: str) -> list[bytes]:
    """What may be found among the batchers; none of it can be read as one of them, or none is of this time."""
    honest = {"batcher": "x", "model": model, "room": 5, "speed": {"fixed": 3600.0}}
    others = {"batcher": [], "model": {}, "room": "big", "speed": 3}
    bad = [others, *(honest | one for one in ({"room": -5}, {"speed": {"fixed": float("nan")}}, {"speed": {1: "1"}}))]
    front = model.encode() + b"\n"
    found = [stamp + front + msgpack.packb(honest) for stamp in (b"9" * 13, b"          nan", b"-999999999999", b"")]
    return [*found, now() + front + b"noise", now(), *(now() + front + msgpack.packb(row) for row in bad)]
