"""`Jitney`, the client whose calls wait. Those of `AsyncJitney` are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Concatenate, ParamSpec, Self, TypeVar

from jitney.client import calls, predictions
from jitney.client.answers import Answer, Translation
from jitney.client.calls import Call, Glossary
from jitney.client.common import Client
from jitney.client.policy.window import Bounds
from jitney.client.sending.ahead import ReadAhead
from jitney.client.sending.blocking import Prediction, Sender
from jitney.client.sending.named import named

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A", bound=Answer)


def asked(make: Callable[P, Call[T]]) -> Callable[Concatenate[Jitney, P], T]:
    """The method that asks for this and waits; its parameters are those of the call."""

    def method(self: Jitney, /, *texts: P.args, **how: P.kwargs) -> T:
        return self.run(make(*texts, **how))

    return named(method, make)


class Jitney(Client[Sender]):
    """A server's address, and connections to it. Threads may share it; with `with` it is closed at the end."""

    _kind = Sender

    def close(self) -> None:
        self._sender.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

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
        texts: Iterable[str] | ReadAhead,
        *,
        to: str,
        from_: str = "auto",
        glossary: Glossary | None = None,
        html: bool = False,
        model: str | None = None,
        window: int = 256,
        per_request: int = 32,
    ) -> Iterator[Translation]:
        """As many texts as there are, in their order: see `many`."""

        def make(few: list[str]) -> Call[list[Translation]]:
            return calls.translate(few, to=to, from_=from_, glossary=glossary, html=html, model=model)

        return self.many(make, texts, window=window, per_request=per_request)

    def many(
        self,
        make: Callable[[list[str]], Call[list[A]]],
        texts: Iterable[str] | ReadAhead,
        *,
        window: int = 256,
        per_request: int = 32,
    ) -> Iterator[A]:
        """An answer a text, in their order, from requests of a few texts each; `make` is a call such as `calls.embed`.

        The caller's thread reads `texts`, and gives no answer while it waits for one; with `ReadAhead(texts)` it does.
        At most `window` texts are read ahead of the answer that is next. Where the server refuses for now, all wait as
        long as it says, and half as many requests go on; each answer makes room for more.
        """
        self._sender.run(make([]))  # what it refuses now is no text's fault
        bounds = Bounds(window=window, per_request=per_request)
        for place, answer in enumerate(self._sender.many(make, texts, bounds)):
            yield self._sender.options.approved_at(place, answer)

    def run(self, call: Call[T]) -> T:
        """What a call of `jitney.client.calls` comes to."""
        return self._sender.options.approved(self._sender.run(call))

    def submit(
        self, call: Call[T], *, key: str | None = None, within: float | None = None, webhook: str | None = None
    ) -> Prediction[T]:
        """Have it answered later. The same `key` is the same prediction; `within` are the seconds that it may take."""
        id = self._sender.run(predictions.submission(call, key=key, within=within, webhook=webhook))
        return self.prediction(id, call)

    def prediction(self, id: str, call: Call[T]) -> Prediction[T]:
        """One that was submitted before; `call` says how its result is read."""
        return Prediction(self._sender, id, call)
