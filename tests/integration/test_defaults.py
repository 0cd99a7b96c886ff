"""Two models of one task: the first answers unnamed requests, and no other in its place, whatever restarts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from broker.admin.rights import Role
from tests.contract.users import url_as
from tests.integration.processes import ROOT, FrontEnd
from tests.integration.stack import Stack, stack

ZEBRA, ANT = (f"tests.integration.toy_embedders:{name},name={name.lower()}" for name in ("Zebra", "Ant"))
BODY = {"payload": {"records": [{"id": 1, "text": "word1 word2"}]}}


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    """Zebra was there first; ant is first by the alphabet."""
    with stack([], front_ends=2) as made:
        for spec in (ZEBRA, ANT):
            made.start_batcher(spec)
        made.wait_live(2)
        yield made


def whose(front_end: FrontEnd) -> str:
    """Which model answers an unnamed request, or the status of its refusal."""
    # A model that left a moment ago may still be asked, and its request then waits for another to come.
    reply = front_end.post("/embedding", BODY, {"X-Request-Timeout": "1"})
    return reply.headers["jitney-model"].partition("@")[0] if reply.status == 200 else str(reply.status)


def await_model(system: Stack, front_end: FrontEnd, wanted: str) -> set[str]:
    """Ask until it is `wanted` that answers; everybody who answered on the way."""
    answers = set[str]()

    def is_there() -> bool:
        answers.add(answer := whose(front_end))
        return answer == wanted

    system.until(is_there, f"{wanted} answers at {front_end.title}", front_end)
    return answers


def live(front_end: FrontEnd) -> set[str]:
    models = front_end.get("/v1/models").json()["models"]
    return {model["name"] for model in models if model["status"] == "live"}


def jitney(system: Stack, *arguments: str) -> str:
    url = url_as(Role.OPERATOR, system.broker.url)
    command = [sys.executable, "-m", "jitney", *arguments]
    told: Any = {"capture_output": True, "text": True, "cwd": ROOT, "check": True}
    return subprocess.run(command, env={**system.environ, "JITNEY_REDIS_URL": url}, **told).stdout


def test_a_setting_names_the_default(system: Stack) -> None:
    front_end = system.start_front_end(default_models="embedding=ant")
    system.until(lambda: whose(front_end) == "ant", "the setting is followed")

    assert whose(system.front_ends[0]) == "zebra"
    front_end.stop()
    system.front_ends.remove(front_end)


def test_a_broker_that_comes_back_empty_changes_no_default(system: Stack) -> None:
    assert whose(system.front_ends[0]) == "zebra"

    system.redis.flushall()
    system.until(lambda: len(system.announced()) == 2, "both batchers announce themselves again")

    for front_end in system.front_ends:
        answers = await_model(system, front_end, "zebra")
        assert answers <= {"zebra", "503"}, "another model answered in its place"


def test_the_first_model_stays_the_default_through_every_restart_until_an_operator_chooses(
    system: Stack,
) -> None:
    assert [whose(front_end) for front_end in system.front_ends] == ["zebra", "zebra"]

    system.batchers[0].stop()
    for front_end in system.front_ends:
        assert await_model(system, front_end, "503") <= {"zebra", "504", "503"}
    late = system.start_front_end()
    system.until(lambda: "ant" in live(late), "the late front end sees the other model")
    assert whose(late) == "503"
    refused = late.post("/embedding", BODY).json()
    assert refused["code"] == "no_batcher" and "'zebra'" in refused["detail"] and "ant" in refused["detail"]
    checks = {check["name"]: check["ok"] for check in late.get("/readyz").json()["checks"]}
    assert checks["default of embedding"] is False
    named = {"payload": {**BODY["payload"], "model": "ant"}}
    assert late.post("/embedding", named).headers["jitney-model"].startswith("ant@")

    system.start_batcher(ZEBRA)
    for front_end in system.front_ends:
        assert await_model(system, front_end, "zebra") <= {"503", "zebra"}

    assert "zebra" in jitney(system, "default")
    assert "ant" in jitney(system, "default", "embedding", "ant")
    for front_end in system.front_ends:
        await_model(system, front_end, "ant")


def test_an_empty_fleet_is_ready_and_not_ok_and_no_name_is_unknown_yet() -> None:
    with stack([]) as made:
        reply = made.get("/readyz")

        assert (reply.status, reply.json()["status"]) == (200, "degraded")
        assert made.post("/models/any", BODY).status == 503
        assert made.post("/embedding", {"payload": {**BODY["payload"], "model": "any"}}).status == 503


def test_a_second_model_under_a_name_that_is_taken_is_told_and_changes_nothing() -> None:
    with stack(["synthetic:1ms"]) as made:
        second = made.start_batcher(ZEBRA.replace("zebra", "synthetic"))
        made.until(lambda: "name taken" in made.front_ends[0].stderr(), "the front end tells of it", second)

        checks = {check["name"]: check for check in made.get("/readyz").json()["checks"]}
        answers = {made.post("/models/synthetic", BODY).json()["result"][0]["text"] for _ in range(20)}

    assert answers == {"2drow 1drow"}
    assert checks["name synthetic"]["ok"] is False and "embedding" in checks["name synthetic"]["detail"]


def test_a_front_end_refuses_to_listen_nowhere() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "server", "--host", ""], cwd=ROOT, capture_output=True, text=True, timeout=30
    )

    assert run.returncode == 2
    assert "--host is empty" in run.stderr and "Traceback" not in run.stderr
