"""What is kept and for whom it counts: answers of one revision alone, and failures that every such input has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.kit.poison import POISON, SPEC, meet_poison
from tests.faults.kit.traffic import PATH as SYNTHETIC
from tests.integration.cache.cached import ONLY, PATH, Cached, body, found, status
from tests.integration.processes import FrontEnd, Process, Reply
from tests.waiting import until

CHANGING = "/models/changing"
OLD, NEW = [1.0, 0.0], [0.0, 1.0]  # the vectors of two revisions


@pytest.fixture
def batcher(system: Cached) -> Iterator[Process]:
    """Of a model that fails as one asks it to."""
    made = start_synthetic(system)
    for front_end in (system.one, system.other):
        until_known(front_end, SYNTHETIC)
    yield made
    for one in system.stack.batchers:
        if one.exit_code is None and "synthetic" in " ".join(map(str, one.popen.args)):
            one.stop()


def start_synthetic(system: Cached) -> Process:
    return system.stack.start_batcher(SPEC, lease=0.5)


def until_known(front_end: FrontEnd, path: str) -> None:
    until(lambda: front_end.post(path, body("known")).status == 200, "the model is known", within=20.0)


def on_server(system: Cached) -> int:
    with system.server.client() as client:
        return int(client.dbsize())


def failed(front_end: FrontEnd, text: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    reply = front_end.post(SYNTHETIC, body(text), headers)
    return reply.status, reply.json()["code"]


# A revision that changes


def test_a_new_revision_has_no_hit_from_the_one_before_at_any_front_end(system: Cached) -> None:
    def only_new(front_end: FrontEnd) -> bool:
        # While a front end knows both, no more than a few requests in a row go to one of them.
        return all(vectors(front_end.post(CHANGING, body("word1"))) == [NEW] for _ in range(8))

    def vectors(reply: Reply) -> list[list[float]]:
        return [row["embedding"] for row in reply.json()["result"]]

    def revision(reply: Reply) -> str:
        return reply.headers["jitney-model"]

    old = system.stack.start_batcher("tests.integration.toy_embedders:Zebra,name=changing")
    until_known(system.one, CHANGING)
    until_known(system.other, CHANGING)
    before = system.one.post(CHANGING, body("word1"))
    assert vectors(before) == [OLD]
    found(system.other, CHANGING, body("word1"))
    new = system.stack.start_batcher("tests.integration.toy_embedders:Ant,name=changing")
    old.stop()
    for front_end in (system.one, system.other):
        until(lambda: only_new(front_end), "the new one alone answers", within=20.0)  # noqa: B023

    replies = [front_end.post(CHANGING, body("word1")) for front_end in (system.one, system.other) for _ in range(3)]
    fresh = [front_end.post(CHANGING, body("word2")) for front_end in (system.one, system.other)]

    assert [vectors(reply) for reply in replies + fresh] == [[NEW]] * 8
    assert len({revision(reply) for reply in [*replies, *fresh]} - {revision(before)}) == 1
    assert all(status(reply).startswith("jitney; hit") for reply in replies)
    new.stop()


def test_while_two_revisions_live_each_is_answered_with_its_own(system: Cached) -> None:
    made = [system.stack.start_batcher(f"tests.integration.toy_embedders:{one},name=both") for one in ("Zebra", "Ant")]
    until_known(system.one, "/models/both")

    replies = [system.one.post("/models/both", body("word1", "word2")) for _ in range(30)]

    told: dict[str, set[str]] = {}
    for reply in replies:
        rows = {str(row["embedding"]) for row in reply.json()["result"]}
        told.setdefault(reply.headers["jitney-model"], set()).update(rows)
    assert all(len(vectors) == 1 for vectors in told.values()), told
    assert len(set.union(*told.values())) == len(told)
    for one in made:
        one.stop()


# Failures


@pytest.mark.usefixtures("batcher")
def test_a_failure_that_may_pass_is_kept_nowhere(system: Cached) -> None:
    before = on_server(system)
    first, again = failed(system.one, "!raise"), failed(system.one, "!raise")
    cached = failed(system.one, "!raise", ONLY)
    mixed = [system.one.post(SYNTHETIC, body("!raise", f"good {at}")) for at in range(2)]

    assert first == again == (500, "model_error")
    assert cached == (504, "not_cached")
    assert [reply.json()["result"][0]["error"]["code"] for reply in mixed] == ["model_error"] * 2
    assert [status(reply) for reply in mixed] == ['jitney; fwd=miss; stored; detail="0/2"'] * 2
    until(lambda: on_server(system) >= before + 2, "the good ones are there")
    assert on_server(system) == before + 2


def test_an_answer_that_came_too_late_is_asked_for_again(system: Cached, batcher: Process) -> None:
    batcher.pause()
    try:
        late = failed(system.one, "too late", {"X-Request-Timeout": "0.3"})
    finally:
        batcher.resume()

    assert late[0] in (503, 504)
    until_known(system.one, SYNTHETIC)
    reply = system.one.post(SYNTHETIC, body("too late"))
    assert (reply.status, status(reply)) == (200, "jitney; fwd=miss; stored")


def test_what_no_try_could_answer_is_kept_for_each_front_end(system: Cached) -> None:
    asked = body("", "word1 word2 word3 word4")
    told = system.one.post("/classification", asked)

    shared = found(system.other, "/classification", asked)

    assert told.json()["result"][0]["error"]["code"] == "invalid_input"
    assert status(shared).startswith("jitney; hit; ttl=5")  # of a minute, and not of a day
    assert shared.body == told.body


@pytest.mark.timeout(120)
def test_an_input_that_kills_batchers_kills_no_more_of_them(system: Cached, batcher: Process) -> None:
    assert batcher is system.stack.batchers[-1]
    meet_poison(system.stack, lambda: start_synthetic(system))
    if system.stack.batchers[-1].exit_code is not None:
        start_synthetic(system)

    until(lambda: failed(system.other, POISON, ONLY) == (500, "poison"), "the other front end has it too")
    told = [failed(front_end, POISON) for front_end in (system.one, system.other) for _ in range(3)]

    assert told == [(500, "poison")] * 6
    until_known(system.one, SYNTHETIC)
    assert system.stack.batchers[-1].exit_code is None


def test_what_was_malformed_is_kept_nowhere(system: Cached) -> None:
    before = on_server(system)
    replies = [system.one.post(PATH, asked) for asked in (b"{", {"payload": {}}, {"payload": {"records": [{"id": 1}]}})]

    assert {reply.status for reply in replies} <= {400, 422}
    assert on_server(system) == before
