"""What must hold whatever broke: every request meets one definite end, no answer is wrong, nothing is left behind."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import redis

from broker.keys import Keys
from tests.faults.kit.traffic import Call, ask
from tests.integration.stack import NAMESPACE, Stack
from tests.waiting import until

KEYS = Keys(NAMESPACE)
# What may stay for ever: the registry, what operators set or have to look at, and the epoch.
FIXED = ("cards", "batchers", "defaults", "traffic", "epoch", "dead:", "limits:")
WORK = ("q:", "tokens:", "bytes:", "suspect:", "lease:", "leases:", "held:")  # keys that hold, or count, jobs
LENGTHS = {"string": "STRLEN", "list": "LLEN", "hash": "HLEN", "set": "SCARD", "zset": "ZCARD"}
REFUSALS = frozenset({429, 503})  # "come back later": what an outage or overload may cost
ALIVE_WITHIN = 1.0  # seconds for a fresh request, once things have settled


def check_answers(calls: Sequence[Call], *, errors: Collection[int] = ()) -> Counter[int]:
    """Every call ended in its own right answer, or in a definite error of a status in `errors`. How many of each."""
    assert calls, "nothing was asked"
    for call in calls:
        if call.status == 200:
            assert is_right(call), f"a wrong answer to {call.text!r}: {call.body!r}"
        else:
            fate = f"{call.status} after {call.seconds:.2f} s: {call.body!r}"
            assert call.status in errors, f"{call.text!r} ended in {fate}"
            assert is_definite(call), f"{call.text!r} got no problem document: {call.body!r}"
    return Counter(call.status for call in calls)


def is_right(call: Call) -> bool:
    """The synthetic model answers a text reversed; the record's id is the text."""
    return bool(call.json() == {"result": [{"id": call.text, "text": call.text[::-1]}]})


def is_definite(call: Call) -> bool:
    """A problem document that says the status it came with; one that asks to come back says when."""
    problem = json.loads(call.body)
    says_when = call.retry_after.isdigit() and int(call.retry_after) >= 1
    return problem["status"] == call.status and bool(problem["code"]) and (call.status not in REFUSALS or says_when)


def check_nothing_left(stack: Stack, *, within: float = 10.0) -> None:
    """No job in any list, no lease, no key without a TTL but the fixed ones; a fresh request is answered in a second.

    The path of the fresh request is the synthetic model's.
    """
    check_no_key_left(stack.redis, within=within)
    _assert_alive(stack)


def check_no_key_left(client: redis.Redis, *, within: float = 10.0, ended: Collection[str] = ()) -> None:
    """The same without the fresh request. Nobody takes jobs from the lists of revisions that have ended: what went on
    to another one lies there until its deadline."""

    def left() -> list[str]:
        return [
            key for key in leftovers(client) if not any(f":{model}:" in key and _ends(client, key) for model in ended)
        ]

    with _telling(client):
        until(lambda: not left(), "nothing is left behind", within=within)


def _ends(client: redis.Redis, name: str) -> bool:
    """By itself."""
    return client.pttl(KEYS.prefix + name) != -1


@contextlib.contextmanager
def _telling(client: redis.Redis) -> Iterator[None]:
    """What fails in the block says what is left."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{error}; left are: {', '.join(leftovers(client, describe=described))}") from None


def described(client: redis.Redis, key: bytes) -> str:
    """Its type, how long it is and how long it lives, and of what is none of ours nothing else."""
    kind = client.type(key).decode()  # type: ignore[union-attr]
    size: Any = client.execute_command(LENGTHS[kind], key) if kind in LENGTHS else "?"
    return f" ({kind} of {size}, ends in {client.pttl(key)} ms)"


def leftovers(
    client: redis.Redis, prefix: str = KEYS.prefix, *, describe: Callable[[redis.Redis, bytes], str] = lambda *_: ""
) -> list[str]:
    """What is still there and should not be: keys that hold jobs, keys that nothing will ever remove."""
    found = []
    for key in client.scan_iter(f"{prefix}*", count=1000):
        name = key.decode().removeprefix(prefix)
        if name.startswith(WORK) and not _is_idle(client, key, name):
            found.append(f"{name}{describe(client, key)}")
        elif not name.startswith(FIXED) and client.pttl(key) == -1:
            found.append(f"{name} (without a TTL){describe(client, key)}")
    return found


def _is_idle(client: redis.Redis, key: bytes, name: str) -> bool:
    """A count of zero holds nothing; a key may also have gone since it was listed."""
    return client.get(key) in (b"0", None) if name.startswith(("tokens:", "bytes:")) else not client.exists(key)


def _assert_alive(stack: Stack) -> None:
    for front_end in stack.front_ends:
        if front_end.exit_code is None:
            started = time.monotonic()
            check_answers(ask([front_end.url]))
            seconds = time.monotonic() - started
            assert seconds < ALIVE_WITHIN, f"a fresh request took {seconds:.2f} s"


def recovery(calls: Sequence[Call], since: float, *, slow: float = 0.5) -> float:
    """Seconds from a fault at `since` (`time.monotonic`) until the last request that it harmed met its end: one that
    failed, or took longer than `slow` seconds. Afterwards all is as before."""
    harmed = [call.ended for call in calls if call.ended > since and (call.status != 200 or call.seconds > slow)]
    return max(harmed, default=since) - since
