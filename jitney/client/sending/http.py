"""What both clients do the same with httpx2, which they import only when one is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from jitney.client.errors import CannotReach, JitneyError, TimedOut

LONGEST_CONNECT = 10.0  # seconds: who has not taken the connection by then is away
SHORTEST_STEP = 0.001  # seconds
HERE = ("127.0.0.1", "localhost", "::1")


class NotInstalled(ImportError):
    """httpx2 is not there."""


def require_httpx2() -> Any:
    try:
        import httpx2
    except ImportError as error:
        raise NotInstalled("this needs httpx2, which is not installed: pip install 'jitney[client]'") from error
    return httpx2


def settings(url: str) -> dict[str, Any]:
    """Of the connections that a client makes for itself: calls have their deadlines, and wait for no place."""
    limits = require_httpx2().Limits(max_connections=None, max_keepalive_connections=64)
    # Without TLS no certificate is asked for; to read those there are would take a third of a command's time.
    return {"limits": limits, "trust_env": may_have_proxy(url), "verify": not url.startswith("http://")}


def may_have_proxy(url: str) -> bool:
    """Whether variables may name one: none leads to this machine."""
    return urlsplit(url).hostname not in HERE


class TimeLeft(dict[str, float]):
    """The timeouts of a request as httpx2 asks for them, one by one as each step begins: what is left until one
    deadline, so that steps do not add up."""

    def __init__(self, ends_at: float, clock: Callable[[], float]) -> None:
        super().__init__()
        self._ends_at = ends_at
        self._clock = clock

    def get(self, name: str, default: object = None) -> float:
        left = max(SHORTEST_STEP, self._ends_at - self._clock())
        return min(left, LONGEST_CONNECT) if name == "connect" else left


def translated(error: Exception, shown: str) -> JitneyError:
    """What httpx2 raised, in our words. Only what is of the network is `CannotReach`, and tried again."""
    httpx2 = require_httpx2()
    if isinstance(error, httpx2.TimeoutException) and not isinstance(error, httpx2.ConnectTimeout):
        return TimedOut(f"{shown}: no answer in time")
    if isinstance(error, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol | httpx2.InvalidURL):
        # Its words have the header or the address that it is about, and so a key or a password.
        return JitneyError(f"{shown}: no request can be made of this: {type(error).__name__}")
    return CannotReach(f"{shown} is not reached: {error or type(error).__name__}")
