"""What lies on the cache's server and is none of a front end's answers: a miss, computed and replaced, never a 500."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from itertools import count

import msgpack
import pytest
from msgspec import Struct

from broker.history.hashing import SECRET, hash_secret_from
from server.cache.entry import SEAL, Entry, Sealed
from server.cache.outbox import LARGEST
from tests.integration.cache.cached import KEY, PATH, Cached, body, cached_stack, found, status, until_met
from tests.integration.processes import FrontEnd, Reply
from tests.waiting import until

PREFIX = b"jitney-cache:{default}:"
OTHER = "another text"
VECTOR = ("/embedding", body("word1"))
NUMBERS = count(1)
ENORMOUS = b"x" * (20 << 20)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cached]:
    with cached_stack(tmp_path_factory.mktemp("cache"), "tests.integration.toy_embedders:Thirds") as made:
        yield made


@pytest.fixture(scope="module")
def reader(system: Cached) -> FrontEnd:
    """It keeps nothing in its own memory, so all that it knows it has from the server."""
    made = system.stack.start_front_end(cache_bytes=1)
    until_met(made)
    system.stack.wait_live(2)
    return made


class Found(Struct, frozen=True, kw_only=True):
    """An entry as it lies on the server, and two of others."""

    name: bytes
    data: bytes
    of_another_input: bytes
    of_another_task: bytes

    @property
    def fields(self) -> list[object]:
        fields: list[object] = msgpack.unpackb(self.data[SEAL:])
        return fields

    def sealed(self, what: object) -> bytes:
        """As a front end of another release may have written it, which has the same secret."""
        secret = hash_secret_from({SECRET: KEY})
        assert secret is not None
        data = msgpack.packb(what)
        return Sealed(secret)._seal(self.name, data) + data


def of_another_deployment(found: Found) -> bytes:
    entry = Entry(b'{"text":"wrong"}', 1, time.time(), time.time() + 100.0)
    return Sealed(b"another secret").close(found.name, entry)


POISON: dict[str, Callable[[Found], bytes]] = {
    "garbage": lambda found: b"garbage " * 50,
    "noise of msgpack": lambda found: b"\xdd\x7f\xff\xff\xff" * 20,
    "its seal alone": lambda found: found.data[:SEAL],
    "cut short": lambda found: found.data[: len(found.data) // 2],
    "one byte less": lambda found: found.data[:-1],
    "one byte more": lambda found: found.data + b"x",
    "one bit": lambda found: found.data[:-20] + bytes([found.data[-20] ^ 1]) + found.data[-19:],
    "another answer behind its seal": lambda found: found.data.replace(b"elpmaxe", b"ELPMAXE"),
    "of another input": lambda found: found.of_another_input,
    "of another task": lambda found: found.of_another_task,
    "of another deployment": of_another_deployment,
    "of a release with fewer fields": lambda found: found.sealed(found.fields[:2]),
    "of a release with other fields": lambda found: found.sealed(found.fields[::-1]),
    "of a release with names": lambda found: found.sealed({"fields": b"{}", "cost": 1}),
    "of a release with a text": lambda found: found.sealed("wrong"),
    "a little too large": lambda found: b"x" * (LARGEST + SEAL + 1),
    "enormous": lambda found: ENORMOUS,
}


def poisoned(front_end: FrontEnd) -> int:
    return counted(front_end, "lost_total", "poisoned")


def counted(front_end: FrontEnd, name: str, value: str) -> int:
    told = re.search(rf'jitney_cache_server_{name}\{{\w+="{value}"\}} (\S+)', front_end.metrics())
    assert told is not None
    return int(float(told[1]))


def entry_of(system: Cached, path: str, asked: object) -> tuple[bytes, bytes]:
    """The name and the bytes under which the server has the answer."""
    with system.server.client() as client:
        before = set(client.keys())
        assert system.one.post(path, asked).status == 200
        until(lambda: set(client.keys()) - before, "it is there")
        [key] = set(client.keys()) - before
        data = client.get(key)
        assert data is not None
        return key.removeprefix(PREFIX), data


@pytest.fixture(scope="module")
def others(system: Cached, reader: FrontEnd) -> tuple[bytes, bytes]:
    return entry_of(system, PATH, body(OTHER))[1], entry_of(system, *VECTOR)[1]


@pytest.mark.parametrize("kind", POISON)
def test_what_is_none_of_ours_is_computed_counted_and_replaced(
    system: Cached, reader: FrontEnd, others: tuple[bytes, bytes], kind: str
) -> None:
    text = f"example {next(NUMBERS)}"
    name, good = entry_of(system, PATH, body(text))
    bad = POISON[kind](Found(name=name, data=good, of_another_input=others[0], of_another_task=others[1]))
    assert bad != good
    before = poisoned(reader)
    with system.server.client() as client:
        client.set(PREFIX + name, bad)

        reply = reader.post(PATH, body(text))

        assert (reply.status, reply.json()["result"][0]["text"]) == (200, text[::-1])
        assert status(reply).startswith("jitney; fwd=miss")
        assert system.computed(text) == 2
        until(lambda: is_replaced(client.get(PREFIX + name), bad), "it is replaced")
    assert poisoned(reader) == before + 1
    assert found(reader, PATH, body(text)).body == reply.body
    assert system.computed(text) == 2


def is_replaced(now: bytes | None, bad: bytes) -> bool:
    return now is not None and now != bad


@pytest.mark.parametrize("kind", ["list", "time over", "nothing", "gone"])
def test_what_is_not_there_any_more_is_computed_and_is_no_poison(system: Cached, reader: FrontEnd, kind: str) -> None:
    text = f"example {next(NUMBERS)}"
    name, good = entry_of(system, PATH, body(text))
    here = Found(name=name, data=good, of_another_input=b"", of_another_task=b"")
    before = poisoned(reader)
    with system.server.client() as client:
        client.delete(PREFIX + name)
        if kind == "list":
            client.rpush(PREFIX + name, "a", "list")
        elif kind == "nothing":
            client.set(PREFIX + name, b"")
        elif kind == "time over":
            fields, cost, made, _, *rest = here.fields
            client.set(PREFIX + name, here.sealed([fields, cost, made, time.time() - 1.0, *rest]))

    reply = reader.post(PATH, body(text))

    assert (status(reply), reply.json()["result"][0]["text"]) == ("jitney; fwd=miss; stored", text[::-1])
    assert poisoned(reader) == before
    assert found(reader, PATH, body(text)).body == reply.body


def test_one_of_many_that_is_poisoned_costs_itself(system: Cached, reader: FrontEnd) -> None:
    texts = [f"of many {at}" for at in range(5)]
    entries = [entry_of(system, PATH, body(text)) for text in texts]
    with system.server.client() as client:
        client.set(PREFIX + entries[2][0], entries[3][1])

    reply = reader.post(PATH, body(*texts))

    assert [row["text"] for row in reply.json()["result"]] == [text[::-1] for text in texts]
    assert status(reply) == 'jitney; fwd=partial; stored; detail="4/5"'
    assert [system.computed(text) for text in texts] == [1, 1, 2, 1, 1]


# The server dies


def shared(system: Cached, reader: FrontEnd, text: str) -> Reply:
    """An answer that one front end has computed, from another."""
    system.one.post(PATH, body(text))
    return found(reader, PATH, body(text))


def test_a_server_that_dies_costs_nobody_an_answer_and_is_used_again_when_it_is_back(
    system: Cached, reader: FrontEnd
) -> None:
    assert shared(system, reader, "before it dies").status == 200
    system.server.kill()
    try:
        replies = [
            front.post(PATH, body("meanwhile")) for front in (system.one, system.other, system.one) for _ in "ab"
        ]
        known = system.one.post(PATH, body("before it dies"))
    finally:
        system.server.start()
    for front_end in (system.one, reader):
        until_met(front_end)

    assert [reply.status for reply in replies] == [200] * 6
    assert [status(reply).startswith("jitney; hit") for reply in replies] == [False, True, False, True, True, True]
    assert status(known).startswith("jitney; hit")  # out of its own memory
    assert system.computed("meanwhile") == 2
    assert status(shared(system, reader, "it is back")).startswith("jitney; hit")
    assert system.computed("it is back") == 1


def test_a_server_that_hangs_costs_a_moment(system: Cached, reader: FrontEnd) -> None:
    system.server.pause()
    try:
        began = time.monotonic()
        replies = [reader.post(PATH, body(f"hanging {at}")) for at in range(20)]
        spent = time.monotonic() - began
    finally:
        system.server.resume()
    for front_end in (system.one, reader):
        until_met(front_end)

    assert [reply.status for reply in replies] == [200] * 20
    assert spent < 3.0  # what one look waits, not what twenty do; the rest is room for a loaded machine
    assert status(shared(system, reader, "it goes on")).startswith("jitney; hit")
