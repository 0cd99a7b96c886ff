"""Front ends stall, go deaf and die, and their clients hang up; no answer is lost on those who still wait."""

from __future__ import annotations

import asyncio
import json
import random
import time
from typing import Any

from benchmarks.lib.http_client import parse
from tests.faults.kit.oracle import KEYS, check_answers, check_nothing_left, recovery
from tests.faults.kit.proxy import proxy_to
from tests.faults.kit.report import record
from tests.faults.kit.traffic import PATH, traffic, wait_for_more
from tests.integration.processes import HOST, FrontEnd
from tests.integration.stack import Stack, stack
from tests.waiting import until

SPEC = "synthetic:20ms+1ms"
READER = b"reply:"  # what the reply reader says, and no other connection of a front end
STALL = 3.0  # seconds
CLIENTS, AT_ONCE = 1000, 100
LONGEST_STAY = 0.06  # seconds: about as long as an answer takes
PATIENT = 0.2  # of the clients stay until they have their answer


def test_answers_wait_for_a_front_end_whose_event_loop_stands_still() -> None:
    with stack(models=[SPEC], front_ends=2) as system:
        stalled, other = system.front_ends
        with traffic([stalled.url], rate=60) as late, traffic([other.url], rate=60) as prompt:
            wait_for_more(late, 60)
            stalled.pause()
            since = time.monotonic()
            until(lambda: frames(system), "answers wait for it", within=10.0)
            time.sleep(max(0.0, since + STALL - time.monotonic()))
            stalled.resume()
            resumed = time.monotonic()
            wait_for_more(late, 60)

        check_answers(late)
        check_answers(prompt)
        check_nothing_left(system)
    record(f"a front end stalls for {STALL:g} s: after its return", recovery(late, resumed))
    record(f"a front end stalls for {STALL:g} s: clients of the other one", recovery(prompt, since))


def frames(system: Stack) -> int:
    """Answers that nobody has fetched."""
    names: Any = system.redis.keys(KEYS.reply("*"))
    return sum(system.redis.llen(name) for name in names)


def reads(system: Stack) -> bool:
    """What /readyz says of the reply reader."""
    return any(check["name"] == "reader" and check["ok"] for check in system.get("/readyz").json()["checks"])


def test_a_reader_in_a_black_hole_says_so_and_brings_every_answer_once_that_is_lifted() -> None:
    with stack(models=[SPEC], front_ends=0) as system, proxy_to(system.broker.url) as proxy:
        system.start_front_end(JITNEY_REDIS_URL=proxy.url)
        system.wait_live()
        with traffic(system.urls, rate=60) as calls:
            wait_for_more(calls, 30)
            with proxy.black_hole(only=READER):  # new connections too
                until(lambda: not reads(system), "/readyz says that nothing comes back")
            since = time.monotonic()
            until(lambda: reads(system), "/readyz says that it reads again")
            wait_for_more(calls, 60)

        check_answers(calls)
        check_nothing_left(system)
    assert recovery(calls, since) < 3.0
    record("the reply reader's link a black hole: after it was lifted", recovery(calls, since))


def test_a_front_end_that_is_killed_takes_nobody_with_it_and_leaves_nothing() -> None:
    with stack(models=["synthetic:200ms+1ms"], front_ends=2) as system:  # long, so that some are always under way
        victim, other = system.front_ends
        with traffic([victim.url], rate=60) as lost, traffic([other.url], rate=60) as calls:
            wait_for_more(lost, 30)
            since = time.monotonic()
            victim.kill()
            wait_for_more(calls, 60)

        assert frames(system), "its answers should wait for it, until their time is over"
        check_answers(calls)
        check_answers([call for call in lost if call.ended < since])
        check_nothing_left(system)
    record("a front end killed: clients of the other one", recovery(calls, since))


def test_a_thousand_clients_that_hang_up_at_random_moments_leave_nothing_and_nobody_gets_anothers_answer() -> None:
    with stack(models=[SPEC]) as system:
        front_end = system.front_ends[0]
        asyncio.run(crowd(front_end, AT_ONCE, patient=1.0))  # all that is made on first use is there now
        before = connections(system)

        answered = asyncio.run(crowd(front_end, CLIENTS, patient=PATIENT))

        assert PATIENT * CLIENTS / 2 < answered < CLIENTS, "the moments are not random enough"
        until(lambda: front_end.waiting() == 0, "nobody waits any more", within=10.0)
        assert connections(system) == before
        check_nothing_left(system)


async def crowd(front_end: FrontEnd, clients: int, *, patient: float) -> int:
    """So many clients, a hundred at a time; how many had their answer, each its own."""
    dice, at_once = random.Random(7), asyncio.Semaphore(AT_ONCE)

    async def visit(number: int) -> bool:
        stay = 30.0 if dice.random() < patient else dice.uniform(0.0, LONGEST_STAY)
        async with at_once:
            return await visitor(front_end, f"nonce {number} of {clients}", stay)

    return sum(await asyncio.gather(*(visit(number) for number in range(clients))))


async def visitor(front_end: FrontEnd, text: str, stay: float) -> bool:
    """Asks, and hangs up after `stay` seconds; whether there was an answer by then. It must be the right one."""
    reader, writer = await asyncio.open_connection(HOST, front_end.port)
    body = json.dumps({"payload": {"records": [{"id": text, "text": text}]}}).encode()
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n".encode())
    writer.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    received = b""
    try:
        async with asyncio.timeout(stay):
            while (reply := parse(received)) is None:
                more = await reader.read(1 << 16)
                assert more, f"{text!r} was hung up on: {received!r}"
                received += more
    except TimeoutError:
        return False
    finally:
        writer.transport.abort()
    assert (reply.status, json.loads(reply.body)) == (200, {"result": [{"id": text, "text": text[::-1]}]})
    return True


def connections(system: Stack) -> int:
    """The front end's to the broker; a batcher opens its own as it needs them."""
    clients: Any = system.redis.client_list()
    return sum(client["name"].startswith("jitney-front-end") for client in clients)
