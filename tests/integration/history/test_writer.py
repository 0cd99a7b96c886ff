"""The writer's loop on real databases, with the broker's list in memory."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
import structlog

from broker.history.contract import Page
from broker.history.rows import HistoryRow, block_of, row_to_bytes
from broker.memory import MemoryHistory, MemoryStore
from history.databases.contract import Database, Dialect
from history.databases.errors import DatabaseUnavailable, DatabaseUnfit
from history.databases.place import open_database
from history.databases.schema import MIGRATIONS, Schema
from history.views import VIEWS
from history.writing.counts import Counts, WriterMetrics
from history.writing.writer import Writer
from tests.integration.history.rows import NOW, a_row, micros

pytestmark = pytest.mark.anyio

KEEP = 180 * 86_400.0


@dataclass
class Clock:
    """Real seconds, from `NOW` on."""

    now: float = NOW

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


@dataclass
class World:
    """One broker, one database, and writers."""

    place: str
    store: MemoryStore = field(default_factory=lambda: MemoryStore(time.time))
    clock: Clock = field(default_factory=Clock)

    @property
    def queue(self) -> MemoryHistory:
        return MemoryHistory(self.store)

    async def brings(self, *rows: HistoryRow) -> None:
        assert await self.queue.append_history([block_of([row_to_bytes(row) for row in rows])], 0) == 1

    async def left(self) -> int:
        return len((await self.queue.history_page(1_000)).blocks)

    async def labels(self) -> list[str]:
        async with contextlib.aclosing(open_database(self.place)) as database:
            return [row["label"] for row in await database.fetch("select label from prediction order by label")]

    @contextlib.asynccontextmanager
    async def writing(
        self, name: str = "one", queue: object = None, database: Database | None = None
    ) -> AsyncIterator[Counts]:
        """A writer that runs meanwhile, and has ended in order after."""
        counts, stopping = Counts(), asyncio.Event()
        async with contextlib.aclosing(database or open_database(self.place)) as opened:
            writer = Writer(self.queue, opened, counts, name=name, keep=KEEP, clock=self.clock)
            running = asyncio.create_task(writer.run(stopping))
            try:
                yield counts
            finally:
                stopping.set()
                await running


async def until(holds, within: float = 10.0) -> None:
    async with asyncio.timeout(within):
        while not (await found if asyncio.iscoroutine(found := holds()) else found):
            await asyncio.sleep(0.02)


@pytest.fixture
def world(place: str) -> World:
    return World(place)


async def test_what_front_ends_bring_is_in_the_database_and_no_longer_at_the_broker(world: World):
    async with world.writing() as counts:
        await world.brings(a_row(label="a"), a_row(label="b"))
        await world.brings(a_row(label="c"))
        await until(lambda: counts.written == 3)

    assert await world.labels() == ["a", "b", "c"]
    assert await world.left() == 0


async def test_what_was_brought_before_it_was_told_to_stop_is_written(world: World):
    async with world.writing() as counts:
        await until(lambda: counts.leads)
        for number in range(40):
            await world.brings(a_row(label=f"{number:02}"))

    assert await world.labels() == [f"{number:02}" for number in range(40)]


async def test_a_block_that_cannot_be_read_costs_itself(world: World, capsys: pytest.CaptureFixture[str]):
    await world.brings(a_row(label="before"))
    await world.queue.append_history([b"secret rubbish", b"\x92\x02\x90"], 0)
    await world.brings(a_row(label="after"))

    async with world.writing() as counts:
        await until(lambda: counts.written == 2)

    assert counts.unread == 2 and await world.left() == 0
    assert await world.labels() == ["after", "before"]
    said = capsys.readouterr()
    assert "cannot be read" in said.out + said.err and "secret" not in said.out + said.err


async def test_a_row_that_the_database_refuses_costs_itself(world: World, capsys: pytest.CaptureFixture[str]):
    bad = a_row(label="bad", output=b'{"secret \\u0000')
    await world.brings(*(a_row(label=f"{number}") for number in range(5)), bad, a_row(label="9"))

    async with world.writing() as counts:
        await until(lambda: counts.written == 6)
        await until(lambda: counts.refused == 1)

    assert await world.labels() == ["0", "1", "2", "3", "4", "9"] and await world.left() == 0
    said = capsys.readouterr()
    assert "refuses it" in said.out + said.err and "secret" not in said.out + said.err


async def test_rows_of_a_wrong_clock_are_moved_into_the_months_there_are_and_found_again(world: World):
    wrong = [a_row(at=0, label="1970"), a_row(at=micros(2099, 1, 1), label="2099"), a_row(at=-(1 << 62), label="bc")]
    for _ in range(2):
        await world.brings(*wrong)

    async with world.writing() as counts:
        await until(lambda: counts.written + counts.repeated == 6)

    assert (counts.written, counts.repeated, counts.clamped) == (3, 3, 6)
    assert await world.labels() == ["1970", "2099", "bc"]


async def test_a_month_that_begins_while_it_runs_has_room(world: World):
    async with world.writing() as counts:
        await until(lambda: counts.leads)
        for month in range(1, 6):
            world.clock.now = micros(2027, month, 1) / 1_000_000
            await world.brings(a_row(at=micros(2027, month, 1), label=f"{month}"))
            await until(lambda: counts.written == month)  # noqa: B023

    assert counts.clamped == 0 and await world.labels() == [str(month) for month in range(1, 6)]


# Killed between commit and trim; two at once


class Untrimmed(MemoryHistory):
    """Of a writer that is killed when it wants to trim."""

    async def trim_history(self, trimmed: int, blocks: int) -> bool:
        raise KeyboardInterrupt


async def test_a_writer_that_dies_between_commit_and_trim_leaves_nothing_twice(world: World):
    await world.brings(a_row(label="a"), a_row(label="b"))
    with contextlib.suppress(KeyboardInterrupt):
        async with contextlib.aclosing(open_database(world.place)) as database:
            dying = Writer(Untrimmed(world.store), database, Counts(), name="dying", keep=KEEP, clock=world.clock)
            await dying._step()
    assert await world.labels() == ["a", "b"] and await world.left() == 1

    async with world.writing("next") as counts:  # the turn of the one before has to end first
        await until(lambda: counts.repeated == 2, within=15.0)

    assert await world.labels() == ["a", "b"] and await world.left() == 0


async def test_of_two_writers_one_writes_and_the_other_takes_over_when_it_ends(world: World):
    async with world.writing("first") as first:
        await until(lambda: first.leads)
        with structlog.testing.capture_logs() as lines:
            async with world.writing("second") as second:
                await until(lambda: second.up)
                await world.brings(a_row(label="a"))
                await until(lambda: first.written == 1)
                assert not second.leads and second.written == 0
                assert world.store.history_state["writer"] == "first"
        assert [line["event"] for line in lines] == ["another writer has its turn"]  # once, and from the beginning
    async with world.writing("third") as third:
        await until(lambda: third.leads, within=2.0)  # nobody waits for the end of a turn that was given back


class Stale(MemoryHistory):
    """Reads its page before somebody else has trimmed it."""

    async def history_page(self, most: int) -> Page:
        page = await super().history_page(most)
        if page.blocks:
            await super().trim_history(page.trimmed, len(page.blocks))
            await super().append_history([block_of([row_to_bytes(a_row(label="later"))])], 0)
        return page


async def test_a_page_that_somebody_else_has_trimmed_takes_nothing_with_it(world: World):
    await world.brings(a_row(label="a"))
    async with contextlib.aclosing(open_database(world.place)) as database:
        writer = Writer(Stale(world.store), database, Counts(), name="stale", keep=KEEP, clock=world.clock)
        await writer._step()

    assert await world.labels() == ["a"] and await world.left() == 1


# Away


class Away:
    """A database that is away when told so."""

    def __init__(self, inner: Database) -> None:
        self._inner = inner
        self.dialect, self.name = inner.dialect, inner.name
        self.is_away = False
        self.sizes: list[int] = []

    def __getattr__(self, name: str):
        if self.is_away:
            raise DatabaseUnavailable("it is away")
        return getattr(self._inner, name)

    async def insert(self, rows: Sequence[HistoryRow]) -> int:
        self.sizes.append(len(rows))
        if self.is_away:
            raise DatabaseUnavailable("it is away")
        return await self._inner.insert(rows)


async def test_while_the_database_is_away_operators_see_why_and_then_all_is_written_in_small_pages_first(world: World):
    database = Away(open_database(world.place))
    async with world.writing(database=database) as counts:
        await until(lambda: counts.leads)
        database.is_away = True
        for number in range(20):
            await world.brings(a_row(label=f"{number:02}"))
        await until(lambda: world.store.history_state.get("error") == "it is away")
        assert not counts.up and await world.left() == 20

        database.is_away, database.sizes = False, []
        await until(lambda: counts.written == 20)
        await until(lambda: world.store.history_state.get("error") == "")

    assert database.sizes[0] == 1 and max(database.sizes) == 16
    assert await world.labels() == [f"{number:02}" for number in range(20)]


async def test_a_release_with_other_views_waits_briefly_for_who_reads_them_and_says_whom_to_ask(postgres_place: str):
    world, per_day = World(postgres_place), VIEWS[Dialect.POSTGRESQL]["per_day"]
    await world.brings(a_row(label="a"))
    older = Schema(migrations=MIGRATIONS, views={Dialect.POSTGRESQL: {"per_day": f"{per_day} limit 9"}})
    async with contextlib.aclosing(open_database(world.place, schema=older)) as one:
        await one.migrate()
        [(pid,)] = await one.fetch("select pg_backend_pid()")
        for sql in ("set application_name = 'monthly report'", "begin", "select * from per_day"):
            await one.execute(sql)

        with structlog.testing.capture_logs() as lines:
            async with world.writing() as counts:
                await until(lambda: world.store.history_state.get("error"))
                await one.execute("commit")
                await until(lambda: counts.written == 1)

    [said] = [line["error"] for line in lines if line["event"] == "history not written"]
    assert re.match(rf"waited 2 s for jitney \(monthly report, pid {pid}, in a transaction for \d+ s\): ask ", said)
    assert said.endswith(f"pg_terminate_backend({pid})")


async def test_a_database_that_is_replaced_by_an_empty_one_is_made_ready_again(world: World):
    async with world.writing() as counts:
        await world.brings(a_row(label="a"))
        await until(lambda: counts.written == 1)
        async with contextlib.aclosing(open_database(world.place)) as other:
            await other.execute(f"drop table prediction {'cascade' * (other.dialect is Dialect.POSTGRESQL)}")
            await other.execute("drop table history_meta")
        await world.brings(a_row(label="b"))
        await until(lambda: counts.written == 2)

    assert await world.labels() == ["b"]


async def test_a_database_that_does_not_fit_ends_it_and_operators_see_why(world: World):
    async with contextlib.aclosing(open_database(world.place)) as database:
        await database.migrate()
        await database.execute("update history_meta set version = 99")

    with pytest.raises(DatabaseUnfit, match="version 99"):
        async with world.writing() as counts:
            await until(lambda: world.store.history_state.get("error"))
            assert not counts.up
    assert "version 99" in world.store.history_state["error"]


async def test_old_rows_go_in_steps_while_new_ones_are_written(tmp_path, monkeypatch: pytest.MonkeyPatch):
    world = World(str(tmp_path / "history.db"))
    async with contextlib.aclosing(open_database(world.place)) as database:
        await database.migrate()
        old = micros(2026, 1, 1)
        await database.insert([a_row(at=old + number, label="old") for number in range(12_000)])

    async with world.writing() as counts:
        await world.brings(a_row(label="new"))
        await until(lambda: counts.written == 1)
        await until(lambda: has_labels(world, ["new"]))


async def has_labels(world: World, labels: list[str]) -> bool:
    return await world.labels() == labels


def test_its_page_says_what_it_has_done():
    counts = Counts(written=5, leads=True, up=True, behind_since=10.0)

    said = {
        sample.name: sample.value for one in WriterMetrics(counts, lambda: 12.5).collect() for sample in one.samples
    }

    assert said["jitney_history_writer_rows_written_total"] == 5
    assert said["jitney_history_writer_lag_seconds"] == 2.5 and said["jitney_history_writer_up"] == 1
