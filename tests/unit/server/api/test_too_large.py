"""What is above a limit is 413."""

from __future__ import annotations

import pytest

from tests.unit.server.stand_in import running, told

pytestmark = pytest.mark.anyio


async def test_a_body_over_the_limit_is_413():
    async with running(max_body_bytes=100) as jitney:
        answer = await jitney.ask("x" * 100)

        assert told(answer) == (413, "too_large")


async def test_a_body_that_says_it_is_too_large_is_not_even_read():
    async with running(max_body_bytes=100) as jitney:
        answer = await jitney.client.post("/models/echo", content=b"{", headers={"content-length": "101"})

        assert told(answer) == (413, "too_large")


async def test_a_body_that_says_an_endless_size_is_413():
    async with running() as jitney:
        answer = await jitney.client.post("/models/echo", content=b"{", headers={"content-length": "9" * 5_000})

        assert told(answer) == (413, "too_large")


async def test_a_body_that_does_not_say_its_size_is_read_up_to_the_limit():
    sent = []

    async def endless():
        while len(sent) < 1_000:
            sent.append(b"x" * 10)
            yield sent[-1]

    async with running(max_body_bytes=100) as jitney:
        answer = await jitney.client.post("/models/echo", content=endless())

        assert told(answer) == (413, "too_large")
        assert len(sent) < 20


async def test_a_body_of_exactly_the_limit_is_read():
    body = b'{"payload": {"records": [{"id": 1, "text": "a"}]}}'
    async with running(max_body_bytes=len(body)) as jitney:
        answer = await jitney.client.post("/models/echo", content=body)

        assert answer.status_code == 200


async def test_too_many_records_are_413():
    async with running(max_records=2) as jitney:
        answer = await jitney.ask("a", "b", "c")

        assert told(answer) == (413, "too_large")
        assert answer.json()["limit"] == 2


ROWS = b'{"id": 1, "text": ""},' * 5_000


@pytest.mark.parametrize(
    "extra",
    [b'"x": [' + b"[]," * 40_000 + b"[]],", b'"records": [' + ROWS + b'{"id": 1, "text": ""}],'],
    ids=["a large one", "records that others replace"],
)
async def test_further_fields_beyond_their_bound_are_413(extra):
    async with running() as jitney:
        body = b'{"payload": {%b "records": [{"id": 1, "text": "one"}]}}' % extra

        assert told(await jitney.client.post("/models/echo", content=body)) == (413, "too_large")


async def test_large_texts_do_not_count_as_further_fields():
    async with running() as jitney:
        answer = await jitney.ask("one " * 9_000 + " " * 100_000, style="plain")

        assert answer.json()["result"][0]["options"] == {"style": "plain"}


async def test_texts_of_more_jobs_than_may_ever_wait_are_413():
    async with running(max_queue_jobs=3) as jitney:
        answer = await jitney.ask("one two", "three four")

        assert told(answer) == (413, "too_large")
        assert jitney.broker.trips == []
