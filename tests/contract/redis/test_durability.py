"""What is on the broker's disk is told by servers that can, and the others say why not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

from broker.errors import BrokerError, BrokerUnavailable
from broker.redis.stores import predictions as redis_predictions
from tests.contract.conftest import binary_of
from tests.contract.predictions.orders import created
from tests.contract.servers import Server, running
from tests.contract.users import rules
from tests.contract.worlds import RedisWorld

pytestmark = pytest.mark.anyio


@contextmanager
def keeping_a_log(kind: str, *options: str) -> Iterator[Server]:
    with running(binary_of(kind), "--appendonly", "yes", *options) as server:
        yield server


@pytest.fixture
async def confirming(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RedisWorld]:
    with keeping_a_log("valkey") as server:
        world = RedisWorld(server.url, monkeypatch)
        yield world
        await world.close()


async def test_what_was_created_on_one_connection_is_confirmed_on_another(confirming: RedisWorld) -> None:
    await created(await confirming.predictions())

    assert await (await confirming.predictions("another")).persisted()


async def test_what_is_never_brought_to_disk_is_not_confirmed(
    confirming: RedisWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_predictions, "PERSISTED", 0.03)
    confirming.server.config_set("appendfsync", "no")
    broker = await confirming.predictions()
    await created(broker)

    assert not await broker.persisted()


async def test_a_disk_that_took_long_since_the_last_time_is_asked_again(
    confirming: RedisWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_predictions, "SETTLED", 0.0)
    broker = await confirming.predictions()
    broker._delayed = 1  # type: ignore[attr-defined]  # as the server counts it

    for asked in (2, 3):
        assert await broker.persisted()
        assert confirming.server.info("commandstats")["cmdstat_waitaof"]["calls"] == 3 * asked


async def test_what_is_on_its_way_to_the_disk_is_waited_for(
    confirming: RedisWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker: Any = await confirming.predictions()
    said = [{"aof_pending_bio_fsync": 0}, {"aof_pending_bio_fsync": 1}]
    monkeypatch.setattr(redis_predictions, "LOOK", 0.0001)
    monkeypatch.setattr(broker._client, "execute_command", AsyncMock(side_effect=lambda *_: said.pop()))

    assert await broker._is_written({"aof_pending_bio_fsync": 1})
    assert said == []
    monkeypatch.setattr(broker._client, "execute_command", AsyncMock(return_value={"aof_pending_bio_fsync": 1}))
    monkeypatch.setattr(redis_predictions, "PERSISTED", 0.001)
    assert not await broker._is_written({"aof_pending_bio_fsync": 1})


async def test_a_server_without_a_log_says_so(confirming: RedisWorld) -> None:
    confirming.server.config_set("appendonly", "no")

    with pytest.raises(BrokerError, match="append-only file is off; give it `appendonly yes`"):
        await (await confirming.predictions()).persisted()


async def test_a_server_that_does_not_know_the_command_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with keeping_a_log("redis") as server:
        world = RedisWorld(server.url, monkeypatch)
        if world.server.info()["redis_version"] >= "7.2":
            pytest.skip("this Redis knows WAITAOF")
        with pytest.raises(BrokerError, match=r"does not know WAITAOF.*7\.2") as raised:
            await (await world.predictions()).persisted()
        await world.close()

    assert not isinstance(raised.value, BrokerUnavailable)


async def test_a_user_who_may_not_ask_is_told_what_it_takes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "users.acl").write_text(rules())
    with keeping_a_log("valkey", "--aclfile", str(tmp_path / "users.acl")) as server:
        world = RedisWorld(server.url, monkeypatch, has_users=True)
        broker = await world.predictions()
        with pytest.raises(BrokerError, match=r"user may not ask it.*\+waitaof"):
            await broker.persisted()
        world.server.execute_command("ACL", "SETUSER", "jitney-front-end", "+waitaof")

        assert await broker.persisted()
        await world.close()
