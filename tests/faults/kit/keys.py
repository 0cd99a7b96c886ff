"""A stack whose callers need keys, and keys as operators make them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from itertools import count

from broker.embedded import Server
from tests.faults.kit.command import Said, jitney
from tests.integration.processes import FrontEnd, Reply
from tests.integration.stack import Stack, stack
from tests.waiting import until

SPEC = "synthetic:1ms+0ms"
PATH = "/models/synthetic"
NUMBERS = count()
SEEN = 2.0  # seconds within which every front end knows of a change


@contextlib.contextmanager
def keyed_stack(broker: Server, spec: str = SPEC, **settings: object) -> Iterator[Stack]:
    """One batcher, and one front end that asks for keys."""
    with stack([], 0, broker=broker, **({"api_keys": "on"} | settings)) as made:
        made.start_batcher(spec)
        made.start_front_end()
        yield made


def add(url: str, name: str, *how: str) -> str:
    """A new key, as `jitney keys add` prints it."""
    said = jitney("keys", "add", name, *how, url=url)
    assert said.code == 0, said.all
    return said.out.strip()


def keys(url: str, *arguments: str) -> Said:
    return jitney("keys", *arguments, url=url)


def id_of(key: str) -> str:
    return key.split("_")[1]


def bearer(key: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {key}"}


def ask(front_end: FrontEnd, key: str = "", headers: Mapping[str, str] | None = None) -> Reply:
    """Each time another text, so that with a cache all is computed, too."""
    body = {"payload": {"records": [{"id": 1, "text": f"ab {next(NUMBERS)}"}]}}
    return front_end.post(PATH, body, headers or (bearer(key) if key else {}))


def until_status(front_end: FrontEnd, key: str, status: int, *, within: float = SEEN) -> float:
    """How many seconds it took until this key is answered so."""
    return until(lambda: ask(front_end, key).status == status, f"a key is answered {status}", within=within)
