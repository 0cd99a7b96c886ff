"""Whatever is sent to an address of any API, it ends in an answer: never in a crash, and never in silence.

New APIs are tried by themselves: their addresses and examples are those of the OpenAPI document.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from server.api.operation import Operation
from server.codecs.contract import Plan
from server.codecs.errors import CodecError
from server.codecs.work import UNBOUNDED, Work
from server.dialects.families import FAMILIES, operations
from tests.unit.server.stand_in import RunningFrontEnd, ScriptedBroker, WordCodec, announced, card, running

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]  # a twentieth of it on an idle machine

TASKS = ("translation", "classification", "embedding", "rerank", "zero-shot-classification", "image-classification")
MODELS = [announced(card(task, task=task, languages=["en", "ja"])) for task in TASKS]
LANGUAGES = ("en", "ja")
CRASHED = '"code":"internal"'
ODD_VALUES = [None, True, -1, 1e308, 10**40, "", "x" * 3000, "\u0000", [], {}, [None], [[]]]
ODD_BODIES = [
    *(b"", b" ", b"{", b"[]", b"{}", b"null", b"0", b'"x"', b"\xff", b"\xef\xbb\xbf{}", b'{"a": "\\ud800"}', b"NaN"),
    *(
        b"[" * 5_000,
        b'{"a":' * 5_000,
        b'{"payload": 1, "inputs": 2, "q": 3, "texts": 4, "documents": 5}',
        b"q=1&q=%FF",
    ),
    b"--x\r\nContent-Disposition: form-data; name=q\r\n\r\nhello\r\n--x--\r\n",
]
TYPES = [
    "application/json",
    "application/JSON; charset=latin-1",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "image/png",
    "text/plain",
    None,
]
ANSWERS: dict[str, dict[str, Any]] = {
    "embedding": {"embedding": [0.6, 0.8]},
    "rerank": {"score": 0.5},
    "translation": {"text": "a"},
}
LABELS = {"label": "a", "score": 0.5, "labels": [{"label": "a", "score": 0.5}, {"label": "b", "score": 0.25}]}


class OfItsTask(WordCodec):
    """Answers as the codecs of each task do."""

    def encode(self, text: Any, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        if isinstance(text, bytes):
            raise CodecError("this is no picture")
        return super().encode(text if isinstance(text, str) else " ".join(text), options, work)

    def decode(self, plan: Plan, outputs: Sequence[Any]) -> dict[str, Any]:
        return dict(ANSWERS.get(self.card.task, LABELS))


EVERY = list(operations(FAMILIES))
OPERATIONS = [one for one in EVERY if not one.is_followed and one.path not in ("/docs", "/openapi.json")]


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in this example."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield (*at, key)
        yield from places(below, (*at, key))


def mutated(example: Any) -> Iterator[Any]:
    """The example with one thing left out, or replaced by something odd."""
    yield example
    for *above, last in places(example):
        for odd in ODD_VALUES:
            made = copy.deepcopy(example)
            inner = made
            for key in above:
                inner = inner[key]
            inner[last] = odd
            yield made
        made = copy.deepcopy(example)
        inner = made
        for key in above:
            inner = inner[key]
        del inner[last]
        yield made


def bodies(one: Operation) -> Iterator[tuple[bytes, str | None]]:
    for body in ODD_BODIES:
        for kind in TYPES:
            yield body, kind
    if one.example is not None:
        for example in mutated(one.example(LANGUAGES)):
            yield json.dumps(example).encode(), "application/json"


async def ask(jitney: RunningFrontEnd, one: Operation, **how: Any) -> int:
    path = one.path.replace("{name}", "classification").replace("{id}", "x")
    async with asyncio.timeout(60):  # of a request that takes milliseconds
        answer = await jitney.client.request(one.method.upper(), path, **how)
    assert CRASHED not in answer.text, (path, how, answer.text)
    if answer.status_code >= 400 and answer.content:
        assert isinstance(answer.json(), dict), "an error that clients can read"
    return answer.status_code


@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: f"{one.method} {one.path}")
async def test_no_body_makes_it_crash(one):
    async with running(ScriptedBroker(MODELS), make_codec=OfItsTask) as jitney:
        statuses = {
            await ask(jitney, one, content=body, headers={} if kind is None else {"content-type": kind})
            for body, kind in bodies(one)
        }

        assert statuses


@pytest.mark.parametrize("query", ["", "q=%FF", "%", "=&=&&", "model=nobody&topK=x", "a=" + "x" * 5000, "q=a&q=b"])
async def test_nothing_behind_the_question_mark_makes_one_crash(query):
    async with running(ScriptedBroker(MODELS), make_codec=OfItsTask) as jitney:
        for one in OPERATIONS:
            await ask(jitney, one, params=query)


async def test_no_method_makes_one_crash():
    async with running(ScriptedBroker(MODELS), make_codec=OfItsTask) as jitney:
        for one in OPERATIONS:
            for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"):
                path = one.path.replace("{name}", "classification").replace("{id}", "x")
                answer = await jitney.client.request(method, path)
                assert CRASHED not in answer.text, (method, path)
