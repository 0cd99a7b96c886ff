"""Webhooks on real processes: signed, and delivered though the front end dies that was about to."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from broker.keys import Keys
from jitney.admin.snapshot import admin
from tests.faults.kit.batches import created, found, lines
from tests.integration.processes import ROOT, FrontEnd, clean_environ
from tests.integration.stack import NAMESPACE, Stack, stack
from tests.waiting import until
from tests.webhook_receiver import LOOPBACK, SECRET, LocalReceiver, ids, local_receiver

PATH = "/models/synthetic"
BODY = {"payload": {"records": [{"id": 1, "text": "life"}]}}
OTHER_SECRET = "whsec_" + "b2xk" * 10


@pytest.fixture
def receiver() -> Iterator[LocalReceiver]:
    with local_receiver() as made:
        yield made


@pytest.fixture
def system(tmp_path: Path) -> Iterator[Stack]:
    secrets, files = f"{OTHER_SECRET} {SECRET}", tmp_path / "files"
    with stack(front_ends=2, webhooks="on", webhook_allow=LOOPBACK, webhook_secret=secrets, files=files) as made:
        yield made


def accepted(front_end: FrontEnd, receiver: LocalReceiver) -> str:
    """The id of a prediction whose end this receiver wants to know."""
    reply = front_end.post(PATH, BODY, {"Prefer": "respond-async", "Jitney-Webhook": receiver.url})
    assert reply.status == 202, reply.body
    return str(reply.json()["id"])


def settled(system: Stack) -> bool:
    return not system.redis.zcard(Keys(NAMESPACE).predictions_hooks)


def test_a_receiver_is_told_and_no_log_knows_secret_or_address(system: Stack, receiver: LocalReceiver) -> None:
    id = accepted(system.front_ends[0], receiver)
    until(lambda: receiver.came and settled(system), "it is delivered", within=20.0)

    [came] = receiver.came
    assert came.verified(SECRET) == came.verified(OTHER_SECRET)
    assert came.verified()["data"]["id"] == id
    assert 'jitney_webhooks_total{fate="delivered"} 1.0' in "".join(one.metrics() for one in system.front_ends)
    with admin(system.broker.url, NAMESPACE) as operator:
        [tried] = operator.overview().webhooks.tries
    assert (tried.host, tried.status, tried.fate) == ("127.0.0.1", 204, "delivered")
    said = system.outputs()
    assert "webhook" in said
    assert all(word not in said for word in (SECRET, OTHER_SECRET, "token=private", id))


def test_killed_before_its_prediction_ends_another_computes_and_tells(system: Stack, receiver: LocalReceiver) -> None:
    system.batchers[0].pause()
    id = accepted(system.front_ends[0], receiver)
    system.front_ends[0].kill()
    system.batchers[0].resume()

    until(lambda: receiver.came and settled(system), "the other has told", within=30.0)

    assert [one.verified()["data"]["id"] for one in receiver.came] == [id]


def test_killed_in_the_middle_of_a_delivery_another_delivers_again(system: Stack, receiver: LocalReceiver) -> None:
    receiver.answers.clear()
    id = accepted(system.front_ends[0], receiver)
    until(lambda: receiver.came, "a front end has begun to tell", within=20.0)
    for front_end in system.front_ends:  # whichever it was
        front_end.kill()
    receiver.answers.set()
    system.start_front_end()

    until(lambda: len(receiver.came) > 1 and settled(system), "it is told again", within=40.0)

    assert set(ids(receiver.came)) == {f"{id}-succeeded"}
    assert len({one.body for one in receiver.came}) == 1


def test_the_end_of_a_batch_is_told_as_openai_tells_it(system: Stack, receiver: LocalReceiver) -> None:
    told = {"Jitney-Webhook": receiver.url}
    batch = created(system.front_ends[0], lines(10), extra_headers=told)
    until(lambda: receiver.came and settled(system), "it is delivered", within=20.0)

    [came] = receiver.came
    event = openai.OpenAI(api_key="none").webhooks.unwrap(came.body, dict(came.headers), secret=SECRET)
    assert (event.type, event.data.id) == ("batch.completed", batch.id)
    assert found(system.front_ends[1], batch).status == "completed"


def test_a_front_end_that_could_not_sign_does_not_start_and_repeats_no_secret() -> None:
    environ = {**clean_environ(), "JITNEY_WEBHOOKS": "on", "JITNEY_WEBHOOK_SECRET": "whsec_tooshort"}

    ended = subprocess.run(
        [sys.executable, "-m", "server"], env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert ended.returncode == 2
    assert "JITNEY_WEBHOOK_SECRET must be whsec_" in ended.stderr
    assert "tooshort" not in ended.stderr
