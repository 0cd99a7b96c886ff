"""More than the card can do: what is taken is answered in time, the rest is refused at once, and nothing piles up."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from threading import Event, Thread

import pytest

from broker.keys import Keys
from broker.messages import Lane, Speed
from broker.registry import decode_presence
from server.fleet.discovery import PERIOD
from tests.faults.kit.oracle import check_answers, check_nothing_left
from tests.faults.kit.report import record
from tests.faults.kit.traffic import ask, traffic
from tests.integration.stack import NAMESPACE, Stack, stack
from tests.waiting import until

pytestmark = pytest.mark.timeout(150)
FIXED, PER_JOB, ROOM = 0.040, 0.002, 16  # a pace, so slow that whoever sends three times as much is not the bottleneck
CAPACITY = ROOM / (FIXED + PER_JOB * ROOM)  # jobs a second: 222
PACE = f"synthetic:{FIXED * 1000:g}ms+{PER_JOB * 1000:g}ms"
LOAD_SECONDS = 20.0
SETTLED_AFTER = 5.0  # seconds of load after which nothing grows any more
TIMEOUT = 2.0  # seconds that a request may take
RECOVERY = 2.0  # seconds after the load, then all is as before
LATE_SHARE = 0.01  # of the requests that were taken: a machine that stands still for a moment makes some late
GROWTH = 8 * 2**20  # bytes
KEYS = Keys(NAMESPACE)


def test_three_times_the_capacity_leaves_goodput_deadlines_and_memory_as_they_are() -> None:
    with stack((PACE,), max_batch_size=ROOM) as system:
        learn_speed(system)
        before = latency(system)

        with traffic(system.urls, rate=3 * CAPACITY, headers={"X-Request-Timeout": f"{TIMEOUT:g}"}) as calls:
            began = time.monotonic()
            time.sleep(SETTLED_AFTER)
            early = memory(system)
            time.sleep(LOAD_SECONDS - SETTLED_AFTER)
            late, ended = memory(system), time.monotonic()
        time.sleep(max(0.0, ended + RECOVERY - time.monotonic()))
        after = latency(system)

        fates = check_answers(calls, errors={429, 504})
        goodput = sum(call.status == 200 and call.ended <= ended for call in calls) / (ended - began)
        record("three times the capacity for 20 s: latency afterwards, above what it was", max(0.0, after - before))
        print(f"goodput {goodput:.0f}/s of {CAPACITY:.0f}/s, fates {dict(fates)}, memory {early} → {late}")
        assert goodput >= 0.9 * CAPACITY
        assert fates[504] <= LATE_SHARE * (fates[200] + fates[504])
        assert fates[429] >= sum(fates.values()) / 3
        assert {name: size for name, size in late.items() if size > early[name] + GROWTH} == {}
        assert after <= 3 * before + 0.1
        check_nothing_left(system)


@pytest.mark.parametrize(
    ("bounds", "text", "most"),
    [
        pytest.param({"max_queue_jobs": 100}, "nonce {}", 100, id="in jobs"),
        pytest.param({"max_queue_tokens": 1000}, "ten words " * 4 + "nonce {}", 100, id="in tokens"),
        # Fewer, for large ones wait for a thread that reads them.
        pytest.param({"max_queue_bytes": 404_000}, "nonce {} " + "x" * 20_000, 20, id="in bytes"),
    ],
)
def test_the_queue_is_bounded_whoever_comes_at_once(bounds: dict[str, int], text: str, most: int) -> None:
    with stack((PACE,), front_ends=2, max_batch_size=ROOM, **bounds) as system, Watcher(system) as watcher:
        system.batchers[0].pause()

        calls = ask(system.urls, texts=[text.format(n) for n in range(5 * most)], headers={"X-Request-Timeout": "3"})
        system.batchers[0].resume()

        fates = check_answers(calls, errors={429, 504})
        # What the batcher was blocked for when it was paused is claimed on its behalf: one batch at most.
        assert most <= fates[200] + fates[504] <= most + ROOM
        assert most - ROOM <= watcher.most_jobs <= most
        assert watcher.most_tokens <= bounds.get("max_queue_tokens", 10 * most)
        check_nothing_left(system)


def test_without_a_batcher_every_request_is_refused_soon_and_told_when_to_come_back() -> None:
    with stack((PACE,)) as system:
        system.batchers[0].kill()
        killed = time.monotonic()

        until(lambda: refused(system), "requests are refused", within=15.0)
        calls = ask(system.urls, 50)

        record("no batcher left: until new requests get 503", time.monotonic() - killed)
        assert check_answers(calls, errors={503}) == {503: 50}


def refused(system: Stack) -> bool:
    [call] = ask(system.urls, headers={"X-Request-Timeout": "0.3"})
    check_answers([call], errors={503, 504})
    return call.status == 503


class Watcher:
    """Looks at the queue again and again, as long as the block lasts."""

    def __init__(self, system: Stack) -> None:
        self.most_jobs = self.most_tokens = 0
        self._client = system.redis
        self._stopping = Event()
        self._thread = Thread(target=self._look_for_ever, name="watcher")

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *ended: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _look_for_ever(self) -> None:
        while not self._stopping.wait(0.005):
            lanes: list[bytes] = list(self._client.scan_iter(KEYS.queue("*", Lane.INTERACTIVE), count=1000))
            for lane in lanes:
                tokens = self._client.get(lane.replace(b":q:", b":tokens:", 1))
                self.most_jobs = max(self.most_jobs, self._client.llen(lane))
                self.most_tokens = max(self.most_tokens, int(tokens or 0))


def learn_speed(system: Stack) -> None:
    """The batcher has measured itself, said so, and the front end has looked. Before that nobody is refused."""
    ask(system.urls)  # a batch of one, for batches of one size alone tell nothing of the fixed part
    ask(system.urls, 3 * ROOM)
    until(lambda: speed(system).fixed > 0.0, "the batcher knows its speed")
    time.sleep(3 * PERIOD)


def speed(system: Stack) -> Speed:
    entries: list[bytes] = system.redis.hvals(KEYS.batchers)
    return decode_presence(entries[0].partition(b"\n")[2]).speed


def latency(system: Stack) -> float:
    """Of a lone request, as a rule."""
    calls = [call for _ in range(9) for call in ask(system.urls)]
    check_answers(calls)
    return median(call.seconds for call in calls)


def memory(system: Stack) -> dict[str, int]:
    """Bytes by who has them."""
    processes = {process.title: resident(process.pid) for process in (*system.batchers, *system.front_ends)}
    return {**processes, "broker": int(system.redis.info("memory")["used_memory"])}


def resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))
