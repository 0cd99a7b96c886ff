"""What `Jitney` and `AsyncJitney` are made from."""

from __future__ import annotations

from typing import Any, Generic, Protocol, Self, TypeVar

from jitney.client.sending.http import require_httpx2, settings
from jitney.client.sending.options import Options, options_of


class Sends(Protocol):
    BY: str  # the client of httpx2's
    http: Any
    options: Options

    def __init__(self, http: Any, options: Options) -> None: ...


S = TypeVar("S", bound=Sends)


class Client(Generic[S]):
    _kind: type[S]

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
        """`url` and `api_key` are JITNEY_URL and JITNEY_API_KEY unless said. `timeout`: seconds that a call may take,
        all its tries together. `http` is a client of httpx2 of your own, with its proxies and certificates."""
        how = {"timeout": timeout, "max_retries": max_retries, "lane": lane, "raise_on_error": raise_on_error}
        options = options_of(url, api_key, **how)
        self._sender = self._kind(http or getattr(require_httpx2(), self._kind.BY)(**settings(options.url)), options)

    def with_options(self, **changes: Any) -> Self:
        """The same connections, and calls made otherwise: `timeout`, `max_retries`, `lane`, `raise_on_error`."""
        made = type(self).__new__(type(self))
        made._sender = self._kind(self._sender.http, self._sender.options.changed(**changes))
        return made
