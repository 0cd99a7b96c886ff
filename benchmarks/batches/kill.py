"""A front end is killed amid a large prediction: how soon another one goes on, what is computed again, what is lost."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.batches.contract import NotMeasured
from benchmarks.lib.envelope import envelope
from benchmarks.lib.http_client import JSON
from benchmarks.lib.stack import NAMESPACE, Child, Stack
from broker.keys import Keys

NAME, SPEC = "card", "synthetic:20ms+0.5ms"
LIMIT = 120.0  # seconds of anything that is waited for
LOOK = 0.02  # seconds between two looks


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """What came of one. Seconds are counted from the kill."""

    records: int
    done_before: int  # records that had left the card when the front end was killed
    adopted: float  # seconds until another front end had it
    finished: float  # seconds until its result was there
    twice: int  # records that were computed again
    wrong: int  # records whose answer is missing, out of order, or another one


def kill_amid(stack: Stack, batcher: Child, owner: Child, other: Child, records: int) -> Kill:
    """Post to `owner`, kill it half-way, fetch from `other`. Raises `OSError`, `NotMeasured`."""
    texts = [f"text {number}" for number in range(records)]
    before = stack.jobs(batcher)
    id = _submitted(owner, texts)
    first = _owner(stack, id)
    _until(lambda: stack.jobs(batcher) >= before + records // 2, "half of it is computed")
    stack.kill(owner)
    killed, done_before = time.perf_counter(), stack.jobs(batcher) - before
    adopted = _until(lambda: _owner(stack, id) != first, "it is adopted")
    found: dict[str, Any] = {}
    finished = _until(lambda: bool(found.update(_result(other, id)) or found), "its result is there")
    computed = _settled(lambda: stack.jobs(batcher)) - before
    return Kill(
        records=records,
        done_before=done_before,
        adopted=adopted - killed,
        finished=finished - killed,
        twice=computed - records,
        wrong=wrong(texts, found["result"]),
    )


def wrong(texts: list[str], answers: list[Any]) -> int:
    """How many texts are not answered in their place. The model answers each text reversed."""
    expected = [{"id": str(number), "text": text[::-1]} for number, text in enumerate(texts)]
    amiss = sum(answer != due for answer, due in zip(answers, expected, strict=False))
    return int(amiss) + abs(len(answers) - len(texts))


def _submitted(owner: Child, texts: list[str]) -> str:
    headers = {"Content-Type": JSON, "Prefer": "respond-async", "Jitney-Lane": "bulk"}
    request = urllib.request.Request(f"{owner.url}/models/{NAME}", envelope(texts), headers)
    try:
        with urllib.request.urlopen(request, timeout=LIMIT) as reply:
            return str(reply.headers["location"]).rpartition("/")[2]
    except urllib.error.HTTPError as error:
        raise NotMeasured(f"a prediction was answered {error.code}: {error.read()[:300].decode()}") from None


def _result(other: Child, id: str) -> dict[str, Any]:
    """Nothing while it is open."""
    with urllib.request.urlopen(f"{other.url}/predictions/{id}/result?wait=1", timeout=LIMIT) as reply:
        return dict(json.load(reply)) if reply.status == 200 else {}


def _owner(stack: Stack, id: str) -> Any:
    return stack.redis.hget(Keys(NAMESPACE).prediction(id), "owner")


def _until(holds: Callable[[], bool], what: str) -> float:
    """When it did. Raises `NotMeasured`."""
    give_up = time.perf_counter() + LIMIT
    while not holds():
        if time.perf_counter() > give_up:
            raise NotMeasured(f"waited {LIMIT:g} s in vain until {what}")
        time.sleep(LOOK)
    return time.perf_counter()


def _settled(count: Callable[[], int]) -> int:
    """What it counts once that has stood still: jobs of the dead front end may still be on the card."""
    counted = -1
    while (now := count()) != counted:
        counted = now
        time.sleep(0.5)
    return counted
