"""Groups are made one request at a time, never on the event loop, and for nobody who has gone."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from starlette.types import Message

from server.clustering import communities
from server.clustering.contract import ThresholdTooLow
from tests.unit.server.clustering.angles import angles, payload
from tests.unit.server.stand_in import RunningFrontEnd, told
from tests.unit.server.test_metrics import samples

pytestmark = pytest.mark.anyio
GROUP = communities.communities_of


class Gate:
    """Holds up every grouping until it is opened, and says which have begun, by how many records they have."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.threads: set[str] = set()
        self.ended: list[str] = []
        self._may_end = threading.Event()

    def open(self) -> None:
        self._may_end.set()

    def __call__(self, vectors: Mapping[int, Any], threshold: float, check: Callable[[], None]) -> Any:
        self.begun.append(len(vectors))
        self.threads.add(threading.current_thread().name)
        try:
            while not self._may_end.wait(0.001):
                check()
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise
        return GROUP(vectors, threshold, check)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate()
    monkeypatch.setattr(communities, "communities_of", made)
    yield made
    made.open()


def ask(jitney: RunningFrontEnd, count: int, **headers: str) -> asyncio.Task[Any]:
    asked = payload(*range(count))
    return asyncio.create_task(jitney.client.post("/clustering", json=asked, headers=headers))


async def until(is_true: Callable[[], Any]) -> None:
    while not is_true():
        await asyncio.sleep(0.001)


async def everything_embedded(jitney: RunningFrontEnd, jobs: int) -> None:
    await until(lambda: len(jitney.broker.jobs) == jobs and not len(jitney.front_end.pending))


async def test_a_second_request_waits_for_its_turn(gate: Gate) -> None:
    async with angles() as jitney:
        first, second = ask(jitney, 2), ask(jitney, 3)
        await everything_embedded(jitney, 5)
        await until(lambda: gate.begun)
        begun = list(gate.begun)
        gate.open()

        statuses = [(await one).status_code for one in (first, second)]

        assert (begun, sorted(gate.begun), statuses) == ([begun[0]], [2, 3], [200, 200])
        assert len(gate.threads) == 1 and "MainThread" not in gate.threads


async def test_other_requests_go_on_meanwhile_in_threads_too(gate: Gate) -> None:
    async with angles() as jitney:
        grouping = ask(jitney, 2)
        await until(lambda: gate.begun)

        answer = await jitney.client.post("/embedding", json=payload(*range(200)), timeout=30)

        assert (answer.status_code, grouping.done()) == (200, False)
        gate.open()
        assert (await grouping).status_code == 200


async def test_who_leaves_while_waiting_is_never_grouped(gate: Gate) -> None:
    async with angles() as jitney:
        first = ask(jitney, 2)
        await until(lambda: gate.begun)
        second = ask(jitney, 3)
        await everything_embedded(jitney, 5)

        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        gate.open()

        assert (await first).status_code == 200
        assert gate.begun == [2]


async def test_who_hangs_up_while_waiting_is_never_grouped(gate: Gate) -> None:
    async with angles() as jitney:
        first = ask(jitney, 2)
        await until(lambda: gate.begun)
        may_leave, body = asyncio.Event(), json.dumps(payload(0, 1, 2)).encode()
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            if messages:
                return messages.pop()
            await may_leave.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            raise AssertionError("nobody is there to be answered")

        scope = {"type": "http", "method": "POST", "path": "/clustering", "headers": [], "root_path": ""}
        second = asyncio.create_task(jitney.app(scope, receive, send))
        await everything_embedded(jitney, 5)
        may_leave.set()
        await second
        gate.open()

        assert (await first).status_code == 200
        assert gate.begun == [2]


async def test_who_leaves_while_being_grouped_makes_room_for_the_next(gate: Gate) -> None:
    async with angles() as jitney:
        first, second = ask(jitney, 2), None
        await until(lambda: gate.begun)
        second = ask(jitney, 3)
        await everything_embedded(jitney, 5)

        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await until(lambda: len(gate.begun) == 2)
        gate.open()

        assert ((await second).status_code, gate.ended) == (200, ["Abandoned"])


async def test_a_deadline_ends_the_wait_for_a_turn(gate: Gate) -> None:
    async with angles() as jitney:
        first = ask(jitney, 2)
        await until(lambda: gate.begun)

        second = await ask(jitney, 3, **{"X-Request-Timeout": "0.2"})

        assert told(second) == (504, "expired")
        gate.open()
        await first


async def test_a_deadline_ends_the_grouping_itself(gate: Gate) -> None:
    async with angles() as jitney:
        answer = await ask(jitney, 2, **{"X-Request-Timeout": "0.2"})

        assert told(answer) == (504, "expired")
        await until(lambda: gate.ended)


async def test_a_threshold_that_is_too_low_is_refused_with_one_that_would_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(vectors: Any, threshold: float, check: Any) -> Any:
        if threshold < 0.7:
            raise ThresholdTooLow(threshold, 20_000_000, 0.71)
        return GROUP(vectors, threshold, check)

    monkeypatch.setattr(communities, "communities_of", refuse)
    async with angles() as jitney:
        refused = await jitney.client.post("/clustering", json=payload(0, 1))

        assert (*told(refused), refused.json()["threshold"]) == (422, "invalid_input", 0.71)
        assert "More than 20,000,000 pairs" in refused.json()["detail"]
        again = await jitney.client.post("/clustering", json=payload(0, 1, threshold=refused.json()["threshold"]))
        assert again.status_code == 200
        assert samples(jitney)['jitney_clusterings_refused_total{model="compass"}'] == 1


async def test_what_is_grouped_is_counted() -> None:
    async with angles() as jitney:
        await jitney.client.post("/clustering", json=payload(0, 1, 90))

        read = samples(jitney)
        assert read['jitney_clustered_records_total{model="compass"}'] == 3
        assert read['jitney_clusters_total{model="compass"}'] == 2
        assert read['jitney_clustering_duration_seconds_count{model="compass"}'] == 1


async def test_without_numpy_the_addresses_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.clustering.endpoint.MODULE", "server.clustering.of_what_is_not_installed")
    async with angles() as jitney:
        for path, body in (("/clustering", payload(0)), ("/cluster", ["0"])):
            answer = await jitney.client.post(path, json=body)

            assert told(answer) == (404, "not_found")
            assert "pip install 'jitney[server,clustering]'" in answer.json()["detail"]
        assert jitney.broker.trips == []
