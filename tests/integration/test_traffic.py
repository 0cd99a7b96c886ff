"""Shares of a model's requests, on real processes: two revisions, two front ends, and `jitney traffic`."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import pytest

from tests.faults.kit.batches import created, ended, line
from tests.integration.processes import FrontEnd, Reply
from tests.integration.stack import Stack, stack
from tests.integration.traffic import PATH, answered, ask, asked, batch_of, jitney, result, traffic, whose, with_keys

OLD, NEW = ("tests.integration.toy_vocabularies:" + name for name in ("Old", "New"))
MANY = {"payload": {"records": [{"id": number, "text": "word1 word2"} for number in range(250)]}}  # many rooms full
LATER = {"Prefer": "respond-async"}
PATIENCE = 20.0  # seconds of silence after which a batcher is given up: longer than a test lets one hang
CALLERS = 40

pytestmark = pytest.mark.timeout(120)  # on a machine that others use as well


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    files = tmp_path_factory.mktemp("files")
    with stack(models=[OLD], front_ends=2, name="toy", lease=PATIENCE, files=files) as made:
        made.start_batcher(NEW)
        made.wait_live(2)
        yield made


@pytest.fixture(scope="module")
def revisions(system: Stack) -> tuple[str, str]:
    """The old one and the new one."""
    (model,) = system.get("/v1/models").json()["models"]
    new, old = (one["revision"] for one in model["revisions"])
    return old, new


@pytest.fixture(autouse=True)
def no_shares(system: Stack) -> Iterator[None]:
    yield
    traffic(system, "toy", "--clear")


def test_a_revision_gets_its_share_of_a_thousand_requests(system: Stack, revisions: tuple[str, str]) -> None:
    old, new = revisions

    said = traffic(system, "toy", f"{new[:6]}=10%")
    found = asked(system, 1_000)

    assert said.exit_code == 0 and said.stdout.splitlines()[1].split()[1:3] == [new, "10%"], said.output
    sigmas = 3 * (1_000 * 0.1 * 0.9) ** 0.5
    assert found == {new: pytest.approx(100, abs=sigmas), old: pytest.approx(900, abs=sigmas)}
    counted = [line for line in system.front_ends[0].metrics().splitlines() if "jitney_traffic_requests_total" in line]
    assert any(f'code="ok",model="toy",revision="{new}"' in line for line in counted)
    status = json.loads(jitney(system, "status", "--json").stdout)
    assert [one["share"] for one in status["traffic"]["toy"]["revisions"]] == [0.1, None]


def test_what_is_cleared_goes_by_room_again(system: Stack, revisions: tuple[str, str]) -> None:
    old, new = revisions
    traffic(system, "toy", f"{new}=100%")
    before = asked(system, 40)

    traffic(system, "toy", "--clear")

    assert (before, asked(system, 40)) == ({new: 40}, {old: pytest.approx(20, abs=3), new: pytest.approx(20, abs=3)})


def test_a_revision_that_is_named_answers_whatever_the_shares_are(system: Stack, revisions: tuple[str, str]) -> None:
    old, new = revisions
    traffic(system, "toy", f"{new}=100%")

    assert asked(system, 20, f"{PATH}@{old}") == {old: 20}


def test_streams_and_predictions_go_by_the_same_shares(system: Stack, revisions: tuple[str, str]) -> None:
    for revision in revisions:
        traffic(system, "toy", f"{revision}=100%")

        streams = [ask(system.front_ends[0], {"Accept": "application/x-ndjson"}) for _ in range(4)]
        taken = [ask(system.front_ends[0], LATER) for _ in range(4)]
        results = [system.front_ends[1].get(f"{one.headers['location']}/result?wait=20", timeout=30.0) for one in taken]

        assert {whose(reply) for reply in streams + results} == {revision}


def test_a_large_prediction_stays_with_its_revision_and_waits_for_the_one_that_it_names(
    system: Stack, revisions: tuple[str, str]
) -> None:
    old, new = revisions
    one, other = system.front_ends
    traffic(system, "toy", f"{new}=100%")
    for batcher in system.batchers:
        batcher.pause()
    try:
        shared, named = (one.post(path, MANY, LATER) for path in (PATH, f"{PATH}@{old}"))
        traffic(system, "toy", f"{old}=100%")
    finally:
        system.batchers[1].resume()

    assert (whose(result(other, shared)), result(other, shared).body.count(b"right")) == (new, 250)

    system.batchers[0].popen.terminate()
    system.batchers[0].resume()
    system.batchers[0].wait()
    system.until(lambda: set(asked(system, 4)) == {new}, "the old one has left")
    system.start_batcher(OLD)
    system.wait_live(2)

    assert (whose(result(other, named)), result(other, named).body.count(b"right")) == (old, 250)


def test_each_line_of_a_batch_goes_by_the_shares_and_large_ones_by_the_revision_that_they_name(
    system: Stack, revisions: tuple[str, str]
) -> None:
    old, new = revisions
    one, other = system.front_ends
    traffic(system, "toy", f"{new}=25%")
    named = {"custom_id": "many", "method": "POST", "url": f"{PATH}@{new}", "body": MANY}

    before = answered(one, other)
    dealt = ended(other, created(one, [line(str(number), "word1 word2", PATH) for number in range(200)]))
    between = answered(one, other)
    large = ended(other, created(one, [named]))
    after = answered(one, other)

    assert [(batch.status, batch.error_file_id) for batch in (dealt, large)] == [("completed", None)] * 2
    sigmas = 3 * (200 * 0.25 * 0.75) ** 0.5
    assert between - before == {new: pytest.approx(50, abs=sigmas), old: pytest.approx(150, abs=sigmas)}
    assert after - between == {new: 250}


def test_shares_that_change_under_load_fail_no_request(system: Stack, revisions: tuple[str, str]) -> None:
    old, new = revisions
    over, replies = threading.Event(), list[Reply]()

    def keep_asking(worker: int) -> None:
        while not over.is_set():
            replies.append(ask(system.front_ends[worker % 2]))

    with ThreadPoolExecutor(4) as clients:
        workers = [clients.submit(keep_asking, worker) for worker in range(4)]
        try:
            for share in (f"{new}=90%", f"{old}=100%", "--clear"):
                traffic(system, "toy", share)
                enough = len(replies) + 20
                system.until(lambda enough=enough: len(replies) >= enough, "some were answered since")
        finally:
            over.set()
        for worker in workers:
            worker.result()

    assert {reply.status for reply in replies} == {200}


@pytest.fixture(scope="module")
def callers(system: Stack) -> list[dict[str, str]]:
    return with_keys(system, CALLERS)


@pytest.fixture(scope="module")
def narrow(system: Stack, callers: list[dict[str, str]]) -> FrontEnd:
    """A third one, which asks for keys and lets forty jobs wait."""
    made = system.start_front_end(api_keys="on", max_queue_jobs=40)
    system.until(lambda: ask(made, callers[-1]).status == 200, "keys are known")
    return made


def test_a_caller_keeps_its_revision_and_a_larger_share_only_brings_callers_towards_it(
    system: Stack, revisions: tuple[str, str], narrow: FrontEnd, callers: list[dict[str, str]]
) -> None:
    old, new = revisions

    def sides() -> list[str]:
        with ThreadPoolExecutor(8) as clients:
            return list(clients.map(lambda caller: whose(ask(narrow, caller)), callers))

    traffic(system, "toy", f"{new}=30%", "--sticky", "caller")
    before, again = sides(), sides()
    lines = [batch_of(narrow, caller, 20) for caller in callers[:3]]
    traffic(system, "toy", f"{new}=70%", "--sticky", "caller")
    after = sides()

    assert before == again
    assert lines == [{side: 20} for side in before[:3]]
    assert set(before) == {old, new}
    assert {(was, now) for was, now in zip(before, after, strict=True) if was != now} == {(old, new)}


def test_where_a_revision_has_no_room_for_its_share_nobody_is_refused(
    system: Stack, revisions: tuple[str, str], narrow: FrontEnd, callers: list[dict[str, str]]
) -> None:
    old, new = revisions
    traffic(system, "toy", f"{new}=100%")
    system.batchers[1].pause()
    try:
        with ThreadPoolExecutor(64) as clients:  # forty, and a claim, may wait for the one that hangs
            answers = [clients.submit(ask, narrow, callers[0]) for _ in range(64)]
            first = next(as_completed(answers)).result()
            system.batchers[1].resume()
    finally:
        system.batchers[1].resume()

    assert whose(first) == old
    assert {answer.result().status for answer in answers} == {200}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("nobody", "0=1%"), "no model is called 'nobody'; these are: toy", id="a model that is none"),
        pytest.param(("toy", "zz=1%"), "no revision of toy begins with 'zz'", id="a revision that is none"),
        pytest.param(("toy", "=1%"), "REVISION=10%", id="a share that is none"),
    ],
)
def test_what_makes_no_sense_is_said_and_changes_nothing(system: Stack, arguments: Any, said: str) -> None:
    answer = jitney(system, "traffic", *arguments)

    assert (answer.exit_code, said in answer.output) == (2, True), answer.output
    assert "no model has shares" in jitney(system, "traffic").stdout


def test_a_revision_that_does_not_live_yet_is_warned_of_and_gets_its_share_when_it_does(
    system: Stack, revisions: tuple[str, str]
) -> None:
    old, new = revisions
    gone = "0" * 12

    answer = traffic(system, "toy", f"{gone}=100%")

    assert answer.exit_code == 0 and f"toy@{gone} has no live batcher: the others get its 100%" in answer.output
    assert asked(system, 10).keys() == {old, new}
    assert f"100% of its requests are meant for {gone}" in jitney(system, "doctor").stdout
