"""What every test shares: asyncio as the one event loop, and time that moves only when a test moves it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest


@dataclass
class FakeClock:
    """Time in seconds; `tick` is the only thing that moves it. Callable and with `.monotonic()`, like `time`."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now

    monotonic = __call__
    time = __call__

    def tick(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()
