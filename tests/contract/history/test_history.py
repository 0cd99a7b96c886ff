"""The history's list: front ends fill it, one writer empties it."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.admin.redis import RedisAdmin
from broker.errors import BrokerError
from broker.history import contract
from broker.history.contract import MOST_BLOCK_BYTES, MOST_BLOCKS, MOST_BYTES, WriterBeat
from broker.history.rows import HistoryRow, block_of, row_to_bytes
from broker.redis import connect_front_end
from tests.contract.servers import running
from tests.contract.worlds import RedisWorld, World

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[3]
ON_SERVERS = pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)


def blocks(count: int, first: int = 0) -> list[bytes]:
    return [b"block %d" % number for number in range(first, first + count)]


async def test_blocks_wait_in_their_order_until_they_are_trimmed(world: World) -> None:
    front_end, writer = await world.history(), await world.history_queue()

    assert await front_end.append_history(blocks(2), 0) == 2
    assert await (await world.history("e" * 16)).append_history(blocks(1, 2), 0) == 1

    page = await writer.history_page(2)
    assert list(page.blocks) == blocks(2)
    assert await writer.history_page(2) == page  # they stay
    assert await writer.trim_history(page.trimmed, 2)
    after = await writer.history_page(2)
    assert (list(after.blocks), after.trimmed) == (blocks(1, 2), page.trimmed + 2)


async def test_of_two_writers_that_read_the_same_page_one_trims(world: World) -> None:
    front_end, one, other = await world.history(), await world.history_queue(), await world.history_queue()
    await front_end.append_history(blocks(4), 0)
    [first, second] = [await writer.history_page(2) for writer in (one, other)]

    assert await one.trim_history(first.trimmed, 2)
    assert not await other.trim_history(second.trimmed, 2)

    assert list((await other.history_page(9)).blocks) == blocks(2, 2)


async def test_what_a_writer_read_before_the_broker_came_back_empty_trims_nothing(world: World) -> None:
    front_end, writer = await world.history(), await world.history_queue()
    await front_end.append_history(blocks(3), 0)
    page = await writer.history_page(3)
    await world.pass_time(0.01)
    world.lose_everything()
    await front_end.append_history(blocks(3, 3), 0)

    assert not await writer.trim_history(page.trimmed, 3)

    assert list((await writer.history_page(9)).blocks) == blocks(3, 3)


async def test_a_list_without_anything_is_an_empty_page(world: World) -> None:
    writer = await world.history_queue()

    page = await writer.history_page(9)

    assert list(page.blocks) == []
    assert await writer.trim_history(page.trimmed, 0)


async def filled(front_end: contract.HistoryAppender, block: bytes) -> int:
    """How many of these there is room for."""
    taken = 0
    while taken * len(block) < 2 * MOST_BYTES and (some := await front_end.append_history([block] * 256, 0)):
        taken += some
    return taken


async def test_so_many_bytes_wait_and_no_more(world: World) -> None:
    front_end, writer = await world.history(), await world.history_queue()

    assert await filled(front_end, b"x" * MOST_BLOCK_BYTES) == MOST_BYTES // MOST_BLOCK_BYTES

    assert await front_end.append_history(blocks(1), 0) == 0
    page = await writer.history_page(2)
    assert await writer.trim_history(page.trimmed, 2)
    assert await front_end.append_history([b"x" * MOST_BLOCK_BYTES] * 2 + blocks(1), 0) == 2


@ON_SERVERS
async def test_a_list_that_somebody_deleted_has_room_again(world: RedisWorld) -> None:
    front_end = await world.history()
    await filled(front_end, b"x" * MOST_BLOCK_BYTES)
    world.server.delete(world.keys.history)

    assert await front_end.append_history(blocks(2), 0) == 2


# What front ends bring under load, each 500 rows a second: a block every tenth of a second, its rows as long as they
# get without inputs. docs/history.md says how long the list lasts then.
ROW = HistoryRow(
    at=1_800_000_000_000_000,
    id=b"0123456789abcdef",
    request_id="0" * 32,
    task="classification",
    model="sentiment",
    revision="714eb0fa89d2",
    caller="fo2ykq7wm3xa",
    lane="interactive",
    label="positive",
    score=0.9731,
    cost=24,
    queue=0.0041,
    compute=0.0127,
    batch_size=12,
)
ROWS, BLOCKS = 500, 10  # a second


async def test_the_list_lasts_longer_than_a_minute_while_ten_front_ends_fill_it(world: World) -> None:
    block = block_of([row_to_bytes(ROW)] * (ROWS // BLOCKS))

    there_are = await filled(await world.history(), block)

    lasts = {front_ends: there_are / BLOCKS / front_ends for front_ends in (1, 4, 10)}  # seconds
    assert min(lasts.values()) > 60.0
    told = " | ".join(f"{seconds:,.0f} s" for seconds in lasts.values())
    assert f"| the list | {told} |" in (ROOT / "docs" / "history.md").read_text("utf-8")


async def test_no_more_than_so_many_blocks_wait_however_small(world: World) -> None:
    front_end, writer = await world.history(), await world.history_queue()

    assert await filled(front_end, b"x") == MOST_BLOCKS

    page = await writer.history_page(1)
    assert await writer.trim_history(page.trimmed, 1)
    assert await front_end.append_history(blocks(2), 0) == 1


async def test_a_block_that_is_too_large_is_the_callers_fault(world: World) -> None:
    front_end, writer = await world.history(), await world.history_queue()

    with pytest.raises(ValueError, match="65,536"):
        await front_end.append_history([b"good", b"x" * (MOST_BLOCK_BYTES + 1)], 0)

    assert list((await writer.history_page(9)).blocks) == []


async def test_a_writer_may_say_how_it_goes_before_there_is_anything(world: World) -> None:
    writer = await world.history_queue()

    await writer.beat_history(WriterBeat(writer="w", database="d"))

    assert list((await writer.history_page(1)).blocks) == []


@ON_SERVERS
async def test_operators_read_the_sum_of_what_was_dropped_and_the_last_beat(world: RedisWorld) -> None:
    front_end, writer = await world.history(), await world.history_queue()
    for dropped in (3, 0, 4):
        await front_end.append_history([], dropped)

    await writer.beat_history(WriterBeat(writer="w1", database="old"))
    await writer.beat_history(WriterBeat(writer="w2", database="new", written=7, error="it is away"))

    state = world.server.hgetall(world.keys.history_state)
    seconds, micros = world.server.time()
    for moment in (b"at", b"dropped_at"):
        assert 0 <= 1000 * seconds + micros // 1000 - int(state.pop(moment)) < 5_000
    assert state.pop(b"trimmed")
    expected = {b"bytes": b"0", b"dropped": b"7", b"written": b"7"}
    expected |= {b"writer": b"w2", b"database": b"new", b"error": b"it is away"}
    assert state == expected


@ON_SERVERS
async def test_a_server_whose_memory_is_spent_takes_no_block_and_counts_what_was_lost(binary: str) -> None:
    with running(binary, "--maxmemory", "4mb") as server, server.client() as client:
        front_end = await connect_front_end(server.url, "full", "f" * 16)
        await front_end.history.append_history(blocks(2), 0)
        client.config_set("maxmemory", 1)

        assert await front_end.history.append_history(blocks(2), 5) == 0
        assert await front_end.history.append_history(blocks(1), 0) == 0

        writer = await _writer(server.url)
        page = await writer.history_page(9)
        assert await writer.trim_history(page.trimmed, 1)  # and what is written frees it
        await writer.beat_history(WriterBeat(writer="w", database="d"))
        state = client.hgetall("jitney:{full}:history:state")
        client.config_set("maxmemory", 0)
        assert await front_end.history.append_history(blocks(1), 0) == 1
        await front_end.aclose()
        await writer.aclose()
    assert (len(page.blocks), state[b"dropped"], state[b"writer"]) == (2, b"5", b"w")


async def _writer(url: str) -> contract.HistoryQueue:
    from broker.redis import connect_history

    return await connect_history(url, "full", "w")


@ON_SERVERS
@pytest.mark.parametrize("what", ["history", "history_state"])
async def test_a_key_that_holds_something_else_is_named_by_whoever_meets_it(world: RedisWorld, what: str) -> None:
    front_end, writer, key = await world.history(), await world.history_queue(), getattr(world.keys, what)
    world.server.set(key, "x")
    steps = [lambda: front_end.append_history(blocks(1), 1), lambda: writer.history_page(1)]
    steps += [lambda: writer.trim_history(0, 1)]
    steps += [lambda: writer.beat_history(WriterBeat(writer="w", database="d"))] * (what == "history_state")

    for step in steps:
        with pytest.raises(BrokerError) as caught:
            await step()
        assert f"DEL '{key}'" in str(caught.value)


@ON_SERVERS
async def test_what_was_lost_is_counted_once_however_often_it_has_to_be_told(world: RedisWorld) -> None:
    front_end = await world.history()
    world.server.set(world.keys.history, "somebody's own")
    for _ in range(3):
        with pytest.raises(BrokerError):
            await front_end.append_history(blocks(1), 5)
    world.server.delete(world.keys.history)

    await front_end.append_history(blocks(1), 5)

    assert world.server.hget(world.keys.history_state, "dropped") == b"5"


@ON_SERVERS
@pytest.mark.parametrize("rubbish", ["many", "-7", "0x7f", "nan"])
async def test_counts_that_are_none_begin_anew(world: RedisWorld, rubbish: str) -> None:
    front_end, writer = await world.history(), await world.history_queue()
    world.server.hset(world.keys.history_state, mapping={"trimmed": rubbish, "dropped": rubbish, "bytes": rubbish})

    await front_end.append_history(blocks(2), 3)
    page = await writer.history_page(1)

    assert page.trimmed == 0
    assert await writer.trim_history(0, 1)
    assert world.server.hmget(world.keys.history_state, "trimmed", "dropped", "bytes") == [b"1", b"3", b"7"]


@ON_SERVERS
async def test_the_history_is_no_leftover_of_another_protocol(world: RedisWorld, admin) -> None:
    await (await world.history()).append_history(blocks(1), 1)

    assert admin.overview().other_protocols == []


@ON_SERVERS
async def test_operators_see_how_the_history_gets_on(world: RedisWorld, admin: RedisAdmin) -> None:
    front_end, writer = await world.history(), await world.history_queue()
    await front_end.append_history(blocks(3), 7)
    await writer.beat_history(WriterBeat(writer="w", database="sqlite:h.db", written=5, error="no disk"))

    seen = admin.overview().history

    assert (seen.waiting, seen.bytes, seen.dropped, seen.written) == (3, 21, 7, 5)
    assert (seen.writer, seen.database, seen.error) == ("w", "sqlite:h.db", "no disk")
    assert 0.0 <= seen.beat_age < 5.0 and seen.dropped_age is not None and 0.0 <= seen.dropped_age < 5.0


@ON_SERVERS
async def test_where_nothing_was_dropped_no_moment_is_told(world: RedisWorld, admin: RedisAdmin) -> None:
    await (await world.history()).append_history(blocks(1), 0)

    assert (admin.overview().history.dropped, admin.overview().history.dropped_age) == (0, None)
