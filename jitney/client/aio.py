"""`AsyncJitney`, the client for asyncio. Its calls are those of `Jitney`, to be awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from jitney.client import calls, predictions
from jitney.client.answers import Answer, Translation
from jitney.client.calls import Call, Glossary
from jitney.client.common import Client
from jitney.client.policy.window import Bounds
from jitney.client.sending.ahead_async import Texts
from jitney.client.sending.awaited import AsyncPrediction, AsyncSender
from jitney.client.sending.named import named

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A", bound=Answer)


def asked(make: Callable[P, Call[T]]) -> Callable[Concatenate[AsyncJitney, P], Coroutine[Any, Any, T]]:
    """The method that asks for this; its parameters are those of the call."""

    async def method(self: AsyncJitney, /, *texts: P.args, **how: P.kwargs) -> T:
        return await self.run(make(*texts, **how))

    return named(method, make)


class AsyncJitney(Client[AsyncSender]):
    """A server's address, and connections to it; with `async with` it is closed at the end. It belongs to one loop."""

    _kind = AsyncSender

    async def close(self) -> None:
        await self._sender.http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    translate = asked(calls.translate)
    classify = asked(calls.classify)
    classify_image = asked(calls.classify_image)
    embed = asked(calls.embed)
    rerank = asked(calls.rerank)
    cluster = asked(calls.cluster)
    ask = asked(calls.ask)
    models = asked(calls.models)

    def translate_many(
        self,
        texts: Texts,
        *,
        to: str,
        from_: str = "auto",
        glossary: Glossary | None = None,
        html: bool = False,
        model: str | None = None,
        window: int = 256,
        per_request: int = 32,
    ) -> AsyncIterator[Translation]:
        """As many texts as there are, in their order: see `many`."""

        def make(few: list[str]) -> Call[list[Translation]]:
            return calls.translate(few, to=to, from_=from_, glossary=glossary, html=html, model=model)

        return self.many(make, texts, window=window, per_request=per_request)

    async def many(
        self,
        make: Callable[[list[str]], Call[list[A]]],
        texts: Texts,
        *,
        window: int = 256,
        per_request: int = 32,
    ) -> AsyncIterator[A]:
        """An answer a text, in their order, from requests of a few texts each; `make` is a call such as `calls.embed`.

        They come by `async for`, from a list, or from any other iterable, which a thread reads: none blocks the loop.
        At most `window` texts are read ahead of the answer that is next. Where the server refuses for now, all wait as
        long as it says, and half as many requests go on; each answer makes room for more.
        """
        await self._sender.run(make([]))  # what it refuses now is no text's fault
        bounds = Bounds(window=window, per_request=per_request)
        place = 0
        async with aclosing(self._sender.many(make, texts, bounds)) as answers:  # what is under way ends with us
            async for answer in answers:
                yield self._sender.options.approved_at(place, answer)
                place += 1

    async def run(self, call: Call[T]) -> T:
        """What a call of `jitney.client.calls` comes to."""
        return self._sender.options.approved(await self._sender.run(call))

    async def submit(
        self, call: Call[T], *, key: str | None = None, within: float | None = None, webhook: str | None = None
    ) -> AsyncPrediction[T]:
        """Have it answered later. The same `key` is the same prediction; `within` are the seconds that it may take."""
        id = await self._sender.run(predictions.submission(call, key=key, within=within, webhook=webhook))
        return self.prediction(id, call)

    def prediction(self, id: str, call: Call[T]) -> AsyncPrediction[T]:
        """One that was submitted before; `call` says how its result is read."""
        return AsyncPrediction(self._sender, id, call)
