"""Front ends that share a cache's server, and what client and cache tell each other (RFC 9111 and RFC 9211)."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.cache.cached import ONLY, PATH, Cached, body, found, status
from tests.integration.processes import FrontEnd, Reply
from tests.waiting import until

MISS, HIT = "jitney; fwd=miss; stored", "jitney; hit; ttl="


def said(front_end: FrontEnd, text: str, *directives: str) -> Reply:
    """With these words in `Cache-Control`."""
    return front_end.post(PATH, body(text), {"Cache-Control": ", ".join(directives)} if directives else {})


def records(front_end: FrontEnd, result: str) -> float:
    rows = [line for line in front_end.metrics().splitlines() if line.startswith("jitney_cache_records_total{")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in rows if f'result="{result}"' in line)


def test_the_second_front_end_hits_what_the_first_has_computed(system: Cached) -> None:
    first = said(system.one, "computed once")
    second = found(system.other, PATH, body("computed once"))

    assert status(first) == MISS and status(second).startswith(HIT)
    assert second.body == first.body
    assert second.headers["jitney-model"] == first.headers["jitney-model"]
    assert system.computed("computed once") == 1


def test_equal_texts_at_one_time_are_computed_once_and_told_to_be_collapsed(system: Cached) -> None:
    batcher, waiting = system.stack.batchers[0], records(system.one, "joined")
    batcher.pause()
    try:
        with ThreadPoolExecutor(9) as clients:
            pending = [clients.submit(said, system.one, "all at once") for _ in range(9)]
            until(lambda: records(system.one, "joined") == waiting + 8, "eight wait for the first")
            batcher.resume()
            replies = [one.result() for one in pending]
    finally:
        batcher.resume()

    assert sorted(status(reply) for reply in replies) == [*["jitney; fwd=miss; collapsed"] * 8, MISS]
    assert len({reply.body for reply in replies}) == 1
    assert system.computed("all at once") == 1


def test_some_of_its_records_are_told_in_numbers(system: Cached) -> None:
    said(system.one, "one of three")
    reply = system.one.post(PATH, body("one of three", "two of three", "three of three"))

    assert status(reply) == 'jitney; fwd=partial; stored; detail="1/3"'


def forced(system: Cached, text: str) -> list[Reply]:
    return [said(system.one, text), said(system.one, text, "no-cache"), said(system.one, text)]


def unstored(system: Cached, text: str) -> list[Reply]:
    return [said(system.one, text, "no-store"), said(system.one, text), said(system.one, text, "No-Store")]


def of_an_age(system: Cached, text: str) -> list[Reply]:
    first = said(system.one, text)
    young = said(system.one, text, "max-age=60")
    time.sleep(1.1)
    return [first, young, said(system.one, text, "max-age=1"), said(system.one, text, "max-age=1", "max-stale")]


def of_no_age(system: Cached, text: str) -> list[Reply]:
    return [said(system.one, text), said(system.one, text, "max-age=0"), said(system.one, text, "min-fresh=5")]


@pytest.mark.parametrize(
    ("ask", "told", "computed"),
    [
        (forced, [MISS, "jitney; fwd=request; stored", HIT], 2),
        (unstored, ["jitney; fwd=bypass", MISS, "jitney; fwd=bypass"], 3),
        (of_an_age, [MISS, HIT, "jitney; fwd=request; stored", HIT], 2),
        (of_no_age, [MISS, "jitney; fwd=request; stored", HIT], 2),
    ],
    ids=["no-cache", "no-store", "max-age", "max-age=0"],
)
def test_a_client_says_what_it_takes(
    system: Cached, ask: Callable[[Cached, str], list[Reply]], told: list[str], computed: int
) -> None:
    text = f"asked by {ask.__name__}"

    replies = ask(system, text)

    assert [status(reply).startswith(expected) for reply, expected in zip(replies, told, strict=True)], replies
    assert [status(reply)[: len(expected)] for reply, expected in zip(replies, told, strict=True)] == told
    assert len({reply.body for reply in replies}) == 1
    assert system.computed(text) == computed


def test_only_if_cached_computes_nothing_and_is_a_504(system: Cached) -> None:
    reply = said(system.one, "never asked", "only-if-cached")
    mixed = system.one.post(PATH, body("known", "never asked"), ONLY)

    assert [(one.status, one.json()["code"]) for one in (reply, mixed)] == [(504, "not_cached")] * 2
    assert status(reply) == "" or "hit" not in status(reply)
    time.sleep(0.1)
    assert system.computed("never asked") == 0


def test_what_is_never_stored_reaches_no_server(system: Cached) -> None:
    with system.server.client() as client:
        said(system.one, "a marker")
        found(system.other, PATH, body("a marker"))
        before = set(client.keys())
        said(system.one, "of nobody else", "no-store")
        said(system.one, "another marker")
        found(system.other, PATH, body("another marker"))

        assert len(set(client.keys()) - before) == 1
        held = b"".join(client.get(key) or b"" for key in client.scan_iter())
    assert b"rekram rehtona" in held and b"esle ydobon fo" not in held and b"another marker" not in held
