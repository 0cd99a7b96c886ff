"""What operators see through the admin is what there is, on real servers and as the operator's user."""

from __future__ import annotations

from contextlib import closing

import pytest

from broker.admin.overview import ModelOverview, Overview
from broker.admin.redis import RedisAdmin, connect_admin
from broker.admin.rights import Role
from broker.common.diagnosis import diagnose
from broker.errors import BrokerError
from broker.keys import Keys
from broker.messages import Lane
from broker.predictions.contract import OVERHEAD, TRIES_SHOWN
from tests.contract.predictions.orders import created, ending, tried
from tests.contract.users import rules, url_as
from tests.contract.worlds import LIMITS, LONG, MODEL, SHORT, RedisWorld, card, job, presence

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["valkey", "redis"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def only(seen: Overview) -> ModelOverview:
    [model] = seen.models
    return model


async def announce(world: RedisWorld, **artifacts: str) -> None:
    heart = world.heart()
    contents = {sha256: b"x" for sha256 in artifacts.values()}
    heart.announce(card(artifacts=artifacts), contents)
    heart.beat(presence(room=64), {})


def fill(world: RedisWorld, count: int) -> None:
    """With keys that are none of ours."""
    world.server.mset({f"{world.keys.prefix}other:{at}": "1" for at in range(count)})


async def test_nothing_is_an_overview_too(admin: RedisAdmin) -> None:
    seen = admin.overview()

    assert (seen.models, seen.batchers, seen.is_complete) == ([], [], True)


async def test_predictions_are_counted_with_their_bytes(world: RedisWorld, admin: RedisAdmin) -> None:
    predictions = await world.predictions()
    done, _ = [await created(predictions, body=b"x" * 1_000) for _ in range(2)]
    await predictions.finish(ending(done))

    seen = admin.overview().predictions

    assert (seen.open, seen.kept) == (1, 2)
    assert 1_000 + 2 * OVERHEAD < seen.bytes < 1_100 + 2 * OVERHEAD


async def test_the_newest_tries_to_deliver_webhooks_are_shown_and_all_are_counted(
    world: RedisWorld, admin: RedisAdmin
) -> None:
    predictions = await world.predictions()
    ids = [await created(predictions, has_hook=True) for _ in range(TRIES_SHOWN + 2)]
    for id in ids:
        await predictions.finish(ending(id))
    for id in ids[1:]:
        failed = tried(prediction=id[:14], status=503, fate="retried")
        for _ in range(2):  # asked again
            await predictions.settle_hook(id, LONG, failed)
    await predictions.settle_hook(ids[0], None, tried(prediction=ids[0][:14], host="::1"))

    seen = admin.overview().webhooks

    assert (seen.due, seen.fates) == (TRIES_SHOWN + 1, {"retried": TRIES_SHOWN + 1, "delivered": 1})
    assert [one.prediction for one in seen.tries] == [id[:14] for id in [ids[0], *ids[:2:-1]]]
    newest = seen.tries[0]
    assert (newest.host, newest.status, newest.tries, newest.fate) == ("::1", 204, 1, "delivered")
    assert 0.0 <= admin.overview().now - newest.at < LONG


async def test_rubbish_among_tries_is_passed_over(world: RedisWorld, admin: RedisAdmin) -> None:
    world.server.rpush(world.keys.webhook_tries, b"rubbish", b"1 x y z a b", b"\xff")
    world.server.hset(world.keys.webhook_fates, mapping={b"delivered": b"many", b"gone": b"2"})

    seen = admin.overview().webhooks

    assert (list(seen.tries), seen.fates) == ([], {"gone": 2})


async def test_waiting_jobs_are_counted_by_lane_with_tokens_and_age(world: RedisWorld, admin: RedisAdmin) -> None:
    await world.admit(job(cost=3), job(cost=4))
    await world.admit(job(cost=5), lane=Lane.BULK)
    await world.pass_time(SHORT)

    interactive, bulk = only(admin.overview()).lanes

    assert (interactive.jobs, interactive.tokens, bulk.jobs, bulk.tokens) == (2, 7, 1, 5)
    assert SHORT <= interactive.oldest_age < LONG


async def test_a_claimed_batch_is_a_lease_with_its_jobs_and_its_expiry(world: RedisWorld, admin: RedisAdmin) -> None:
    await world.admit(job(), job(), job())
    batcher = await world.batcher()
    await batcher.drain("running", LIMITS, staged=False, suspects=True)
    await world.admit(job())
    await batcher.drain("staged", LIMITS, staged=True, suspects=False)

    leases = only(admin.overview()).leases

    assert (leases.batches, leases.jobs, leases.staged) == (2, 4, 1)
    assert 0.0 < leases.soonest_expiry <= LONG


async def test_a_live_batcher_is_seen_with_the_model_that_it_serves(world: RedisWorld, admin: RedisAdmin) -> None:
    await announce(world)

    seen = admin.overview()

    [one] = seen.batchers
    assert (one.presence.room, one.is_live, only(seen).batchers) == (64, True, 1)
    found = only(seen).card
    assert found is not None and found.key == MODEL and seen.epoch


async def test_files_that_the_broker_lost_are_named(world: RedisWorld, admin: RedisAdmin) -> None:
    await announce(world, vocab="0" * 64, rules="1" * 64)
    world.server.delete(world.keys.artifact("1" * 64))

    assert admin.missing_artifacts(card(artifacts={"vocab": "0" * 64, "rules": "1" * 64})) == ["rules"]


async def test_the_other_namespaces_of_a_server_are_named(world: RedisWorld, admin: RedisAdmin) -> None:
    await world.admit(job())
    world.server.set("session:1", "1")
    world.server.set(Keys("elsewhere").epoch, "1")

    found = admin.other_namespaces()

    assert "elsewhere" in found and world.namespace not in found and "" not in found


async def test_a_beat_in_the_future_does_not_count(world: RedisWorld, admin: RedisAdmin) -> None:
    await announce(world)
    [(name, entry)] = world.server.hgetall(world.keys.batchers).items()
    world.server.hset(world.keys.batchers, name, b"%013d" % (int(entry[:13]) + 3_600_000) + entry[13:])

    seen = admin.overview()

    [one] = seen.batchers
    assert (one.is_live, only(seen).batchers) == (False, 0)
    assert one.beat_age == pytest.approx(-3600.0, abs=LONG)


async def test_a_look_shows_so_many_models_and_counts_the_others(
    world: RedisWorld, admin: RedisAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.admin.redis.MODELS_SHOWN", 2)
    await announce(world)
    for at in range(9):
        world.server.rpush(world.keys.queue(f"m{at}@1", "bulk"), "x")

    seen = admin.overview()

    assert (len(seen.models), seen.left_out) == (2, 8)
    assert MODEL in [model.key for model in seen.models]


async def test_a_command_that_the_server_does_not_know_is_told_from_one_that_is_denied(
    world: RedisWorld, admin: RedisAdmin
) -> None:
    commands = [["ping"], ["nosuchcommand", "x"], ["config", "get", "dir"]]

    assert (admin.unknown(commands), admin.denied(commands)) == ([1], [2])


@pytest.mark.parametrize(
    ("url", "user"),
    [
        ("redis://h:1/0", "default"),
        ("redis://some%40one:word@h:1/0", "some@one"),
        ("redis://h:1/0?username=someone&password=word", "someone"),
    ],
)
async def test_the_user_is_the_one_that_the_url_names(url: str, user: str) -> None:
    with closing(connect_admin(url, "default")) as made:
        assert made.user == user


async def test_jobs_of_a_model_whose_card_is_gone_are_still_seen(world: RedisWorld, admin: RedisAdmin) -> None:
    await world.admit(job())
    world.server.delete(world.keys.cards, world.keys.batchers)

    seen = only(admin.overview())

    assert (seen.key, seen.card, seen.waiting) == (MODEL, None, 1)


async def test_keys_of_a_wrong_type_and_unreadable_entries_hide_nothing_else(
    world: RedisWorld, admin: RedisAdmin
) -> None:
    await announce(world)
    await world.admit(job(), lane=Lane.BULK)
    world.server.set(world.keys.queue(MODEL, "interactive"), "not a list")
    world.server.hset(world.keys.cards, "x@y", b"rubbish")
    world.server.hset(world.keys.batchers, "b9", b"\xff")

    seen = admin.overview()

    found = next(model for model in seen.models if model.key == MODEL)
    assert [lane.jobs for lane in found.lanes] == [-1, 1]
    assert seen.unreadable == ["card x@y", "batcher b9"]


@pytest.mark.parametrize("lacking", ["+scan", "+zcard", "+hlen"])
async def test_a_user_who_may_not_look_is_told_so_and_sees_no_false_zeros(world: RedisWorld, lacking: str) -> None:
    await world.admit(job())
    await (await world.batcher()).drain("running", LIMITS, staged=False, suspects=True)
    line = next(line for line in rules().splitlines() if "jitney-operator" in line)
    granted = [rule for rule in line.split()[2:] if rule != lacking]
    world.server.execute_command("ACL", "SETUSER", "half", "reset", *granted)
    half = connect_admin(url_as(Role.OPERATOR, world.url).replace("jitney-operator", "half"), world.namespace)

    with closing(half), pytest.raises(BrokerError) as raised:
        half.overview()

    assert "may not do this" in diagnose(raised.value, world.url).cause


async def test_in_a_server_full_of_other_keys_a_look_stays_bounded(
    world: RedisWorld, admin: RedisAdmin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.admin.redis.SCANS", 2)
    monkeypatch.setattr("broker.admin.redis.KEYS_A_SCAN", 10)
    await announce(world)
    fill(world, 500)

    seen = admin.overview()

    assert not seen.is_complete
    assert only(seen).batchers == 1


async def test_an_operator_sees_and_chooses_the_default_of_a_task(world: RedisWorld, admin: RedisAdmin) -> None:
    front_end = await world.front_end()
    await front_end.settle_default("translation", "toy")

    before = admin.defaults()
    admin.choose_default("translation", "other")

    assert (before, dict((await front_end.look()).defaults)) == ({"translation": "toy"}, {"translation": "other"})


async def test_keys_of_another_protocol_are_seen_and_its_models_are_not(world: RedisWorld, admin: RedisAdmin) -> None:
    await world.admit(job())
    world.server.rpush(f"{world.keys.root}q:old@1:bulk", "x")
    world.server.set(f"{world.keys.root}9:epoch", "x")

    seen = admin.overview()

    assert (list(seen.other_protocols), only(seen).key) == ([1, 9], MODEL)
