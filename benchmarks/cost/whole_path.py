"""Requests from HTTP to a model that takes no time and back: all that is spent is ours."""

from __future__ import annotations

import asyncio
import time

from benchmarks.cost.contract import NotMeasured, Run, Sent
from benchmarks.lib.envelope import TEXT, envelope
from benchmarks.lib.http_client import HttpClient, Reply, fast_run
from benchmarks.lib.stack import NAMESPACE, Child, Stack
from benchmarks.lib.summary import spread
from benchmarks.load.trace import sized
from benchmarks.spent.counting import spent_on
from benchmarks.spine import wrk
from broker.keys import Keys

NAME, SPEC = "synthetic", "synthetic:0ms+0ms"
BOUNDLESS = (
    "--max-queue-jobs 1000000 --max-queue-tokens 1000000000 --max-bytes-in-hand 4294967296 --default-timeout 600"
)
RECORDS = (
    100  # in each of many requests that come at once: larger ones a front end hands to threads, a few dozen at most
)
CLIENTS = (8, 256)  # that are many: at least, at most
MOST_JOBS = 2048  # that they have under way together, about
MOST_CHARACTERS = 500_000  # the same; of long texts a front end lets only some dozens wait (server/codecs/pool.py)
LIMITS_TAKEN_UP = 1.5  # seconds until a beat has surely brought the batcher its new limits
ANSWER_LIMIT = 120.0  # seconds
WARM_UP, LONE = 1, 2  # seconds: of the load that does not count, of the client that is alone
ENOUGH = 10_000  # jobs: fewer cost less than the clock of processor time can tell
MOST_REPEATS = 300


def how_many(records: int, characters: int) -> int:
    """Clients that send requests of this shape."""
    fewest, most = CLIENTS
    return max(fewest, min(most, MOST_JOBS // records, MOST_CHARACTERS // (records * characters)))


class WholePath:
    """One front end and one batcher. Its methods raise `NotMeasured`, `WrkFailed`, `OSError`."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._batcher = stack.start_batcher(NAME, SPEC)
        self._front_end: Child = stack.start_front_end(*BOUNDLESS.split())
        self._url = f"{self._front_end.url}/models/{NAME}"

    def wait_until_it_answers(self) -> None:
        """Raises `NotReady`."""
        self._stack.wait_until_it_answers(self._front_end, NAME)

    def send(self, varied: str, records: int, characters: int, seconds: int) -> Sent:
        """Requests of this shape: one client for a while, then many."""
        body = envelope([sized(TEXT, characters)] * records).decode()
        clients = how_many(records, characters)
        self._loop(body, records, clients, WARM_UP)
        return Sent(
            varied=varied,
            records=records,
            characters=characters,
            clients=clients,
            lone=self._loop(body, records, 1, LONE),
            busy=self._loop(body, records, clients, seconds),
        )

    def work_off(self, backlog: int) -> Run:
        """So many jobs that come at once, in requests as large as can be; a small backlog again and again."""
        records, requests = min(backlog, RECORDS), max(1, backlog // RECORDS)
        repeats = min(MOST_REPEATS, max(1, ENOUGH // backlog))

        def act() -> list[float]:
            return fast_run(_send_at_once(self._url, records, requests, repeats))

        (took, spent) = spent_on(act, self._stack, [self._batcher])
        found = spread(took)
        assert found is not None  # there is at least one request
        return Run(requests=requests * repeats, records=records, seconds=spent.seconds, p50=found.p50, spent=spent)

    def limit_batches(self, size: int) -> None:
        """From now on a batch holds at most `size` jobs."""
        self._stack.redis.hset(Keys(NAMESPACE).limits(NAME), "max_batch_size", str(size))
        time.sleep(LIMITS_TAKEN_UP)

    def _loop(self, body: str, records: int, clients: int, seconds: int) -> Run:
        def post() -> wrk.WrkRun:
            return wrk.run(self._url, body, connections=clients, seconds=seconds)

        run, spent = spent_on(post, self._stack, [self._batcher])
        if run.refused or not run.requests:
            raise NotMeasured(f"{run.refused} of {run.requests} requests of {records} records were not a 200")
        return Run(requests=run.requests, records=records, seconds=run.seconds, p50=run.p50, spent=spent)


async def _send_at_once(url: str, records: int, requests: int, repeats: int) -> list[float]:
    """Seconds that each request took."""
    took = []
    with HttpClient(url) as client:
        request = client.request("", envelope([TEXT] * records))

        async def one() -> None:
            started = time.perf_counter()
            reply = await client.send(request)
            took.append(time.perf_counter() - started)
            _expect_ok(reply)

        for _ in range(repeats):
            async with asyncio.timeout(ANSWER_LIMIT):
                await asyncio.gather(*(one() for _ in range(requests)))
    return took


def _expect_ok(reply: Reply) -> None:
    if reply.status != 200:
        raise NotMeasured(f"answered {reply.status}: {reply.body[:300].decode(errors='replace')}")
