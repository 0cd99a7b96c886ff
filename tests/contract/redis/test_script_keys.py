"""Every script is given keys of its namespace, in every call: a cluster and access rules know it by these."""

from __future__ import annotations

import pytest

from broker.admin.redis import RedisAdmin
from broker.admin.rights import Role, rights
from broker.contract import DEAD_KEPT
from broker.history.contract import WriterBeat
from broker.messages import Failure, FailureCode, Finish
from broker.redis import scripts
from tests.contract.predictions.orders import created, ending
from tests.contract.worlds import FRONT_END, LIMITS, MODEL, SHORT, RedisWorld, card, job, presence, results

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["valkey", "redis"], indirect=True)]
ALL = {name: made for name, made in vars(scripts).items() if isinstance(made, scripts.Script)}


async def run_every_script(world: RedisWorld, admin: RedisAdmin) -> None:
    batcher, heart, good, bad, staged = await world.batcher(), world.heart(), job(), job(), job()
    heart.announce(card(), {})
    await world.admit(good, bad)
    await batcher.drain("1", LIMITS, staged=False, suspects=True)
    heart.beat(presence(), {"1": [good.id, bad.id]})
    await batcher.fail("1", [Failure(job_id=bad.id, code=FailureCode.MODEL_ERROR, message="no")])
    await batcher.finish([Finish(batch="1", results=results(good), done=True)], starts=None)
    await world.admit(staged)
    await world.cancel(staged)
    await batcher.drain("2", LIMITS, staged=True, suspects=False)
    await batcher.release("2")
    await world.crash("3")
    admin.overview()
    admin.letters([MODEL], DEAD_KEPT)
    admin.drop([MODEL])
    admin.change_credential("a" * 12, b"", b"entry")
    admin.denied([right.words(world.keys) for right in rights(Role.OPERATOR)])
    predictions = await world.predictions()
    id = await created(predictions)
    await predictions.begin(id, FRONT_END)
    await predictions.add_rows(id, FRONT_END, 0, [b"row"], 0)
    await predictions.beat(FRONT_END, [id], 1)
    await predictions.finish(ending(id))
    await predictions.take_hooks(1)
    await predictions.remove(id)
    writer = await world.history_queue()
    await (await world.history()).append_history([b"block"], 1)
    await writer.trim_history((await writer.history_page(1)).trimmed, 1)
    await writer.beat_history(WriterBeat(writer="w", database="d"))
    await world.pass_time(SHORT)


async def test_every_script_is_always_given_a_key_of_its_namespace(world: RedisWorld, admin: RedisAdmin) -> None:
    for script in ALL.values():
        world.server.script_load(script.source)
    world.server.config_set("slowlog-max-len", 10_000)
    world.server.config_set("slowlog-log-slower-than", 0)
    world.server.slowlog_reset()

    await run_every_script(world, admin)

    world.server.config_set("slowlog-log-slower-than", -1)
    said = [entry["command"].split() for entry in world.server.slowlog_get(10_000)]
    # By the hash, then the number of its keys, then the first of them.
    calls = [words[1:4] for words in said if words[0].upper().startswith(b"EVAL")]
    assert {script.sha for script in ALL.values()} == {sha.decode() for sha, *_ in calls}
    prefix = world.keys.root.encode()
    assert [call for call in calls if int(call[1]) < 1 or not call[2].startswith(prefix)] == []
