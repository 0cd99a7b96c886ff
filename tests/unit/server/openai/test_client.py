"""openai-python itself, on a front end in this process: what it raises, and what it does not ask for again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
import openai
import pytest

from broker.messages import FailureCode, Verdict
from tests.unit.server.clustering.angles import angles
from tests.unit.server.stand_in import ScriptedBroker

pytestmark = pytest.mark.anyio


@dataclass(slots=True)
class Client:
    """The client, and how often it has asked."""

    openai: openai.AsyncOpenAI
    asked: list[str]


@asynccontextmanager
async def client(broker: ScriptedBroker | None = None) -> AsyncIterator[Client]:
    asked: list[str] = []

    async def note(request: httpx2.Request) -> None:
        asked.append(request.url.path)

    async with angles(broker) as jitney:
        jitney.client.event_hooks = {"request": [note]}
        made = openai.AsyncOpenAI(api_key="none", base_url="http://jitney/v1", http_client=jitney.client)
        yield Client(made, asked)


@pytest.mark.parametrize(
    ("model", "text", "raised", "code"),
    [
        pytest.param("compass", "fail:poison", openai.UnprocessableEntityError, "poison", id="it crashes batchers"),
        pytest.param("compass", "fail:model_error", openai.UnprocessableEntityError, "model_error", id="it fails"),
        pytest.param("compass", "impossible", openai.BadRequestError, "invalid_input", id="it cannot be read"),
        pytest.param("ada-002", "0", openai.NotFoundError, "model_not_found", id="no such model"),
    ],
)
async def test_what_would_fail_again_is_asked_for_once(model, text, raised, code):
    async with client() as made:
        with pytest.raises(raised) as told:
            await made.openai.embeddings.create(model=model, input=text)

        assert (told.value.code, made.asked) == (code, ["/v1/embeddings"])
        assert told.value.request_id


async def test_where_too_much_waits_it_is_told_so_and_when_to_come_back():
    broker = ScriptedBroker(verdict=Verdict(waiting=9, refusal=FailureCode.CONTENDED))
    async with client(broker) as made:
        with pytest.raises(openai.RateLimitError) as told:
            await made.openai.with_options(max_retries=0).embeddings.create(model="compass", input="0")

        assert told.value.response.headers["retry-after"]
        assert told.value.type == "rate_limit_error"


async def test_the_message_is_ours():
    async with client() as made:
        with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length=False") as told:
            await made.openai.embeddings.create(model="compass", input=[[1, 2]])

        assert told.value.param == "input"
