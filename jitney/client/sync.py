"""`Jitney`, the client whose calls wait. Those of `AsyncJitney` are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from jitney.client import calls, predictions
from jitney.client.answers import Answer, Translation
from jitney.client.calls import Call, Glossary
from jitney.client.policy.window import Bounds
from jitney.client.sending.blocking import Prediction, Sender
from jitney.client.sending.http import require_httpx2, settings
from jitney.client.sending.named import named
from jitney.client.sending.options import options_of

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A", bound=Answer)


def asked(make: Callable[P, Call[T]]) -> Callable[Concatenate[Jitney, P], T]:
    """The method that asks for this and waits; its parameters are those of the call."""

    def method(self: Jitney, /, *texts: P.args, **how: P.kwargs) -> T:
        return self.run(make(*texts, **how))

    return named(method, make)


class Jitney:
    """A server's address, and connections to it. Threads may share it; with `with` it is closed at the end.

    `url` and `api_key` are JITNEY_URL and JITNEY_API_KEY unless said. `timeout`: seconds that a call may take, all its
    tries together. `http` is an `httpx2.Client` of your own, with its proxies and certificates.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        timeout: float = 60.0,
        max_retries: int = 3,
        lane: str = "interactive",
        raise_on_error: bool = False,
        http: Any = None,
    ) -> None:
        how = {"timeout": timeout, "max_retries": max_retries, "lane": lane, "raise_on_error": raise_on_error}
        options = options_of(url, api_key, **how)
        self._sender = Sender(http or require_httpx2().Client(**settings(options.url)), options)

    def with_options(self, **changes: Any) -> Self:
        """The same connections, and calls made otherwise: `timeout`, `max_retries`, `lane`, `raise_on_error`."""
        made = type(self).__new__(type(self))
        made._sender = Sender(self._sender.http, self._sender.options.changed(**changes))
        return made

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
        texts: Iterable[str],
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
        texts: Iterable[str],
        *,
        window: int = 256,
        per_request: int = 32,
    ) -> Iterator[A]:
        """An answer a text, in their order, from requests of a few texts each; `make` is a call such as `calls.embed`.

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
