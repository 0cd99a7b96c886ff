"""The Lua scripts, run by their hash; a server that has forgotten one is told again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import redis
import redis.asyncio
from redis.exceptions import NoScriptError, OutOfMemoryError, ReadOnlyError

from broker.redis.connection import translated

FOLDER = files("broker") / "scripts"


class Script:
    """One file of `broker/scripts/`: its first line, then common.lua, then the rest."""

    def __init__(self, name: str) -> None:
        first_line, rest = (FOLDER / f"{name}.lua").read_text("utf-8").split("\n", 1)
        common = (FOLDER / "common.lua").read_text("utf-8")
        self.source = f"{first_line}\n{common}\n{rest}".encode()
        self.sha = hashlib.sha1(self.source, usedforsecurity=False).hexdigest()

    # redis-py's own Script asks SCRIPT EXISTS before each run inside a pipeline; this never does.
    async def run(self, client: redis.asyncio.Redis, keys: Sequence[str], args: Sequence[Any]) -> Any:
        with translated():
            try:
                return await client.execute_command("EVALSHA", self.sha, len(keys), *keys, *args)
            except NoScriptError:
                return await client.execute_command("EVAL", self.source, len(keys), *keys, *args)

    def in_full(self, keys: Sequence[str], args: Sequence[Any]) -> list[Any]:
        """As a command in front of another script, whose server may not know it by its hash."""
        return ["EVAL", self.source, len(keys), *keys, *args]

    async def run_after(
        self, client: redis.asyncio.Redis, before: Sequence[Sequence[Any]], keys: Sequence[str], args: Sequence[Any]
    ) -> Any:
        """Run other commands first, in the same trip. Where one of them blocks, the server runs the script the moment
        that it unblocks us. The script's own error is raised before theirs."""
        if not before:
            return await self.run(client, keys, args)
        with translated():
            async with client.pipeline(transaction=False) as pipe:
                for command in before:
                    pipe.execute_command(*command)
                pipe.execute_command("EVALSHA", self.sha, len(keys), *keys, *args)
                *replies, answer = await pipe.execute(raise_on_error=False)
        if isinstance(answer, NoScriptError | ReadOnlyError):  # alone it is told again, or closes the connection
            return await self.run(client, keys, args)
        with translated():
            for reply in (answer, *replies):
                if isinstance(reply, Exception) and not _is_harmless(reply):
                    raise reply
            if isinstance(answer, Exception):
                raise answer
        return answer

    def run_sync(self, client: redis.Redis, keys: Sequence[str], args: Sequence[Any]) -> Any:
        with translated():
            try:
                return client.execute_command("EVALSHA", self.sha, len(keys), *keys, *args)
            except NoScriptError:
                return client.execute_command("EVAL", self.source, len(keys), *keys, *args)


def _is_harmless(error: Exception) -> bool:
    """In a command before a script: the script has run, and its answer counts. It mends a wake list that is none."""
    return isinstance(error, OutOfMemoryError | NoScriptError) or str(error).startswith("WRONGTYPE")


ADMIT = Script("admit")
CANCEL = Script("cancel")
DRAIN = Script("drain")
BEAT = Script("beat")
ANNOUNCE = Script("announce")
FINISH = Script("finish")
FAIL = Script("fail")
RELEASE = Script("release")
RECLAIM = Script("reclaim")
LOOK = Script("look")
LETTERS = Script("letters")
DROP = Script("drop")
RIGHTS = Script("rights")
