"""The Lua scripts, run by their hash; a server that has forgotten one is told again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import redis
from redis.exceptions import NoScriptError, OutOfMemoryError

from broker.contract import BULK_SHARE, FRAME_TTL, LISTS, MOST_ASKED, MOST_OF_A_LANE
from broker.header import BY_REFERENCE, PLACES, SIZE, STAMP
from broker.keys import PROTOCOL
from broker.messages import RECORD, REQUEST
from broker.redis.client import Client
from broker.redis.connection import translated

FOLDER = files("broker") / "scripts"
COMMON = (FOLDER / "common.lua").read_text("utf-8")
POLICIES = (FOLDER / "policies.lua").read_text("utf-8")  # of ADMIT
FUNCTION = re.compile(r"^local function (\w+)(?:.* end|.*(?:\n(?!end$).*)*\nend)$", re.MULTILINE)


def _shared() -> str:
    """What scripts must know as Python does, as Lua: see common.lua."""
    known: dict[str, Any] = {"PROTOCOL": f"'{PROTOCOL}'", "HEADER": SIZE, "STAMP": STAMP}
    known |= {"FRAME_TTL": int(1000 * FRAME_TTL), "MOST_ASKED": MOST_ASKED, "BULK_SHARE": BULK_SHARE}
    known |= {"LISTS": LISTS, "MOST_OF_A_LANE": MOST_OF_A_LANE}
    known |= {"REQUEST": REQUEST, "RECORD": RECORD, "BY_REFERENCE": ord(BY_REFERENCE)}
    for name, place in PLACES.items():  # Lua counts from 1
        known |= {name.upper(): place.start + 1, f"{name.upper()}_END": place.stop}
    return f"local {', '.join(known)} = {', '.join(map(str, known.values()))}"


def _common(script: str) -> str:
    """What this script uses of common.lua. A server makes all functions of a script anew with each call: of all that
    are shared, that took FINISH a quarter of its time."""
    used = _words(script)
    for function in reversed([*FUNCTION.finditer(COMMON)]):  # each of them knows what stands above it
        if function[1] in used:
            used |= _words(function[0])
    return FUNCTION.sub(lambda function: function[0] if function[1] in used else "", COMMON)


def _words(source: str) -> set[str]:
    return set(re.findall(r"\w+", re.sub("--.*", "", source)))


class Script:
    """One file of `broker/scripts/`: its first line, then what it uses of what all share, then the rest.

    It is always given a key of its namespace at least: a cluster finds the node by it, access rules are asked for it.
    """

    def __init__(self, name: str) -> None:
        first_line, rest = (FOLDER / f"{name}.lua").read_text("utf-8").split("\n", 1)
        rest = f"{POLICIES}\n{rest}" if name == "admit" else rest
        self.source = f"{first_line}\n{_shared()}\n{_common(rest)}\n{rest}".encode()
        self._end = "_RO" if "no-writes" in first_line else ""  # it takes no right to write the keys that it names
        self.sha = hashlib.sha1(self.source, usedforsecurity=False).hexdigest()

    # redis-py's own Script asks SCRIPT EXISTS before each run inside a pipeline; this never does.
    async def run(self, client: Client, keys: Sequence[str], args: Sequence[Any]) -> Any:
        return await self.run_after(client, (), keys, args)

    def by_hash(self, keys: Sequence[str], args: Sequence[Any]) -> list[Any]:
        """As a command, for a server that knows it: mostly all do."""
        return [f"EVALSHA{self._end}", self.sha, len(keys), *keys, *args]

    def in_full(self, keys: Sequence[str], args: Sequence[Any]) -> list[Any]:
        """As a command, for one that may not."""
        return [f"EVAL{self._end}", self.source, len(keys), *keys, *args]

    async def run_after(
        self, client: Client, before: Sequence[Sequence[Any]], keys: Sequence[str], args: Sequence[Any]
    ) -> Any:
        """Run other commands first, in the same trip. Where one of them blocks, the server runs the script the moment
        that it unblocks us. The script's own error is raised before theirs."""
        with translated():
            *replies, answer = await client.trip(*before, self.by_hash(keys, args))
            if isinstance(answer, NoScriptError):
                [answer] = await client.trip(self.in_full(keys, args))
            if isinstance(answer, Exception):
                raise answer
            raise_harmful(replies)
        return answer

    def run_sync(self, client: redis.Redis, keys: Sequence[str], args: Sequence[Any]) -> Any:
        with translated():
            try:
                return client.execute_command(*self.by_hash(keys, args))
            except NoScriptError:
                return client.execute_command(*self.in_full(keys, args))


def raise_harmful(replies: Sequence[Any]) -> None:
    """Raise the first error among these that says more than that a script has something to mend."""
    for reply in replies:
        if isinstance(reply, Exception) and not _is_harmless(reply):
            raise reply


def _is_harmless(error: Exception) -> bool:
    """In a command before a script: the script has run, and its answer counts. It mends what is no list, or no zset."""
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
OVERVIEW = Script("overview")
LETTERS = Script("letters")
DROP = Script("drop")
RIGHTS = Script("rights")
CREDENTIAL = Script("credential")
PREDICTION_CREATE = Script("prediction_create")
PREDICTION_BEGIN = Script("prediction_begin")
PREDICTION_FINISH = Script("prediction_finish")
PREDICTION_REMOVE = Script("prediction_remove")
PREDICTION_ROWS = Script("prediction_rows")
PREDICTION_BEAT = Script("prediction_beat")
PREDICTION_HOOKS = Script("prediction_hooks")
HISTORY_APPEND = Script("history_append")
HISTORY_DROPPED = Script("history_dropped")
HISTORY_TRIM = Script("history_trim")
HISTORY_BEAT = Script("history_beat")
