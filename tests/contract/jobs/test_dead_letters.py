"""Dead letters are listed by their outsides, found wherever they are, and forgotten only when told."""

from __future__ import annotations

import pytest

from broker.admin.redis import RedisAdmin
from broker.wire import encode_job
from jitney.dead.command import run_drop, run_list
from tests.contract.worlds import LONG, MODEL, RedisWorld, job

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["valkey", "redis"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


async def crash_three_times(world: RedisWorld, *jobs: str) -> None:
    await world.admit(*(job(id=one, input="secret text", cost=7) for one in jobs))
    for at in range(2 + len(jobs)):  # together first, then each alone
        await world.crash(f"crash {at}")


async def test_a_dead_letter_is_read_by_its_header_alone(world: RedisWorld, admin: RedisAdmin) -> None:
    await crash_three_times(world, "a" * 32)

    found = admin.letters([MODEL], 10)

    [letter] = found.shown
    assert (letter.job_id, letter.attempts, letter.cost, found.there_are) == ("a" * 32, 3, 7, 1)
    assert letter.deadline - letter.admitted == pytest.approx(LONG)
    assert [model.dead for model in admin.overview().models] == [1]


async def test_the_newest_letters_are_shown_and_the_others_counted(world: RedisWorld, admin: RedisAdmin) -> None:
    world.server.rpush(world.keys.dead(MODEL), *(f"1si30000001{at:026d}" for at in range(5)))

    found = admin.letters([MODEL], 2)

    assert (len(found.shown), found.there_are) == (2, 5)


async def test_dropping_by_id_takes_those_and_no_other(world: RedisWorld, admin: RedisAdmin) -> None:
    await crash_three_times(world, "a" * 32, "b" * 32)

    gone = admin.drop([MODEL], ["a" * 32, "f" * 32])

    assert gone == ["a" * 32]
    assert [letter.job_id for letter in admin.letters([MODEL], 10).shown] == ["b" * 32]


async def test_dropping_without_ids_takes_all(world: RedisWorld, admin: RedisAdmin) -> None:
    await crash_three_times(world, "a" * 32, "b" * 32)

    assert len(admin.drop([MODEL])) == 2
    assert admin.letters([MODEL], 10).there_are == 0


async def test_garbage_among_the_dead_letters_is_listed_and_can_be_dropped(
    world: RedisWorld, admin: RedisAdmin
) -> None:
    world.server.rpush(world.keys.dead(MODEL), b"\xff\x00rubbish", b"")

    assert [letter.size for letter in admin.letters([MODEL], 10).shown] == [9, 0]
    assert len(admin.drop([MODEL])) == 2


async def test_a_dead_letter_is_found_among_any_number_of_other_keys(
    world: RedisWorld, admin: RedisAdmin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("broker.admin.redis.SCANS", 1)
    monkeypatch.setattr("broker.admin.redis.KEYS_A_SCAN", 10)
    world.server.mset({f"{world.keys.prefix}other:{at}": "1" for at in range(500)})
    world.server.rpush(world.keys.dead("x@1"), encode_job(job(id="a" * 32, attempts=3)))

    code = run_list(world.url, world.namespace, model="x", limit=10, as_json=False)

    assert code == 0 and "a" * 32 in capsys.readouterr().out
    assert admin.dead_models() == ["x@1"]


async def test_where_dead_letters_cannot_be_read_nobody_says_that_there_are_none(
    world: RedisWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    world.server.set(world.keys.dead("x@1"), "not a list")
    world.server.rpush(world.keys.dead("y@1"), "rubbish")

    listed = run_list(world.url, world.namespace, model="x", limit=10, as_json=True)
    dropped = run_drop(world.url, world.namespace, [], model="", is_sure=lambda count: count == 1, as_json=False)

    said = capsys.readouterr()
    assert (listed, dropped) == (1, 1)
    assert said.out == "[]\n1 dropped\n" and said.err.count("dead letters of x@1 holds something else") == 2
