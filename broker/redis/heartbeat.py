"""The broker as a batcher's heartbeat sees it, on Redis: synchronous, for an OS thread of its own."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import redis
import structlog

from broker.contract import ARTIFACT_TTL
from broker.errors import BrokerError, WireError
from broker.keys import Keys
from broker.messages import Limits, ModelCard, Presence, Pulse
from broker.redis import scripts
from broker.redis.connection import make_sync_client, translated
from broker.redis.uploads import Uploads, Wanted, always
from broker.registry import decode_limits, encode_presence, limits_entry, unknown_limits

log = structlog.get_logger("broker")
UPLOAD_TIMEOUT = 5.0  # seconds for a chunk: nothing waits for it but the file
SOON = 0.2  # seconds that a beat waits for what it announces again


def connect_heartbeat(
    url: str, namespace: str, model: str, *, lease: float = 2.5, limits: Limits | None = None
) -> RedisHeartbeat:
    """The heartbeat of a batcher of ⟨m⟩ = `model`; live limits change `limits`, the configured ones."""
    keys, timeout = Keys(namespace), max(0.5, lease / 4)
    client = make_sync_client(url, name="jitney-heart", socket_timeout=timeout)
    uploads = Uploads(make_sync_client(url, name="jitney-uploads", socket_timeout=UPLOAD_TIMEOUT), keys)
    return RedisHeartbeat(client, uploads, keys, model, lease, limits or Limits())


class RedisHeartbeat:
    """Keeps `HeartbeatBroker`. What it announced once it announces again when the broker has lost it."""

    def __init__(
        self, client: redis.Redis, uploads: Uploads, keys: Keys, model: str, lease: float, limits: Limits
    ) -> None:
        self._uploads = uploads
        self._bringing: threading.Thread | None = None
        self._client, self._keys, self._model, self._lease, self._limits = client, keys, model, lease, limits
        self._stamp = b""  # when this card was first announced, 13 digits: it stays as old when it is announced again
        self._found: Any = []  # live limits as they were last read
        self._live: Limits | None = None  # the last of them that made sense
        self._announced: tuple[ModelCard, Mapping[str, bytes]] | None = None

    def close(self) -> None:
        self._client.close()
        self._uploads.close()

    def announce(self, card: ModelCard, artifacts: Mapping[str, bytes], is_wanted: Wanted = always) -> None:
        self._announced = (card, artifacts)
        self._bring(card, artifacts, is_wanted)

    def beat(self, presence: Presence, jobs: Mapping[str, Sequence[str]]) -> Pulse:
        keys, args = self._beat(presence, jobs)
        lost, cancelled, epoch, limits, missing = scripts.BEAT.run_sync(self._client, keys, args)
        if missing:
            self._announce_again()
        return Pulse(
            lost=frozenset(batch.decode() for batch in lost),
            cancelled=frozenset(job.decode() for job in cancelled),
            epoch=epoch.decode("ascii", "replace"),
            limits=self._live_limits(limits),
        )

    def _announce_again(self) -> None:
        """In a thread of its own where it takes long: a heartbeat that uploads does not beat."""
        if self._announced is None or (self._bringing is not None and self._bringing.is_alive()):
            return
        self._bringing = threading.Thread(target=self._bring_back, name="uploads", daemon=True)
        self._bringing.start()
        self._bringing.join(SOON)

    def _bring(self, card: ModelCard, artifacts: Mapping[str, bytes], is_wanted: Wanted = always) -> None:
        try:
            self._uploads.bring(artifacts, is_wanted)
            self._stamp = self._uploads.announce(card, self._stamp)
        finally:
            self._uploads.close()

    def _bring_back(self) -> None:
        assert self._announced is not None
        card, artifacts = self._announced
        try:
            self._bring(card, artifacts)
        except BrokerError as error:  # the next beat finds it missing still
            log.warning("not announced again", model=self._model, error=str(error))

    def _live_limits(self, found: Any) -> Limits | None:
        """An operator's typing error neither stops a heartbeat nor undoes what was set before it. Told once."""
        if found != self._found:
            self._found = found
            try:
                entry = limits_entry(found)
                self._live = decode_limits(entry, self._limits)
            except WireError as error:
                self._complain("live limits ignored", reason=str(error))
            else:
                if unknown := unknown_limits(entry):
                    self._complain("live limits unknown", reason=f"there is no {', '.join(unknown)}")
        return self._live

    def _complain(self, event: str, *, reason: str) -> None:
        key = self._keys.limits(self._model.rpartition("@")[0])
        remedy = f"HSET '{key}' … corrects it, DEL '{key}' goes back to the configured ones"
        log.warning(event, model=self._model, key=key, reason=reason, remedy=remedy)

    def _beat(self, presence: Presence, jobs: Mapping[str, Sequence[str]]) -> tuple[list[str], list[Any]]:
        model = self._model
        sha256s = self._announced[1] if self._announced else ()
        keys = [self._keys.leases(model), self._keys.cards, self._keys.batchers, self._keys.epoch]
        keys += [self._keys.limits(model.rpartition("@")[0]), self._keys.cancel(model), self._keys.held(model)]
        keys += [*map(self._keys.lease, jobs), *map(self._keys.artifact, sha256s)]
        args = [presence.batcher, model, encode_presence(presence), int(self._lease * 1000), int(ARTIFACT_TTL * 1000)]
        args += [secrets.token_hex(8), len(jobs)]
        for batch, ids in jobs.items():
            args += [batch, len(ids), *ids]
        return keys, args

    def leave(self, batcher: str) -> None:
        with translated():
            self._client.hdel(self._keys.batchers, batcher)
