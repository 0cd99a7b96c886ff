"""How asyncio tasks talk to the broker: redis-py's commands, over links of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakSet

import hiredis
import redis.asyncio

from broker.redis.link import Link, link_by


class Client(redis.asyncio.Redis):
    """redis-py's commands over links of ours: a trip costs a tenth of one by its streams.

    It opens as many as there are callers at a time. One that broke takes its idle neighbours with it: they lead to the
    same dead host, and whoever is given one of them would wait for another time limit.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._limit: float = self.connection_pool.connection_kwargs["socket_timeout"]
        self._idle: list[Link] = []
        self._links: WeakSet[Link] = WeakSet()

    async def trip(self, *commands: Sequence[Any]) -> list[Any]:
        """The answers to these commands, as they came; an error is one of them. They are sent in one go, and once."""
        packed = b"".join([hiredis.pack_command(tuple(command)) for command in commands])
        try:
            link = self._idle_link() or await self._connect()
            answers = await link.trip(packed, len(commands))
        except Exception:
            self._drop(self._idle)
            raise
        if link.is_open:
            self._idle.append(link)
        else:
            self._drop(self._idle)
        return answers

    async def ask(self, *commands: Sequence[Any]) -> list[Any]:
        """The same; raises the first error."""
        answers = await self.trip(*commands)
        raise_first(commands, answers)
        return answers

    async def atomic(self, *commands: Sequence[Any]) -> list[Any]:
        """The answers to these commands, all carried out at once; an error is one of them. Raises that for which none
        was carried out."""
        *queued, answers = await self.trip(("MULTI",), *commands, ("EXEC",))
        if isinstance(answers, Exception):
            raise_first(commands, queued[1:])
            raise answers
        return list(answers)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """What redis-py's own methods call: the answer as they read it."""
        [answer] = await self.ask((*str(args[0]).split(), *args[1:]))
        options.pop("keys", None)
        read = self.response_callbacks.get(args[0])
        return read(answer, **options) if read else answer

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        self._drop(list(self._links))
        await super().aclose(close_connection_pool)

    def _idle_link(self) -> Link | None:
        while self._idle:
            link = self._idle.pop()
            if link.is_open:
                return link
        return None

    async def _connect(self) -> Link:
        link = await link_by(self.connection_pool.make_connection(), self._limit)
        self._links.add(link)
        return link

    @staticmethod
    def _drop(links: list[Link]) -> None:
        while links:
            links.pop().close()


def seconds_of(time: Sequence[bytes]) -> float:
    """What TIME answered."""
    seconds, micros = time
    return int(seconds) + int(micros) / 1e6


def mapping_of(answer: Any) -> Any:
    """What HGETALL answered: by `?protocol=2` in the broker's URL names and values stand in a list."""
    return dict(zip(answer[::2], answer[1::2], strict=True)) if isinstance(answer, list) else answer


def raise_first(commands: Sequence[Sequence[Any]], answers: Sequence[Any]) -> None:
    """Raise the first error among the answers to these commands. One about a key that holds something else than we
    keep there names it: somebody has to find it."""
    for command, answer in zip(commands, answers, strict=True):
        if isinstance(answer, Exception):
            is_nameless = "WRONGTYPE" in str(answer) and not str(command[0]).startswith("EVAL")  # scripts name theirs
            raise type(answer)(f"{answer} key {command[1]}") if is_nameless else answer
