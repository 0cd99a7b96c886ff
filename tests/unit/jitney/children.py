"""Child processes of one line, and what they and we say."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jitney.up.child import Child
from jitney.up.plan import ChildSpec, Role

LIMIT = 10.0  # seconds; only a fault ever waits so long
MakeChild = Callable[..., Child]
STAYS = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + STAYS
# A handler may interrupt the print before it: so it writes past Python's buffer, which cannot be entered twice.
POLITE = "import os, signal; signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'bye'), os._exit(0))); " + STAYS


@dataclass(slots=True)
class Output:
    """The lines that were said, and a way to wait for a word among them."""

    lines: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self.news.set()

    async def wait_for(self, word: str) -> None:
        async with asyncio.timeout(LIMIT):
            while not any(word in line for line in self.lines):
                self.news.clear()
                await self.news.wait()


def tiny(program: str, title: str = "it", role: Role = Role.BATCHER, **more: Any) -> ChildSpec:
    """A child of one line."""
    return ChildSpec(title=title, role=role, command=(sys.executable, "-S", "-c", program), **more)
