"""The history's writer as a process, with a broker and a database that are killed, stopped and started again."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from broker.admin.rights import Role
from broker.common.free_port import free_port
from broker.common.parent_death import parent_death_guard
from broker.history.contract import MOST_BLOCK_BYTES, MOST_BYTES
from broker.history.rows import block_of, row_to_bytes
from broker.redis import connect_history
from tests.contract.users import rules, url_as
from tests.faults.kit.broker_process import DURABLE, BrokerProcess, broker_process
from tests.integration.history.postgres import Postgres, postgres
from tests.integration.history.rows import a_row
from tests.integration.processes import ROOT, Process, clean_environ
from tests.waiting import until

COUNT = "select count(*) from prediction"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    """With the users of docs/acl: the writer has no other's rights."""
    users = tmp_path / "users.acl"
    users.write_text(rules())
    with broker_process("--aclfile", str(users), *DURABLE) as running:
        yield running


@pytest.fixture
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@dataclass
class Database:
    """Where rows go, and how many there are."""

    place: str
    rows: Callable[[], int]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "postgresql":
        running: Postgres = request.getfixturevalue("server")
        return of_postgres(running)
    path = tmp_path / "history.db"

    def rows() -> int:
        with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(path)) as connection:
            return int(connection.execute(COUNT).fetchone()[0])
        return 0

    return Database(str(path), rows)


def of_postgres(running: Postgres) -> Database:
    def rows() -> int:
        with contextlib.suppress(subprocess.CalledProcessError):
            return int(running.sql(COUNT))
        return 0

    return Database(running.url(), rows)


@contextlib.contextmanager
def writer(broker: BrokerProcess, place: str, output: Path) -> Iterator[Process]:
    """`python -m history`."""
    port = free_port()
    url = url_as(Role.WRITER, broker.url)
    environ = {"JITNEY_REDIS_URL": url, "JITNEY_HISTORY_DATABASE": place, "JITNEY_METRICS_PORT": str(port)}
    with output.open("ab") as sink:
        popen = subprocess.Popen(
            [sys.executable, "-m", "history"],
            env=clean_environ() | environ,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    made = Process(title="history", popen=popen, output=output, metrics_port=port)
    with parent_death_guard(popen.pid):
        try:
            yield made
        finally:
            made.kill()


def value(of: Process, name: str) -> float:
    """Of its page; -1 while it has none."""
    with contextlib.suppress(OSError):
        lines = [line for line in of.metrics().splitlines() if line.startswith(f"jitney_history_writer_{name} ")]
        return float(lines[0].split()[1])
    return -1.0


@dataclass
class FrontEnd:
    """Brings a block of two rows again and again, as long as the block lasts."""

    broker: BrokerProcess
    pause: float = 0.02  # seconds
    text: str = ""  # in each row
    brought: int = 0  # rows that the broker took
    dropped: int = 0  # rows that it did not
    _ending: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> FrontEnd:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._bring()))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    async def _bring(self) -> None:
        async with contextlib.aclosing(await connect_history(self.broker.url, "default", "test")) as queue:
            while not self._ending.is_set():
                rows = [row_to_bytes(a_row(at=now(), input=self.text)) for _ in range(2)]
                taken = await queue.append_history([block_of(rows)], 0)
                self.brought += 2 * taken
                self.dropped += 2 * (1 - taken)
                await asyncio.sleep(self.pause)


def now() -> int:
    return time.time_ns() // 1000


def waiting(broker: BrokerProcess) -> int:
    with broker.client() as client:
        return int(client.llen("jitney:{default}:history"))  # type: ignore[arg-type]


def state(broker: BrokerProcess) -> dict[str, str]:
    with broker.client() as client:
        found: dict[bytes, bytes] = client.hgetall("jitney:{default}:history:state")  # type: ignore[assignment]
    return {name.decode(): said.decode() for name, said in found.items()}


def check_all_is_written(database: Database, brought: int, broker: BrokerProcess) -> None:
    until(lambda: waiting(broker) == 0, "nothing waits at the broker", within=30.0)
    assert database.rows() == brought


def test_a_writer_that_is_killed_again_and_again_loses_nothing_and_writes_nothing_twice(
    broker: BrokerProcess, database: Database, tmp_path: Path
):
    with FrontEnd(broker) as front_end:
        for _ in range(3):
            with writer(broker, database.place, tmp_path / "said") as running:
                before = database.rows()
                until(lambda: database.rows() > before, "it writes", within=20.0)  # noqa: B023
                running.kill()

    with writer(broker, database.place, tmp_path / "said"):
        check_all_is_written(database, front_end.brought, broker)


def test_one_that_stands_by_takes_over_when_the_other_is_killed(
    broker: BrokerProcess, database: Database, tmp_path: Path
):
    with writer(broker, database.place, tmp_path / "first") as first:
        until(lambda: value(first, "leads") == 1.0, "the first one writes", within=20.0)
        with writer(broker, database.place, tmp_path / "second") as second, FrontEnd(broker) as front_end:
            until(lambda: value(second, "up") == 1.0, "the second one stands by", within=20.0)
            assert value(second, "leads") == 0.0
            first.kill()
            until(lambda: value(second, "rows_written_total") > 0, "the second one writes", within=15.0)
            front_end.__exit__()
            check_all_is_written(database, front_end.brought, broker)


def test_one_that_is_told_to_stop_writes_what_waits_and_lets_the_next_begin_at_once(
    broker: BrokerProcess, database: Database, tmp_path: Path
):
    with writer(broker, database.place, tmp_path / "said") as running, FrontEnd(broker) as front_end:
        until(lambda: database.rows() > 0, "it writes", within=20.0)
        front_end.__exit__()
        assert running.stop() == 0
        assert database.rows() == front_end.brought and waiting(broker) == 0

    with writer(broker, database.place, tmp_path / "said") as running:
        until(lambda: value(running, "leads") == 1.0, "the next one writes", within=4.0)


def test_postgresql_that_is_killed_and_comes_back_has_every_row_once(
    broker: BrokerProcess, server: Postgres, tmp_path: Path
):
    database = of_postgres(server)
    with writer(broker, database.place, tmp_path / "said") as running, FrontEnd(broker) as front_end:
        for _ in range(3):
            before = database.rows()
            until(lambda: database.rows() > before, "it writes", within=20.0)  # noqa: B023
            server.kill()
            until(lambda: value(running, "up") == 0.0, "it notices", within=15.0)
            until(lambda: bool(state(broker).get("error")), "operators see it")
            server.start()
        front_end.__exit__()
        check_all_is_written(database, front_end.brought, broker)
        until(lambda: not state(broker)["error"], "operators see that it is over")
    assert front_end.dropped == 0
    assert "history not written" in running.stderr() and "history is written again" in running.stderr()


def test_postgresql_that_hangs_holds_up_rows_and_loses_none(broker: BrokerProcess, server: Postgres, tmp_path: Path):
    database = of_postgres(server)
    with writer(broker, database.place, tmp_path / "said") as running, FrontEnd(broker) as front_end:
        until(lambda: database.rows() > 0, "it writes", within=20.0)
        server.pause()
        until(lambda: value(running, "up") == 0.0, "it notices", within=30.0)
        server.resume()
        front_end.__exit__()
        check_all_is_written(database, front_end.brought, broker)
    assert front_end.dropped == 0


def test_without_a_database_for_longer_than_the_list_lasts_what_it_held_is_written_and_the_rest_was_counted(
    broker: BrokerProcess, server: Postgres, tmp_path: Path
):
    database = of_postgres(server)
    server.stop()
    front_end = FrontEnd(broker, pause=0.002, text="x" * 30_000)
    with writer(broker, database.place, tmp_path / "said") as running, front_end:
        until(lambda: value(running, "errors_total") > 0, "it notices", within=20.0)
        until(lambda: front_end.dropped > 100, "the list is full", within=60.0)
        assert MOST_BYTES - MOST_BLOCK_BYTES < int(state(broker)["bytes"]) <= MOST_BYTES
        front_end.__exit__()
        server.start()
        check_all_is_written(database, front_end.brought, broker)


def test_a_broker_that_is_killed_and_comes_back_loses_nothing_of_what_is_on_its_disk(
    broker: BrokerProcess, database: Database, tmp_path: Path
):
    with writer(broker, database.place, tmp_path / "said") as running:
        with FrontEnd(broker) as front_end:
            until(lambda: database.rows() > 0, "it writes", within=20.0)
        check_all_is_written(database, front_end.brought, broker)
        broker.restart(keep_data=True)
        with FrontEnd(broker) as again:
            until(lambda: value(running, "rows_written_total") > front_end.brought, "it goes on", within=20.0)
        check_all_is_written(database, front_end.brought + again.brought, broker)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("mysql://u:secretQXZ@h/x", "names no database of the history"),
        ("postgresql://u:secretQXZ@h:secretQXZ/x", "this URL cannot be read"),
    ],
)
def test_what_cannot_be_a_database_is_told_in_a_line_without_its_password(
    broker: BrokerProcess, tmp_path: Path, place: str, said: str
):
    with writer(broker, place, tmp_path / "said") as running:
        assert running.wait() in (1, 2)

    assert said in running.stderr().splitlines()[-1] and "secretQXZ" not in running.stderr()
    assert running.stderr().splitlines()[-1].startswith("python -m history: ")
