"""Files on their way to the broker, in chunks: a slow link is no dead one, and a file is there whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

import redis

from broker.contract import ARTIFACT_TTL, CHUNK
from broker.errors import BrokerUnavailable
from broker.keys import Keys
from broker.messages import ModelCard
from broker.redis import scripts
from broker.redis.connection import translated
from broker.registry import encode_card

PART_TTL = 60_000  # ms that a part of a file outlives the last chunk
Wanted = Callable[[], bool]


def always() -> bool:
    return True


class Uploads:
    """Synchronous, for one thread at a time. What was interrupted goes on where it was."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client, self._keys = client, keys
        self._mine = secrets.token_hex(8)  # each process its own part: they may upload the same file

    def bring(self, artifacts: Mapping[str, bytes], is_wanted: Wanted = always) -> None:
        """These files (SHA-256 → bytes), each for `ARTIFACT_TTL`. Raises `BrokerError`, also once it is not wanted."""
        for sha256, content in artifacts.items():
            with translated():
                self._bring(self._keys.artifact(sha256), content, is_wanted)

    def _bring(self, key: str, content: bytes, is_wanted: Wanted) -> None:
        ttl = int(ARTIFACT_TTL * 1000)
        if len(content) <= CHUNK:
            self._client.set(key, content, px=ttl)
            return
        if self._client.strlen(key) != len(content):
            self._client.rename(self._bring_part(key, content, is_wanted), key)
        self._client.pexpire(key, ttl)

    def _bring_part(self, key: str, content: bytes, is_wanted: Wanted) -> str:
        part = f"{key}:{self._mine}"
        at = int(self._client.strlen(part))
        while at < len(content):
            if not is_wanted():
                raise BrokerUnavailable("told to stop while a file was on its way")
            chunk = content[at : at + CHUNK]
            with self._client.pipeline(transaction=False) as pipe:
                pipe.setrange(part, at, chunk)
                pipe.pexpire(part, PART_TTL)
                pipe.execute()
            at += len(chunk)
        return part

    def announce(self, card: ModelCard, stamp: bytes) -> bytes:
        """The card, once its files are there; the stamp that it has from then on."""
        args = [card.key, encode_card(card), stamp]
        announced: bytes = scripts.ANNOUNCE.run_sync(self._client, [self._keys.cards], args)
        return announced

    def close(self) -> None:
        """The next use connects anew: after a failover an idle connection would lead to the old server."""
        self._client.close()
