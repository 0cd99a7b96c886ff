"""The cache's own server is somebody else's too, or not what it should be: that harms nobody, and is told."""

from __future__ import annotations

import pytest
import structlog

from broker.embedded import Binary
from broker.errors import BrokerUnfit
from server.cache.looks import MOST_DIGESTS
from server.cache.outbox import LARGEST
from tests.faults.cache.connected import NO_BROKER, PREFIX, connected, kept, running, until
from tests.faults.kit.broker_process import BrokerProcess, broker_process

pytestmark = pytest.mark.anyio
RIGHTS = ("-@all", "+getrange", "+set", "+client|setname")


async def test_a_key_that_holds_something_else_is_not_found_and_is_written_over(server: BrokerProcess) -> None:
    async with connected(server.url) as cache:
        with server.client() as client:
            client.rpush(PREFIX + b"a", "a list")
        assert await cache.get_many([b"a"]) == [None]

        await kept(cache, b"a", b"1")


async def test_what_others_put_under_our_keys_is_handed_on_as_it_is(server: BrokerProcess) -> None:
    async with connected(server.url) as cache:
        with server.client() as client:
            client.set(PREFIX + b"a", b"rubbish")

        assert await cache.get_many([b"a"]) == [b"rubbish"]


async def test_what_others_put_there_comes_in_pieces_however_large_it_is(server: BrokerProcess) -> None:
    names = [b"%d" % number for number in range(MOST_DIGESTS)]
    async with connected(server.url) as cache:
        await kept(cache, names[-1], b"1")
        with server.client() as client:
            client.setrange(PREFIX + names[0], 32 << 20, b"x")
            sent = client.info("stats")["total_net_output_bytes"]
            [first, *_, last] = await cache.get_many(names)
            sent = client.info("stats")["total_net_output_bytes"] - sent

    assert (first, last) == (bytes(LARGEST + 1), b"1")
    assert sent < 2 * LARGEST


async def test_the_brokers_own_server_is_refused_by_whatever_name(server: BrokerProcess) -> None:
    told: list[BrokerUnfit] = []
    other_name = server.url.replace("127.0.0.1", "localhost").replace("/0", "/1")

    async with running(other_name, broker_url=server.url, on_unfit=told.append) as cache:
        await until(lambda: told, "it is told")
        assert not cache.is_up

    assert "--cache-url names the broker's own server" in str(told[0])


async def test_a_server_beside_the_broker_is_taken(server: BrokerProcess, program: Binary) -> None:
    with broker_process(binary=program) as broker:
        async with connected(server.url, broker_url=broker.url) as cache:
            await kept(cache, b"a", b"1")


async def test_a_replica_is_away_until_it_is_a_primary(server: BrokerProcess) -> None:
    with server.client() as client:
        client.replicaof("127.0.0.1", 1)
        async with running(server.url) as cache:
            await until(lambda: cache.errors > 1, "it has tried")
            assert not cache.is_up

            client.replicaof("NO", "ONE")
            await until(lambda: cache.is_up, "it is met")


async def test_one_that_becomes_a_replica_is_left(server: BrokerProcess) -> None:
    with server.client() as client:
        async with connected(server.url) as cache:
            await kept(cache, b"a", b"1")
            client.replicaof("127.0.0.1", 1)
            cache.put(b"b", b"2", 60.0)

            await until(lambda: not cache.is_up, "it is left")


async def test_rights_for_this_alone_suffice(server: BrokerProcess) -> None:
    with server.client() as client:
        client.acl_setuser(
            "cache", enabled=True, passwords=["+secret"], keys=["jitney-cache:{test}:*"], commands=RIGHTS
        )
    with structlog.testing.capture_logs() as lines:
        async with connected(server.url.replace("//", "//cache:secret@")) as cache:
            await kept(cache, b"a", b"1")

    assert [line["event"] for line in lines] == ["cache server unchecked"]


async def test_a_wrong_password_is_told_and_not_shown(server: BrokerProcess) -> None:
    with structlog.testing.capture_logs() as lines:
        async with running(server.url.replace("//", "//cache:secret@"), broker_url=NO_BROKER) as cache:
            await until(lambda: cache.errors, "it has tried")

    assert lines[0]["reason"] == "it refuses our user or password"
    assert "secret" not in str(lines)
