"""Whatever is sent to an address of any API, it ends in an answer: never in a crash, and never in silence.

New APIs are tried by themselves: their addresses and examples are those of the OpenAPI document.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from broker.common.tasks import TASKS
from server.api.operation import Operation
from server.codecs.contract import Input, Plan, Token
from server.codecs.errors import CodecError
from server.codecs.work import UNBOUNDED, Work
from server.dialects.families import FAMILIES, operations
from tests.unit.server.stand_in import RunningFrontEnd, ScriptedBroker, WordCodec, announced, card, running

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]  # a twentieth of it on an idle machine

MODELS = [announced(card(task, task=task, languages=["en", "ja"])) for task in TASKS]
LANGUAGES = ("en", "ja")
CRASHED = '"code":"internal"'
ODD = "an odd value"  # what stands in an example for each of these, which are JSON or nearly so
ODD_VALUES = [
    *(b"null", b"true", b"-1", b"1e308", b"1e999", b"NaN", b"%d" % 10**40),
    *(b'""', b'" "', b'"%b"' % (b"x" * 3000), b'"\\u0000"', b'"\\ud800"', b'"\xff"'),
    *(b"[]", b"{}", b"[null]", b"[[]]", b'[""]', b"[" * 5_000),
]
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
PNG = b"\x89PNG"
LABELS = {"label": "a", "score": 0.5, "labels": [{"label": "a", "score": 0.5}, {"label": "b", "score": 0.25}]}


class OfItsTask(WordCodec):
    """Answers as the codecs of each task do."""

    def encode(self, text: Any, options: Mapping[str, Any], work: Work = UNBOUNDED) -> Plan:
        if isinstance(text, bytes) and not text.startswith(PNG):
            raise CodecError("this is no picture")
        return super().encode("a picture" if isinstance(text, bytes) else text, options, work)

    def tokens(self, input: Input, options: Mapping[str, Any], *, with_special: bool) -> Iterator[Token]:
        yield Token(id=1, text=str(input), is_special=False)

    def text_of_ids(self, ids: Sequence[int], *, with_special: bool) -> str:
        return "a" * len(ids)

    def decode(self, plan: Plan, outputs: Sequence[Any]) -> dict[str, Any]:
        return dict(ANSWERS.get(self.card.task, LABELS))


EVERY = list(operations(FAMILIES))
OPERATIONS = [one for one in EVERY if not one.is_followed and one.path not in ("/docs", "/openapi.json")]
OF_A_FILE = ("/v1/batches",)  # the example's is none that was brought


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in this example."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield (*at, key)
        yield from places(below, (*at, key))


def mutated(example: Any) -> Iterator[bytes]:
    """The example with one thing left out, or replaced by something odd."""
    yield json.dumps(example).encode()
    for place in places(example):
        made = json.dumps(replaced(example, place)).encode()
        yield from (made.replace(json.dumps(ODD).encode(), odd) for odd in ODD_VALUES)
        yield json.dumps(without(example, place)).encode()


def replaced(example: Any, place: tuple[Any, ...]) -> Any:
    made, inner = within(example, place)
    inner[place[-1]] = ODD
    return made


def without(example: Any, place: tuple[Any, ...]) -> Any:
    made, inner = within(example, place)
    del inner[place[-1]]
    return made


def within(example: Any, place: tuple[Any, ...]) -> tuple[Any, Any]:
    """A copy, and what of it holds this place."""
    made = inner = copy.deepcopy(example)
    for key in place[:-1]:
        inner = inner[key]
    return made, inner


def bodies(one: Operation) -> Iterator[tuple[bytes, str | None]]:
    for body in ODD_BODIES:
        for kind in TYPES:
            yield body, kind
    if one.example is not None:
        for body in mutated(one.example(LANGUAGES)):
            yield body, "application/json"


@asynccontextmanager
async def everything(files: Path) -> AsyncIterator[RunningFrontEnd]:
    """A front end with a model for each task, and whatever else the examples name."""
    how: dict[str, Any] = {"files": str(files), "alias": "demo=classification"}
    async with running(ScriptedBroker(MODELS), make_codec=OfItsTask, **how) as jitney:
        yield jitney


def addresses(one: Operation) -> list[str]:
    """With the name of a model of its task; of every task where it is for any."""
    names = [one.task] if one.task or "{name}" not in one.path else [*TASKS]
    return [one.path.replace("{name}", name).replace("{id}", "x") for name in names]


async def ask(jitney: RunningFrontEnd, one: Operation, **how: Any) -> Sequence[int]:
    return [await ask_at(jitney, path, one, **how) for path in addresses(one)]


async def ask_at(jitney: RunningFrontEnd, path: str, one: Operation, **how: Any) -> int:
    async with asyncio.timeout(60):  # of a request that takes milliseconds
        answer = await jitney.client.request(one.method.upper(), path, **how)
    assert CRASHED not in answer.text, (path, how, answer.text)
    if answer.status_code >= 400 and answer.content:
        assert isinstance(answer.json(), dict), "an error that clients can read"
    return answer.status_code


@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: f"{one.method} {one.path}")
async def test_no_body_makes_it_crash(one, tmp_path):
    async with everything(tmp_path) as jitney:
        for body, kind in bodies(one):
            await ask(jitney, one, content=body, headers={} if kind is None else {"content-type": kind})


@pytest.mark.parametrize("one", [one for one in OPERATIONS if one.example], ids=lambda one: f"{one.task} {one.path}")
async def test_what_is_made_odd_is_a_body_that_is_answered(one, tmp_path):
    async with everything(tmp_path) as jitney:
        statuses = await ask(jitney, one, json=one.example(LANGUAGES))

        assert (404 if one.path in OF_A_FILE else 200) in statuses, statuses


@pytest.mark.parametrize("query", ["", "q=%FF", "%", "=&=&&", "model=nobody&topK=x", "a=" + "x" * 5000, "q=a&q=b"])
async def test_nothing_behind_the_question_mark_makes_one_crash(query, tmp_path):
    async with everything(tmp_path) as jitney:
        for one in OPERATIONS:
            await ask(jitney, one, params=query)


async def test_no_method_makes_one_crash(tmp_path):
    async with everything(tmp_path) as jitney:
        for one in OPERATIONS:
            for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"):
                for path in addresses(one):
                    answer = await jitney.client.request(method, path)
                    assert CRASHED not in answer.text, (method, path)
