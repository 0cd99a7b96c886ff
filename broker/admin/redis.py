"""The broker as an operator sees it, on Redis: steps of a bounded size, and dead letters forgotten when told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import redis
from redis.exceptions import NoPermissionError

from broker.admin.callers import pressing, unread, with_left
from broker.admin.decoding import history, letters, overview
from broker.admin.overview import CallersOverview, Letters, Overview
from broker.admin.rights import READ_SCRIPTS
from broker.contract import StoredCredentials
from broker.credentials.credential import decode_all
from broker.credentials.stored import stored_credentials
from broker.errors import BrokerError
from broker.facts import Facts, facts
from broker.keys import PROTOCOL, Keys
from broker.messages import ModelCard, Policy, Traffic
from broker.redis import scripts
from broker.redis.connection import make_sync_client, translated
from broker.registry import encode_traffic

MODELS_SHOWN = 100
LEASES_LOOKED_INTO = 100  # for each model
CALLERS_READ = 1000  # keys, and refusals, at least
SCANS, KEYS_A_SCAN = 20, 1000
LANE = re.compile(r":[a-z]+(:[1-7])?$")  # behind the ⟨m⟩ of a list of jobs
HOLDS_JOBS = ("q:", "suspect:", "leases:", "dead:")  # then ⟨m⟩


def connect_admin(url: str, namespace: str) -> RedisAdmin:
    """It connects on first use. Raises `BrokerUnfit` for a URL that is none."""
    return RedisAdmin(make_sync_client(url, name=None, socket_timeout=2.0), Keys(namespace))


class RedisAdmin:
    """For one thread. Every method may raise a `BrokerError`."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client, self._keys = client, keys

    def close(self) -> None:
        self._client.close()

    @property
    def user(self) -> str:
        """Whom the URL names."""
        return self._client.connection_pool.connection_kwargs.get("username") or "default"

    def ping(self) -> None:
        """It answers, and be it with a no."""
        with _no_is_an_answer(), translated():
            self._client.ping()

    def time(self) -> float | None:
        """Seconds on the broker's clock; None where this user may not ask."""
        with _no_is_an_answer(), translated():
            seconds, micros = self._client.time()
            return float(seconds) + float(micros) / 1e6
        return None

    def facts(self) -> Facts:
        """What the server says of itself; nothing where this user may not ask."""
        with _no_is_an_answer(), translated():
            info: Any = self._client.info()
            return facts(info)
        return Facts()

    def holds_namespace(self, seen: Facts) -> None:
        """Raises what a node of a cluster says that does not hold our keys; a script would not say where they are."""
        if seen.mode == "cluster":
            with _no_is_an_answer(), translated():
                self._client.get(self._keys.epoch)

    def overview(self) -> Overview:
        """What there is, all at one moment; what is left to callers a moment later."""
        names, is_complete = self._scan(f"{self._keys.root}*", SCANS)
        models = dict.fromkeys(model for name in names if (model := self._model_of(name)))
        protocols = {self._keys.protocol_of(name.decode("utf-8", "replace")) for name in names} - {PROTOCOL}
        args = [self._keys.prefix, LEASES_LOOKED_INTO, MODELS_SHOWN, CALLERS_READ, *models]
        answer = scripts.OVERVIEW.run_sync(self._client, [self._keys.epoch, self._keys.credentials], args)
        seen = overview(answer, is_complete=is_complete, other_protocols=sorted(protocols))
        waiting, state = self._history()
        return replace(seen, callers=self._with_shown(seen), history=history(waiting, state, seen.now))

    def _history(self) -> list[Any]:
        return self._ask([("LLEN", self._keys.history), ("HGETALL", self._keys.history_state)])

    def _with_shown(self, seen: Overview) -> CallersOverview:
        callers = seen.callers
        if further := unread(callers):
            entries = self._ask([("HGET", self._keys.credentials, id) for id in further])
            found, _ = decode_all({id: entry for id, entry in zip(further, entries, strict=True) if entry})
            callers = replace(callers, credentials={**callers.credentials, **found})
        shown = pressing(callers, seen.models)
        policies = [(one.id, limit.policy) for one in shown for limit in one.limits if limit.policy]
        asked = [self._usage(id, policy, seen.now) for id, policy in policies]
        answers = {(id, policy.name): said for (id, policy), said in zip(policies, self._ask(asked), strict=True)}
        of_each = [{limit.name: answers.get((one.id, limit.name)) for limit in one.limits} for one in shown]
        left = [with_left(one, said, seen.now) for one, said in zip(shown, of_each, strict=True)]
        return replace(callers, shown=left)

    def _usage(self, id: str, policy: Policy, now: float) -> tuple[Any, ...]:
        if policy.kind == "concurrency":
            return ("ZCOUNT", self._keys.running(id), int(now * 1000), "+inf")
        return ("GET", self._keys.rate(id, policy.name))

    def _ask(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """In one trip. A key that holds something else is as one that is not there."""
        with translated(), self._client.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            answers = pipe.execute(raise_on_error=False)
            for answer in answers:
                if isinstance(answer, Exception) and not str(answer).startswith("WRONGTYPE"):
                    raise answer
        return [None if isinstance(answer, Exception) else answer for answer in answers]

    def missing_artifacts(self, card: ModelCard) -> list[str]:
        """The names of its files that the broker does not hold."""
        names = list(card.artifacts)
        with translated(), self._client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.exists(self._keys.artifact(card.artifacts[name]))
            found = pipe.execute()
        return [name for name, there in zip(names, found, strict=True) if not there]

    def dead_models(self) -> list[str]:
        """Each ⟨m⟩ with a key for dead letters. However many keys there are, all of them are looked through."""
        names, _ = self._scan(self._keys.dead("*"))
        return sorted({self._model_of(name) for name in names})

    def other_namespaces(self) -> list[str]:
        """Those beside ours that hold keys in this database; where there are very many keys, some may be missing."""
        names, _ = self._scan(Keys("*").root + "*", SCANS)
        found = {name.decode("utf-8", "replace").partition("{")[2].partition("}")[0] for name in names}
        return sorted(found - {self._keys.namespace})

    def defaults(self) -> dict[str, str]:
        """By task: the model that answers when a request names none."""
        with translated():
            found: Any = self._client.hgetall(self._keys.defaults)
        return {task.decode("utf-8", "replace"): name.decode("utf-8", "replace") for task, name in found.items()}

    def choose_default(self, task: str, name: str) -> None:
        """From now on this model does; front ends see it within a second."""
        with translated():
            self._client.hset(self._keys.defaults, task, name)

    def share_out(self, name: str, traffic: Traffic | None) -> None:
        """From now on this model's requests are, or by room alone; front ends see it within a second."""
        key = self._keys.traffic
        with translated(key):
            if traffic is None:
                self._client.hdel(key, name)
            else:
                self._client.hset(key, name, encode_traffic(traffic))

    def history_blocks(self) -> tuple[int, int]:
        """Of the history: how many blocks wait for its writer, and how many were ever written, then and now."""
        waiting, state = self._history()
        return int(waiting or 0), int((state or {}).get(b"trimmed", 0))

    def credentials(self) -> StoredCredentials:
        """What is kept of API keys."""
        with translated(self._keys.credentials):
            found: Any = self._client.hgetall(self._keys.credentials)
        return stored_credentials(found)

    def change_credential(self, id: str, before: bytes, after: bytes) -> bool:
        """False where what is kept of it is not `before` any more. Front ends see it within a second."""
        keys = [self._keys.credentials]
        return bool(scripts.CREDENTIAL.run_sync(self._client, keys, [id, before, after]))

    def letters(self, models: Sequence[str], limit: int) -> Letters:
        """The newest dead letters of each of these ⟨m⟩, at most `limit` each."""
        keys = {model: self._keys.dead(model) for model in models}
        return letters({model: scripts.LETTERS.run_sync(self._client, [key], [limit]) for model, key in keys.items()})

    def drop(self, models: Sequence[str], job_ids: Sequence[str] = ()) -> list[str]:
        """Forget these dead letters, or all of these ⟨m⟩ when no id is given; the ids of those that are gone."""
        gone = [scripts.DROP.run_sync(self._client, [self._keys.dead(model)], job_ids) for model in models]
        return [one.decode("ascii", "replace") for ids in gone for one in ids]

    def denied(self, commands: Sequence[Sequence[str]]) -> list[int]:
        """Which of these the server's access rules deny to this user, by their places. None is carried out.

        A user that may not run the script which asks is told so: more cannot be found out.
        """
        with _no_is_an_answer():
            return self._checked(commands)[0]
        return [place for place, (name, *_) in enumerate(commands) if name in READ_SCRIPTS]

    def unknown(self, commands: Sequence[Sequence[str]]) -> list[int]:
        """Which of these the server does not know, by their places: somebody has disabled or renamed them."""
        with _no_is_an_answer():
            return self._checked(commands)[1]
        return []

    def _checked(self, commands: Sequence[Sequence[str]]) -> tuple[list[int], list[int]]:
        args = [word for command in commands for word in (str(len(command)), *command)]
        denied, unknown = scripts.RIGHTS.run_sync(self._client, [self._keys.epoch], args)
        return denied, unknown

    def _scan(self, match: str, most: int | None = None) -> tuple[list[bytes], bool]:
        """The keys that match, in at most so many steps; False where those were too few. A step is a short one."""
        found: dict[bytes, None] = {}
        cursor, steps = 0, 0
        while steps == 0 or (cursor and steps != most):
            with translated():
                answer: Any = self._client.scan(cursor, match=match, count=KEYS_A_SCAN)
            cursor, names = answer
            found.update(dict.fromkeys(names))
            steps += 1
        return list(found), cursor == 0

    def _model_of(self, name: bytes) -> str:
        """The ⟨m⟩ whose jobs this key holds. A queue or a dead letter may outlive its card."""
        rest = name.decode("utf-8", "replace").removeprefix(self._keys.prefix)
        kind = next((kind for kind in HOLDS_JOBS if rest.startswith(kind)), None)
        model = rest.removeprefix(kind) if kind else ""
        return LANE.sub("", model) if kind == "q:" else model


@contextmanager
def _no_is_an_answer() -> Iterator[None]:
    """A command that the access rules deny ends the block, and is no error."""
    try:
        yield
    except BrokerError as error:
        if not isinstance(error.__cause__, NoPermissionError):
            raise
