"""What a broker keeps of API keys: operators change it, front ends see that it changed."""

from __future__ import annotations

import pytest

from broker.errors import BrokerError
from tests.contract.worlds import RedisWorld, World

pytestmark = pytest.mark.anyio
ONE, OTHER = "a" * 12, "b" * 12


async def test_a_broker_that_was_never_told_of_keys_has_no_version(world: World) -> None:
    front_end = await world.front_end()

    seen = await front_end.credentials("of another time")

    assert seen is not None
    assert (seen.version, dict(seen.entries)) == ("", {})


async def test_a_front_end_sees_what_an_operator_keeps(world: World) -> None:
    front_end = await world.front_end()

    assert world.credentials().change_credential(ONE, b"", b"entry")

    seen = await front_end.credentials("")
    assert seen is not None
    assert dict(seen.entries) == {ONE: b"entry"}
    assert seen == world.credentials().credentials()


async def test_what_has_not_changed_is_not_read_again(world: World) -> None:
    front_end = await world.front_end()
    world.credentials().change_credential(ONE, b"", b"entry")
    seen = await front_end.credentials("")
    assert seen is not None

    assert await front_end.credentials(seen.version) is None


async def test_every_change_has_a_version_of_its_own(world: World) -> None:
    front_end, versions = await world.front_end(), set()
    for before, after in ((b"", b"1"), (b"1", b"2"), (b"2", b"")):
        world.credentials().change_credential(ONE, before, after)
        seen = await front_end.credentials("")
        versions.add(seen.version if seen else None)

    assert len(versions) == 3


async def test_whoever_did_not_see_the_last_change_changes_nothing(world: World) -> None:
    operator = world.credentials()
    operator.change_credential(ONE, b"", b"1")

    assert not operator.change_credential(ONE, b"", b"2")
    assert not operator.change_credential(ONE, b"0", b"2")
    assert not operator.change_credential(OTHER, b"0", b"")
    assert dict(operator.credentials().entries) == {ONE: b"1"}


async def test_a_table_whose_last_key_is_revoked_is_still_a_table(world: World) -> None:
    operator, front_end = world.credentials(), await world.front_end()
    operator.change_credential(ONE, b"", b"1")
    operator.change_credential(ONE, b"1", b"")

    seen = await front_end.credentials("")

    assert seen is not None
    assert seen.version
    assert dict(seen.entries) == {}


async def test_a_broker_that_came_back_empty_has_none_and_no_version_that_was_seen(world: World) -> None:
    operator, front_end = world.credentials(), await world.front_end()
    operator.change_credential(ONE, b"", b"1")
    before = await front_end.credentials("")
    await world.pass_time(0.01)
    world.lose_everything()

    lost = await front_end.credentials(before.version if before else "")
    operator.change_credential(ONE, b"", b"1")
    again = await front_end.credentials("")

    assert lost is not None
    assert lost.version == ""
    assert before is not None
    assert again is not None
    assert again.version not in ("", before.version)


@pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)
async def test_a_front_end_may_not_write_them(world: RedisWorld) -> None:
    front_end = await world.front_end()
    client = front_end._client  # type: ignore[attr-defined]

    with pytest.raises(Exception, match="permission"):
        await client.hset(world.keys.credentials, ONE, b"mine")


@pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)
async def test_a_key_that_is_no_hash_is_told_by_its_name(world: RedisWorld) -> None:
    world.server.set(world.keys.credentials, "x")
    front_end = await world.front_end()

    with pytest.raises(BrokerError, match=":keys"):
        await front_end.credentials("")


@pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)
async def test_keys_are_no_leftover_of_another_protocol(world: RedisWorld, admin) -> None:
    world.credentials().change_credential(ONE, b"", b"1")

    assert admin.overview().other_protocols == []
