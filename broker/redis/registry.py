"""The registry as a front end reads it, on Redis: who lives, and what operators have chosen."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import structlog
from redis.exceptions import NoPermissionError, OutOfMemoryError, ResponseError

from broker.common.throttled_log import ThrottledLog
from broker.errors import BrokerFull, WireError
from broker.header import STAMP
from broker.keys import Keys
from broker.messages import Announcement, Fleet, Presence, Traffic
from broker.redis.client import Client, mapping_of, raise_first, seconds_of
from broker.redis.connection import translated
from broker.registry import decode_card, decode_presence, decode_traffic, encode_traffic
from broker.settings import NAME

HASH_REMEDY = "it must be a hash that front ends may read and write: docs/acl; delete what is none"
log = structlog.get_logger("broker")
Entry = TypeVar("Entry")


class RedisRegistry:
    """An entry that cannot be read costs itself alone."""

    def __init__(self, client: Client, keys: Keys, presence_ttl: float) -> None:
        self._client, self._keys, self._presence_ttl = client, keys, presence_ttl
        self._no_entry = ThrottledLog(log.warning)

    async def look(self) -> Fleet:
        """As `FrontEndBroker` promises it; the next two as well."""
        with translated():
            # A trip of its own, for it is the only one that writes: a replica is known by it, and a server whose memory
            # is spent refuses it and can be looked at all the same.
            with suppress(OutOfMemoryError):
                await self._client.set(self._keys.epoch, secrets.token_hex(8), nx=True)
            epoch, time, *hashes = await self._read()
        cards, batchers, defaults, traffic = map(mapping_of, hashes)
        live = self._live(batchers, seconds_of(time) - self._presence_ttl)
        announcements = [
            Announcement(card=card, announced=stamp, batchers=live.get(card.key, ()))
            for stamp, card in self._readable(self._keys.cards, cards, decode_card)
        ]
        names = frozenset(one.card.name for one in announcements)
        return Fleet(
            epoch=(epoch or b"").decode("ascii", "replace"),
            announcements=announcements,
            known_names=names,
            defaults=self._defaults(defaults),
            traffic=self._traffic(traffic),
        )

    async def _read(self) -> list[Any]:
        """Epoch, time, cards, batchers, and defaults and shares or why they cannot be read."""
        keys = self._keys
        looked = [("GET", keys.epoch), ("TIME",), ("HGETALL", keys.cards), ("HGETALL", keys.batchers)]
        wanted = ("HGETALL", keys.defaults), ("HGETALL", keys.traffic)
        *needed, defaults, traffic = await self._client.trip(*looked, *wanted)
        raise_first(looked, needed)
        return [*needed, defaults, traffic]

    def _defaults(self, answer: Any) -> dict[str, str]:
        """What cannot be read, or not by this user, costs the defaults alone: models are still found by name."""
        if isinstance(answer, Exception):
            self._no_entry("defaults unreadable", key=self._keys.defaults, reason=str(answer), remedy=HASH_REMEDY)
            return {}
        texts = {task.decode("utf-8", "replace"): name.decode("utf-8", "replace") for task, name in answer.items()}
        return {task: name for task, name in texts.items() if re.fullmatch(NAME, name)}

    def _traffic(self, answer: Any) -> dict[str, Traffic]:
        """The same of shares: without them requests go by the room of batchers."""
        key = self._keys.traffic
        if isinstance(answer, Exception):
            self._no_entry("shares unreadable", key=key, reason=str(answer), remedy=HASH_REMEDY)
            return {}
        found = {}
        for name, entry in answer.items():
            model = name[:80].decode("utf-8", "replace")
            try:
                found[model] = decode_traffic(entry)
            except WireError as error:
                remedy = "jitney traffic MODEL REVISION=SHARE sets them anew, --clear removes them"
                self._no_entry("shares ignored", key=key, entry=ascii(model), reason=str(error), remedy=remedy)
        return found

    async def settle_default(self, task: str, name: str, *, again: bool = False) -> None:
        await self._keep("HSET" if again else "HSETNX", self._keys.defaults, task, name)

    async def restore_traffic(self, name: str, traffic: Traffic) -> None:
        await self._keep("HSETNX", self._keys.traffic, name, encode_traffic(traffic))

    async def _keep(self, command: str, key: str, field: str, value: str | bytes) -> None:
        with suppress(BrokerFull), translated():
            try:
                await self._client.execute_command(command, key, field, value)
            except ResponseError as error:
                if not isinstance(error, NoPermissionError) and "WRONGTYPE" not in str(error):
                    raise
                self._no_entry("entry not kept", key=key, reason=str(error), remedy=HASH_REMEDY)

    def _live(self, batchers: Mapping[bytes, bytes], since: float) -> dict[str, list[Presence]]:
        live: dict[str, list[Presence]] = {}
        entries = self._readable(self._keys.batchers, batchers, lambda one: decode_presence(one.partition(b"\n")[2]))
        for beat, presence in entries:
            if since <= beat <= since + 2 * self._presence_ttl:  # nobody beats in the future
                live.setdefault(presence.model, []).append(presence)
        return live

    def _readable(
        self, key: str, entries: Mapping[bytes, bytes], decode: Callable[[bytes], Entry]
    ) -> Iterator[tuple[float, Entry]]:
        """Stamped entries of the registry, in seconds; one that cannot be read hides no other."""
        for name, entry in entries.items():
            try:
                yield int(entry[:STAMP]) / 1000, decode(entry[STAMP:])
            except (ValueError, WireError):
                field = ascii(name[:80].decode("utf-8", "replace"))
                remedy = f"restart its batcher; an entry of nobody's goes by itself, or by HDEL '{key}'"
                self._no_entry("registry entry ignored", key=key, entry=field, size=len(entry), remedy=remedy)
