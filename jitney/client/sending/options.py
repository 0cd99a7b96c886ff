"""How calls are made, where nobody says otherwise."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from jitney.client.answers import Answer
from jitney.client.calls import Call
from jitney.client.errors import RecordFailed

T = TypeVar("T")

DEFAULT_URL = "http://127.0.0.1:9527"
URL, API_KEY = "JITNEY_URL", "JITNEY_API_KEY"  # variables
KEY = re.compile(r"[!-~]*")  # what a header can say


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Of all calls of a client."""

    url: str
    api_key: str
    timeout: float  # seconds: a call may take, with all its tries
    max_retries: int
    lane: str  # interactive or bulk
    raise_on_error: bool  # also for one record of several

    @property
    def shown(self) -> str:
        """The address without a password."""
        before, _, after = self.url.partition("://")
        return f"{before}://{after.rpartition('@')[2]}"

    def headers(self, call: Call[Any], told: float) -> Mapping[str, str]:
        """`told`: seconds that the server shall take."""
        sent = {"Jitney-Lane": self.lane}
        if self.api_key:
            sent["Authorization"] = f"Bearer {self.api_key}"
        if call.payload is not None:
            sent["Content-Type"] = "application/json"
        if call.tells_time:
            sent["X-Request-Timeout"] = f"{told:.3f}"
        return {**sent, **call.headers}

    def changed(self, **changes: Any) -> Options:
        return dataclasses.replace(self, **changes)

    def approved(self, answers: T) -> T:
        """The same. Raises `RecordFailed` for the first that has an error, where errors are not to be data."""
        if self.raise_on_error and isinstance(answers, list):
            for place, answer in enumerate(answers):
                self.approved_at(place, answer)
        return answers

    def approved_at(self, place: int, answer: T) -> T:
        if self.raise_on_error and isinstance(answer, Answer) and answer.error is not None:
            raise RecordFailed(place, answer.error)
        return answer


def options_of(url: str | None, api_key: str | None, **others: Any) -> Options:
    """What was not said is said by variables. Raises `ValueError`, without its words, for an address or a key that is
    none."""
    url = (url or os.environ.get(URL) or DEFAULT_URL).rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise ValueError("the address of a server begins with http:// or https://")
    if not is_address(url):
        raise ValueError("the address of a server has a host, and a port that is a number or none")
    key = (api_key or os.environ.get(API_KEY, "")).strip()
    if not KEY.fullmatch(key):
        raise ValueError("an API key is of visible ASCII, without blanks inside")
    return Options(url=url, api_key=key, **others)


def is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
