"""What openai-python asks for again and what it does not, as it comes, against real processes in trouble."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import openai
import pytest

from tests.faults.kit.supervisor import Supervisor
from tests.integration.full_lane import full_lane
from tests.integration.stack import Stack, stack
from tests.integration.toy_faults import DEADLY

THIRDS, MORTAL = "tests.integration.toy_embedders:Thirds", "tests.integration.toy_faults:MortalThirds"


@contextmanager
def client(system: Stack, heard: Callable[[int], object]) -> Iterator[openai.OpenAI]:
    """`heard` is told the status of every answer."""
    hooks = {"response": [lambda answer: heard(answer.status_code)]}
    with httpx2.Client(event_hooks=hooks) as http:
        yield openai.OpenAI(api_key="none", base_url=f"{system.url}/v1", http_client=http)


def test_a_full_lane_is_a_rate_limit_and_asked_again_until_it_has_room(tmp_path: Path) -> None:
    gate, statuses = tmp_path / "gate", []

    def heard(status: int) -> None:
        statuses.append(status)
        if len(statuses) == 2:
            gate.touch()

    with full_lane("GatedThirds", gate, "/embed", {"inputs": "word1"}) as system, client(system, heard) as made:
        with pytest.raises(openai.RateLimitError) as told:
            made.with_options(max_retries=0).embeddings.create(model="gatedthirds", input="word1")
        reply = made.embeddings.create(model="gatedthirds", input="word1")

    assert (told.value.code, statuses) == ("contended", [429, 429, 200])
    assert len(reply.data[0].embedding) == 3


def test_a_text_that_crashes_batchers_is_sent_once() -> None:
    statuses: list[int] = []
    with stack([MORTAL], lease=0.5) as system, client(system, statuses.append) as made:
        with Supervisor(system, MORTAL, 1).watching(), pytest.raises(openai.UnprocessableEntityError) as told:
            made.embeddings.create(model="mortalthirds", input=["word1", DEADLY])
        crashed = [batcher for batcher in system.batchers if batcher.exit_code == 1]

    assert (told.value.code, told.value.param, statuses) == ("poison", "input", [422])
    assert len(crashed) == 3


def test_a_broker_that_is_away_is_an_error_of_the_server_and_asked_again() -> None:
    statuses: list[int] = []
    with stack([THIRDS]) as system, client(system, statuses.append) as made:
        os.kill(system.broker.pid or 0, signal.SIGKILL)
        with pytest.raises(openai.InternalServerError) as told:
            made.embeddings.create(model="thirds", input="word1")

    assert (told.value.status_code, told.value.code) == (503, "broker_unavailable")
    assert statuses == [503] * 3
